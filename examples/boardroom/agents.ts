/**
 * A boardroom that watches a company's GitHub organisation: `npm start`, or `aos up --agents examples/boardroom/agents.ts`.
 * Point a repository's webhook at `POST /webhooks/github`; on a fresh data folder real example payloads come by themselves.
 */
import { Ceo } from "./ceo.ts";
import { Cfo } from "./cfo.ts";
import { Cmo } from "./cmo.ts";
import { Cso } from "./cso.ts";
import { Cto } from "./cto.ts";
import { type Deliver, replay } from "./replay.ts";
import { Secretary } from "./secretary.ts";
import { toArrival } from "./webhooks.ts";

export { Ceo, Cfo, Cmo, Cso, Cto, Secretary };

/** The agents that exist from the first start. */
export const register = [Ceo, Cfo, Cmo, Cso, Cto, Secretary].map((agent) => ({
  agent,
  id: "main",
}));

/** `POST /webhooks/<name>`, by name. */
export const webhooks = { github: toArrival };

/** Called at every start until it has succeeded once. */
export async function onFirstBoot(system: {
  /** Hands a request to one of `webhooks`, without a signature: it comes from inside. */
  readonly deliver: (webhook: string, ...request: Parameters<Deliver>) => Promise<unknown>;
}): Promise<void> {
  await replay((headers, body) => system.deliver("github", headers, body));
}
