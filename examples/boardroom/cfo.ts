import { isAosError, PurposeDrivenAgent, query, state } from "aosjs";
import { z } from "zod";
import { decideOn, deskState, emptyDesk, Summary, summaryOf } from "./desk.ts";
import { type Delivery, GitHubDelivery, Report, ReportRequest } from "./events.ts";
import { judge } from "./rules.ts";

/** The chief financial officer: books sponsorships and Marketplace purchases. */
export class Cfo extends PurposeDrivenAgent.define({
  type: "cfo",
  purpose: "Keep the company solvent",
  tags: ["board"],
  state: state(1, z.object({ ...deskState, monthlyCents: z.number().int(), assessment: z.string() }), {
    initial: () => ({ ...emptyDesk(), monthlyCents: 0, assessment: "none yet" }),
  }),
  on: { delivery: GitHubDelivery, report: ReportRequest },
  queries: { summary: query(z.object({}), Summary) },
}) {
  readonly handlers = this.handle({
    delivery: async (ctx, { data }) => {
      const { monthlyCents } = ctx.state;
      const assessment = await assess(() => ctx.think("assess", { input: { monthlyCents, data } }));
      ctx.state.monthlyCents += centsOf(data);
      ctx.state.assessment = assessment;
      decideOn(ctx, data, `assessment: ${assessment}`);
    },
    report: (ctx, { data }) => {
      const { counts, monthlyCents } = ctx.state;
      ctx.reply(Report, {
        brief: data.brief,
        member: "cfo",
        counts,
        line: `monthly income changed by ${monthlyCents} cents`,
      });
    },
    summary: summaryOf,
  });
}

const ASSESSMENT_MAX = 1_000;

/** What a model makes of it. Without one the rules decide alone, and the books say so; any other error is a failure. */
async function assess(think: () => Promise<unknown>): Promise<string> {
  try {
    return String(await think()).slice(0, ASSESSMENT_MAX);
  } catch (error) {
    if (!isAosError(error, "MODEL_NOT_CONFIGURED")) throw error;
    return "no model configured";
  }
}

/** By how much the monthly income changes; a mere announcement changes nothing. */
function centsOf(delivery: Delivery): number {
  const { sponsorship, marketplace_purchase: purchase } = delivery.payload;
  const cents = Math.round((sponsorship?.tier ?? purchase?.plan)?.monthly_price_in_cents ?? 0);
  const verdict = judge(delivery);
  if ("ignored" in verdict) return 0;
  if (verdict.choice === "book income") return cents;
  return verdict.choice === "book loss" ? -cents : 0;
}
