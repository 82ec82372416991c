import type { Budget, Period } from "../contract/contract.ts";
import type { AgentEntry } from "../agents/entry.ts";
import type { LedgerOp } from "../store/ledger.ts";
import type { Store } from "../store/store.ts";
import type { TypeRegistry } from "../agents/types.ts";

/** The ledger class in which counts stand: key `bucket start|agent|quantity|period`. */
export const COUNTER_CLASS = "count";
/** Counts in each half of what memory holds. */
const HALF = 50_000;

const PERIODS: readonly { readonly period: Period; readonly end: (now: number) => readonly [from: number, to: number] }[] = [
  { period: "minute", end: (now) => bucket(now, 60_000) },
  { period: "hour", end: (now) => bucket(now, 3_600_000) },
  { period: "day", end: (now) => bucket(now, 86_400_000) },
  { period: "month", end: month },
];

const NONE: readonly never[] = [];

/** The text that sorts before the keys of all buckets that start at a time or later, and after all others. */
export function counterKeysFrom(at: number): string {
  return String(at).padStart(14, "0");
}

/** A count's key of a period, and its parts. */
export interface CounterKey {
  readonly key: string;
  /** The period's beginning as it stands in the key. */
  readonly from: string;
  readonly quantity: string;
  readonly period: string;
}

/** The keys under which an agent's quantities are counted now. */
export function counterKeys(address: string, quantities: readonly string[], now: number): readonly CounterKey[] {
  return quantities.flatMap((quantity) =>
    PERIODS.map(({ period, end }) => {
      const from = counterKeysFrom(end(now)[0]);
      return { key: counterKey(from, address, quantity, period), from, quantity, period };
    }),
  );
}

/** The ledger key of a count. */
export function counterKey(from: string, address: string, quantity: string, period: string): string {
  return `${from}|${address}|${quantity}|${period}`;
}

function bucket(now: number, width: number): readonly [number, number] {
  const from = Math.floor(now / width) * width;
  return [from, from + width];
}

function month(now: number): readonly [number, number] {
  const date = new Date(now);
  const at = (offset: number): number => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1);
  return [at(0), at(1)];
}

/**
 * Counts of turns, wakes and effects per agent and calendar period (UTC), limited by the contract's budget. They are
 * ledger sums that commit with the turn; memory holds what was read.
 */
export class Counters {
  readonly #store: Store;
  readonly #types: TypeRegistry;
  /** Counts in two halves: the older one is dropped at once, what is counted stands in the younger one. */
  #counts = new Map<string, number>();
  #older = new Map<string, number>();

  constructor(store: Store, types: TypeRegistry) {
    this.#store = store;
    this.#types = types;
  }

  /** Whether the contract limits a quantity at all. */
  limits(entry: AgentEntry, quantity: string): boolean {
    return this.#budget(entry)?.[quantity] !== undefined;
  }

  /** Reads the counts that an agent's budget needs; call it once before `blockedUntil`. */
  async warm(entry: AgentEntry, now: number): Promise<void> {
    for (const { key } of this.#buckets(entry, undefined, now)) {
      if (this.#known(key) !== undefined) continue;
      const sum = await this.#store.ledgerSum(COUNTER_CLASS, key);
      if (this.#known(key) === undefined) this.#remember(key, sum);
    }
  }

  /** Whether `warm` is needed. */
  isCold(entry: AgentEntry, now: number): boolean {
    if (this.#budget(entry) === undefined) return false;
    return this.#buckets(entry, undefined, now).some(({ key }) => this.#known(key) === undefined);
  }

  /** When a quantity is allowed again, epoch ms; undefined where it is now. */
  blockedUntil(entry: AgentEntry, quantity: string, now: number): number | undefined {
    if (this.#budget(entry) === undefined) return undefined;
    let until: number | undefined;
    for (const { key, limit, to } of this.#buckets(entry, quantity, now)) {
      if ((this.#known(key) ?? 0) >= limit) until = Math.max(until ?? 0, to);
    }
    return until;
  }

  /** Counts one, in memory at once and in the ledger with the commit that carries what this gives. */
  count(entry: AgentEntry, quantity: string, now: number): readonly LedgerOp[] {
    if (this.#budget(entry) === undefined) return NONE;
    return this.#buckets(entry, quantity, now).map(({ key }) => {
      this.#remember(key, (this.#known(key) ?? 0) + 1);
      return { op: "add", class: COUNTER_CLASS, key, delta: 1 };
    });
  }

  /**
   * Takes back what was counted for a commit that failed. Nothing else is forgotten: what others counted for commits
   * that are still on their way stands in no store yet.
   */
  withdraw(ops: readonly LedgerOp[] | undefined): void {
    for (const op of ops ?? []) {
      if (op.op !== "add" || op.class !== COUNTER_CLASS) continue;
      const known = this.#known(op.key);
      if (known !== undefined) this.#remember(op.key, known - op.delta);
    }
  }

  #known(key: string): number | undefined {
    return this.#counts.get(key) ?? this.#older.get(key);
  }

  #remember(key: string, count: number): void {
    if (this.#counts.size >= HALF) {
      this.#older = this.#counts;
      this.#counts = new Map();
    }
    this.#counts.set(key, count);
  }

  #budget(entry: AgentEntry): Budget | undefined {
    return this.#types.get(entry.type)?.contract.budget;
  }

  #buckets(entry: AgentEntry, quantity: string | undefined, now: number): { key: string; limit: number; to: number }[] {
    const budget = this.#budget(entry);
    if (budget === undefined) return [];
    const found: { key: string; limit: number; to: number }[] = [];
    for (const [name, limits] of Object.entries(budget)) {
      if (quantity !== undefined && name !== quantity) continue;
      for (const { period, end } of PERIODS) {
        const limit = limits[period];
        if (limit === undefined) continue;
        const [from, to] = end(now);
        found.push({ key: counterKey(counterKeysFrom(from), entry.address, name, period), limit, to });
      }
    }
    return found;
  }
}
