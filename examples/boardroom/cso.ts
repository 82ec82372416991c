import { PurposeDrivenAgent, query, state } from "aosjs";
import { z } from "zod";
import { Ceo } from "./ceo.ts";
import { decideOn, deskState, emptyDesk, Summary, summaryOf } from "./desk.ts";
import { Escalation, GitHubDelivery, Report, ReportRequest } from "./events.ts";

/** The chief security officer: takes every security alert, and brings the severe ones before the CEO at once. */
export class Cso extends PurposeDrivenAgent.define({
  type: "cso",
  purpose: "No alert goes unread, and no severe one waits",
  tags: ["board"],
  state: state(1, z.object({ ...deskState, escalated: z.number().int() }), {
    initial: () => ({ ...emptyDesk(), escalated: 0 }),
  }),
  on: { delivery: GitHubDelivery, report: ReportRequest },
  queries: { summary: query(z.object({}), Summary) },
}) {
  readonly handlers = this.handle({
    delivery: (ctx, { data }) => {
      const verdict = decideOn(ctx, data);
      if ("ignored" in verdict || verdict.choice !== "escalate") return;
      ctx.state.escalated++;
      const what = `${data.event} in ${data.payload.repository?.full_name ?? "GitHub's database"}`;
      ctx.agent(Ceo, "main").tell(Escalation, { from: "cso", what, because: verdict.because, delivery: data.delivery }, { priority: 8 });
    },
    report: (ctx, { data }) => {
      const { counts, escalated } = ctx.state;
      ctx.reply(Report, {
        brief: data.brief,
        member: "cso",
        counts,
        line: `${escalated} alerts escalated`,
      });
    },
    summary: summaryOf,
  });
}
