import { PurposeDrivenAgent, query, state } from "aosjs";
import { z } from "zod";
import { decideOn, deskState, emptyDesk, Summary, summaryOf } from "./desk.ts";
import { DigestDue, GitHubDelivery, Report, ReportRequest } from "./events.ts";

/** The chief marketing officer: releases and stars, in one wake for all that wait, and one note once it is quiet. */
export class Cmo extends PurposeDrivenAgent.define({
  type: "cmo",
  purpose: "Let the world know, without shouting",
  tags: ["board"],
  state: state(1, z.object({ ...deskState, toThank: z.number().int(), toAnnounce: z.number().int() }), {
    initial: () => ({ ...emptyDesk(), toThank: 0, toAnnounce: 0 }),
  }),
  on: { delivery: GitHubDelivery, digest: DigestDue, report: ReportRequest },
  queries: { summary: query(z.object({}), Summary) },
}) {
  readonly handlers = this.handle({
    delivery: {
      coalesce: true,
      run: (ctx, { batch }) => {
        for (const delivery of batch) {
          const verdict = decideOn(ctx, delivery);
          if ("ignored" in verdict) continue;
          if (verdict.choice === "thank") ctx.state.toThank++;
          if (verdict.choice === "announce") ctx.state.toAnnounce++;
        }
        // A timer of the same name is replaced, so the digest waits until nothing has come for ten minutes.
        if (ctx.state.toThank + ctx.state.toAnnounce > 0) ctx.timer("digest", "10m", DigestDue, {});
      },
    },
    digest: (ctx) => {
      const { toThank, toAnnounce } = ctx.state;
      if (toThank + toAnnounce === 0) return;
      ctx.decide({
        choice: "digest",
        because: `${toAnnounce} releases and ${toThank} stars make one note`,
      });
      ctx.state.toThank = 0;
      ctx.state.toAnnounce = 0;
    },
    report: (ctx, { data }) => {
      const { counts, toThank, toAnnounce } = ctx.state;
      ctx.reply(Report, {
        brief: data.brief,
        member: "cmo",
        counts,
        line: `${toAnnounce} releases and ${toThank} stars wait for a note`,
      });
    },
    summary: summaryOf,
  });
}
