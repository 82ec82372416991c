import type { Core } from "../core.ts";
import { AosError } from "../errors.ts";
import type { AgentListing, MaybePromise } from "../store/store.ts";
import { checkTopic, matchesFilter, matchesTopic } from "./topics.ts";

/** A receiver that routing found. */
export interface Receiver {
  readonly no: number;
  readonly address: string;
  /** Whether it subscribed to all events of the topic, hence gets them wrapped. */
  readonly isWrapped?: boolean | undefined;
}

/** What a subscriber to all events of a topic gets. */
export function wrapMessage(topic: string, type: string, text: string, id: string): string {
  return `{"topic":${JSON.stringify(topic)},"type":${JSON.stringify(type)},"id":${JSON.stringify(id)},"data":${text}}`;
}

const PAGE = 1_000;

/** Finds who gets a message that names no single agent. All answers are bounded by `limits.fanOut`. */
export class Routing {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Agents of a tenant whose type accepts an event, by type or tag where given. */
  async accepting(
    tenant: string,
    event: string,
    filter: { readonly type?: string | undefined; readonly tag?: string | undefined } = {},
  ): Promise<Receiver[]> {
    const found: Receiver[] = [];
    for (const type of this.#core.types.all()) {
      if (!type.events.has(event) || (filter.type !== undefined && filter.type !== type.name)) continue;
      const isTagged = filter.tag === undefined || type.contract.tags?.includes(filter.tag) === true;
      for await (const agent of this.#ofType(tenant, type.name)) {
        if (agent.status === "terminated") continue;
        if (!isTagged && !tagsOf(agent).includes(filter.tag ?? "")) continue;
        found.push({ no: agent.no, address: agent.address });
        this.#bound(found.length, event);
      }
    }
    return found;
  }

  /** Agents of a tenant that are subscribed to a topic, each once per event. */
  async subscribed(tenant: string, topic: string, event: string, data: unknown): Promise<Receiver[]> {
    checkTopic(topic);
    const found = new Map<number, Receiver>();
    for (const pattern of await this.#core.store.patterns(tenant)) {
      if (!matchesTopic(pattern, topic)) continue;
      for (const row of await this.#core.store.subscribers(tenant, pattern)) {
        const isWrapped = row.event === "*";
        if ((!isWrapped && row.event !== event) || found.has(row.agent) || !matchesFilter(row.filter, data)) continue;
        const agent: MaybePromise<{ address: string; status: string } | undefined> = this.#core.store.agentByNo(row.agent);
        const settled = agent instanceof Promise ? await agent : agent;
        if (settled === undefined || settled.status === "terminated") continue;
        found.set(row.agent, { no: row.agent, address: settled.address, isWrapped });
        this.#bound(found.size, topic);
      }
    }
    return [...found.values()];
  }

  async *#ofType(tenant: string, type: string): AsyncGenerator<AgentListing> {
    let after: string | undefined;
    while (true) {
      const page: readonly AgentListing[] = await this.#core.store.agents({ tenant, type, after, limit: PAGE });
      yield* page;
      if (page.length < PAGE) return;
      after = page.at(-1)?.address;
    }
  }

  #bound(count: number, what: string): void {
    if (count > this.#core.limits.fanOut) {
      throw new AosError("LIMIT_EXCEEDED", `${what} would reach more than ${this.#core.limits.fanOut} agents`, {
        details: { limit: this.#core.limits.fanOut },
      });
    }
  }
}

function tagsOf(agent: { readonly meta?: string | undefined }): readonly string[] {
  return agent.meta === undefined ? [] : ((JSON.parse(agent.meta) as { tags?: readonly string[] }).tags ?? []);
}
