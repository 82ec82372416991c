import { PurposeDrivenAgent, query, state } from "aosjs";
import { z } from "zod";
import { Ceo } from "./ceo.ts";
import { Cfo } from "./cfo.ts";
import { Cmo } from "./cmo.ts";
import { Cso } from "./cso.ts";
import { Cto } from "./cto.ts";
import { decideOn, deskState, emptyDesk, Summary, summaryOf } from "./desk.ts";
import { GitHubDelivery } from "./events.ts";
import { judge } from "./rules.ts";

const MEMBERS = { ceo: Ceo, cfo: Cfo, cmo: Cmo, cso: Cso, cto: Cto } as const;

/** Opens the board's post: hands each delivery to one member, or says why nobody needs it. */
export class Secretary extends PurposeDrivenAgent.define({
  type: "secretary",
  purpose: "Every delivery reaches exactly one desk",
  state: state(1, z.object(deskState), { initial: emptyDesk }),
  on: { delivery: GitHubDelivery },
  queries: { summary: query(z.object({}), Summary) },
}) {
  readonly handlers = this.handle({
    delivery: (ctx, { data }) => {
      const verdict = judge(data);
      if ("ignored" in verdict) decideOn(ctx, data);
      else ctx.agent(MEMBERS[verdict.member], "main").tell(GitHubDelivery, data);
    },
    summary: summaryOf,
  });
}
