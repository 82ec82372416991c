import { command, cron, PurposeDrivenAgent, query, state, type TurnContext } from "aosjs";
import { z } from "zod";
import { decideOn, deskState, emptyDesk, Summary, summaryOf } from "./desk.ts";
import { BriefDue, Escalation, GitHubDelivery, Report, ReportRequest } from "./events.ts";

const ESCALATIONS_MAX = 20;
const BRIEFS_MAX = 7;
const BOARD = ["cfo", "cmo", "cso", "cto"];
const REPORTS_WITHIN = "1m";

const Brief = z.object({ name: z.string(), lines: z.array(z.string()) });

const contract = {
  type: "ceo",
  purpose: "Know by nine what the company must decide today",
  state: state(
    1,
    z.object({
      ...deskState,
      /** What members brought up since the last brief, newest last. */
      escalations: z.array(z.object({ from: z.string(), what: z.string(), because: z.string(), at: z.number() })).max(ESCALATIONS_MAX),
      /** The brief that waits for reports, and those that came. */
      open: Brief.optional(),
      briefs: z.array(Brief).max(BRIEFS_MAX),
    }),
    { initial: () => ({ ...emptyDesk(), escalations: [], briefs: [] }) },
  ),
  on: { delivery: GitHubDelivery, escalation: Escalation, report: Report, briefDue: BriefDue },
  commands: { brief: command(z.object({}), z.object({ asked: z.number() })) },
  queries: { summary: query(z.object({}), Summary), briefs: query(z.object({}), z.array(Brief)) },
  schedules: { daily: cron("0 9 * * *", { tz: "UTC" }) },
} as const;
type Turn = TurnContext<typeof contract>;

/** The chief executive officer: collects escalations, and at nine asks the board for one brief. */
export class Ceo extends PurposeDrivenAgent.define(contract) {
  readonly handlers = this.handle({
    delivery: (ctx, { data }) => {
      decideOn(ctx, data);
    },
    escalation: (ctx, { data: { from, what, because } }) => {
      ctx.state.escalations = [...ctx.state.escalations.slice(1 - ESCALATIONS_MAX), { from, what, because, at: ctx.now }];
    },
    daily: async (ctx) => {
      await openBrief(ctx);
    },
    brief: async (ctx) => ({ asked: await openBrief(ctx) }),
    report: (ctx, { data }) => {
      const { open } = ctx.state;
      // A report that comes after its brief was closed is late: the next brief asks again.
      if (open === undefined || open.name !== data.brief) return;
      const deliveries = Object.values(data.counts).reduce((sum, count) => sum + count, 0);
      open.lines.push(`${data.member}: ${deliveries} deliveries so far; ${data.line}`);
      if (open.lines.length === BOARD.length) closeBrief(ctx);
    },
    briefDue: (ctx, { data }) => {
      if (ctx.state.open?.name === data.brief) closeBrief(ctx);
    },
    summary: summaryOf,
    briefs: ({ briefs }) => briefs,
  });
}

async function openBrief(ctx: Turn): Promise<number> {
  const brief = ctx.uuid();
  ctx.state.open = { name: brief, lines: [] };
  ctx.timer("brief", REPORTS_WITHIN, BriefDue, { brief });
  return await ctx.broadcast(ReportRequest, { brief }, { tag: "board" });
}

function closeBrief(ctx: Turn): void {
  const { open, escalations } = ctx.state;
  if (open === undefined) return;
  const silent = BOARD.filter((member) => !open.lines.some((line) => line.startsWith(`${member}:`)));
  const lines = [
    ...open.lines.toSorted(),
    ...silent.map((member) => `${member}: no report within ${REPORTS_WITHIN}`),
    ...escalations.map(({ from, what, because }) => `escalated by ${from}: ${what}, because ${because}`),
  ];
  ctx.decide({ choice: "brief", because: lines });
  ctx.state.briefs = [...ctx.state.briefs.slice(1 - BRIEFS_MAX), { name: open.name, lines }];
  ctx.state.escalations = [];
  delete ctx.state.open;
  ctx.cancelTimer("brief");
}
