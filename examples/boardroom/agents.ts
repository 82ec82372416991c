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

const LOG_EVERY = 100;

/** The agents that exist from the first start. */
export const register = [Ceo, Cfo, Cmo, Cso, Cto, Secretary].map((agent) => ({
  agent,
  id: "main",
}));

/** `POST /webhooks/<name>`, by name. */
export const webhooks = { github: toArrival };

/** Called at every start until it has succeeded once: what was delivered before is recognised by its delivery id. */
export async function onFirstBoot(boot: {
  /** Hands a request to one of `webhooks`, without a secret: it comes from inside. */
  readonly deliver: (webhook: string, ...request: Parameters<Deliver>) => Promise<unknown>;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}): Promise<void> {
  const deliver: Deliver = (headers, body) => {
    boot.signal.throwIfAborted();
    return boot.deliver("github", headers, body);
  };
  const delivered = await replay(deliver, (done, total) => {
    if (done % LOG_EVERY === 0) boot.log(`boardroom: ${done} of ${total} example deliveries accepted`);
  });
  boot.log(`boardroom: all ${delivered} example deliveries accepted`);
}
