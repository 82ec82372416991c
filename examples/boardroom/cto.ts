import { PurposeDrivenAgent, query, state } from "aosjs";
import { z } from "zod";
import { Ceo } from "./ceo.ts";
import { decideOn, deskState, emptyDesk, Summary, summaryOf } from "./desk.ts";
import { Escalation, GitHubDelivery, Recheck, Report, ReportRequest } from "./events.ts";
import { outcomeOf, subjectOf } from "./rules.ts";

const FAILING_MAX = 50;
const TIMER_NAME_MAX = 128;
const RECHECK_AFTER = "30m";

/** The chief technology officer: pull requests, and whatever fails until it passes again. */
export class Cto extends PurposeDrivenAgent.define({
  type: "cto",
  purpose: "Nothing stays broken",
  tags: ["board"],
  state: state(1, z.object({ ...deskState, failing: z.array(z.string()).max(FAILING_MAX) }), {
    initial: () => ({ ...emptyDesk(), failing: [] }),
  }),
  on: { delivery: GitHubDelivery, recheck: Recheck, report: ReportRequest },
  queries: { summary: query(z.object({}), Summary) },
}) {
  readonly handlers = this.handle({
    delivery: (ctx, { data }) => {
      decideOn(ctx, data);
      const outcome = outcomeOf(data);
      if (outcome === undefined) return;
      const subject = subjectOf(data);
      const others = ctx.state.failing.filter((failing) => failing !== subject);
      ctx.state.failing = outcome === "failed" ? [...others.slice(1 - FAILING_MAX), subject] : others;
      if (outcome === "failed") ctx.timer(recheckOf(subject), RECHECK_AFTER, Recheck, { subject });
      else ctx.cancelTimer(recheckOf(subject));
    },
    recheck: (ctx, { data: { subject } }) => {
      if (!ctx.state.failing.includes(subject)) return;
      const because = `it has not passed within ${RECHECK_AFTER} of failing`;
      ctx.decide({ choice: "escalate", because: `${subject}: ${because}` });
      ctx.agent(Ceo, "main").tell(Escalation, { from: "cto", what: subject, because });
    },
    report: (ctx, { data }) => {
      const { counts, failing } = ctx.state;
      ctx.reply(Report, {
        brief: data.brief,
        member: "cto",
        counts,
        line: `${failing.length} things fail`,
      });
    },
    summary: summaryOf,
  });
}

const recheckOf = (subject: string): string => `recheck ${subject}`.slice(0, TIMER_NAME_MAX);
