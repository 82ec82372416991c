import type { AgentEntry } from "./agents/entry.ts";
import type { Calendar } from "./time/calendar.ts";
import type { Clock, Entropy, Hasher } from "./clock.ts";
import type { Committer } from "./store/committer.ts";
import type { AosError } from "./errors.ts";
import type { Outside } from "./effects/effect-call.ts";
import type { Limits } from "./limits.ts";
import type { TypeRegistry } from "./agents/types.ts";
import type { Commit, JournalWrite, Store } from "./store/store.ts";

/** What the kernel's surroundings must bring. */
export interface Platform {
  readonly store: Store;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly hasher: Hasher;
  readonly calendar: Calendar;
  readonly limits: Limits;
  /** What answers effects in place of the outside; the effects' own code unless given. */
  readonly outside?: Outside | undefined;
  /** What happens inside, for logs; never with payloads. */
  readonly report: (event: KernelEvent) => void;
}

/** Something worth a log line or a metric. */
export type KernelEvent =
  | { readonly event: "store.failed"; readonly error: AosError }
  | { readonly event: "store.recovered" }
  | { readonly event: "turn.failed"; readonly agent: string; readonly envelope: string; readonly attempt: number; readonly error: AosError }
  | { readonly event: "turn.aborted"; readonly agent: string; readonly envelope: string; readonly error: AosError }
  | { readonly event: "agent.quarantined"; readonly agent: string; readonly reason: string }
  | { readonly event: "agent.moved"; readonly agent: string; readonly from: string; readonly to: string }
  | { readonly event: "effect.in-doubt"; readonly agent: string; readonly effect: string; readonly name: string }
  | { readonly event: "upgrade.failed"; readonly agent: string; readonly code: string; readonly message: string }
  | { readonly event: "upgrade.stopped"; readonly type: string; readonly failed: number }
  | { readonly event: "breaker"; readonly name: string; readonly state: string }
  | { readonly event: "chain.cut"; readonly agent: string; readonly chain: string; readonly why: string }
  | { readonly event: "budget.spent"; readonly agent: string; readonly quantity: string; readonly until: number }
  | { readonly event: "restart.wanted"; readonly agent: string; readonly reason: string };

/** The parts that every piece of the kernel shares. */
export interface Core extends Platform {
  readonly types: TypeRegistry;
  readonly committer: Committer;
  readonly numbers: Numbers;
  /** Reads an agent again whose memory has no foundation any more, and lets it go on with the mail that is in the store. */
  readonly reread: (entry: AgentEntry) => void;
  /** Rows that became durable, in order. */
  readonly published: (rows: readonly JournalWrite[], address: string) => void;
}

const SEQ_BLOCK = 100_000;

/** Hands out the numbers that must never come twice. */
export class Numbers {
  agentNo: number;
  journalId: number;
  #seq: number;
  #reserved: number;
  readonly #reserve: (commit: Commit) => Promise<void>;

  constructor(
    start: { readonly agentNo: number; readonly journalId: number; readonly seq: number },
    reserve: (commit: Commit) => Promise<void>,
  ) {
    this.agentNo = start.agentNo;
    this.journalId = start.journalId;
    this.#seq = start.seq;
    this.#reserved = start.seq;
    this.#reserve = reserve;
  }

  /** The seq that was handed out last. */
  get lastSeq(): number {
    return this.#seq;
  }

  /** The next seq. Blocks are reserved ahead in the store, so that a crash skips numbers instead of repeating them. */
  seq(): number {
    if (this.#seq + SEQ_BLOCK / 2 >= this.#reserved) {
      const before = this.#reserved;
      this.#reserved += SEQ_BLOCK;
      // What the store did not take is not reserved: the next number asks again.
      this.#reserve({ facts: { seq: String(this.#reserved) } }).catch(() => {
        this.#reserved = Math.min(this.#reserved, before);
      });
    }
    this.#seq += 1;
    return this.#seq;
  }
}
