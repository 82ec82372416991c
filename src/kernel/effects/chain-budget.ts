import type { AgentEntry } from "../agents/entry.ts";
import type { LoadedType } from "../agents/types.ts";
import type { Core } from "../core.ts";
import { AosError } from "../errors.ts";

const COUNTS_MAX = 20_000;

/** What a contract allows its agent in one causal chain (`budget.<quantity>.chain`). Counts live in memory, the latest chains only. */
export class ChainBudget {
  readonly #core: Core;
  readonly #counts = new Map<string, number>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Counts one turn or effect of an agent in a chain; the error where that is one too many. */
  take(entry: AgentEntry, type: LoadedType, quantity: "turns" | "effects", chain: string): AosError | undefined {
    const limit = type.contract.budget?.[quantity]?.chain;
    if (limit === undefined) return undefined;
    const key = `${quantity}\n${entry.no}\n${chain}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    // Most recently used last, so that the bound forgets chains that have come to rest.
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > COUNTS_MAX) {
      const [oldest] = this.#counts.keys();
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    if (count <= limit) return undefined;
    const why = `agent ${entry.address} may have ${limit} ${quantity} in one chain; chain ${chain} asks for more`;
    this.#core.report({ event: "chain.cut", agent: entry.address, chain, why });
    return new AosError("CHAIN_CUT", why, { details: { chain, quantity, limit } });
  }
}
