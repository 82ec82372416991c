/**
 * The one port through which whatever must be atomic with a turn goes: budgets, approvals, audit, memory, idempotency.
 * An operation names a class and a key; both are 1–200 characters.
 */
export type LedgerOp =
  | {
      readonly op: "put";
      readonly class: string;
      readonly key: string;
      readonly bytes: Uint8Array;
      /** The version the entry must have: 0 for absent. Left out: whatever it has. */
      readonly expectedVersion?: number | undefined;
    }
  | {
      readonly op: "delete";
      readonly class: string;
      readonly key: string;
      readonly expectedVersion?: number | undefined;
    }
  | {
      readonly op: "add";
      readonly class: string;
      readonly key: string;
      readonly delta: number;
      /** The sum may not fall below this. Left out: unbounded. */
      readonly floor?: number | undefined;
    }
  | { readonly op: "append"; readonly class: string; readonly bytes: Uint8Array };

/** A stored ledger entry: `put` raises its version by one, from 1. */
export interface LedgerEntry {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly version: number;
}

/** An appended ledger row; `index` rises per class, from 1, dense. */
export interface LedgerRow {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads and writes of the ledger outside a turn. Each `apply` is atomic and durable when it resolves.
 * @throws AosError LEDGER_CONFLICT where an expected version differs, LEDGER_FLOOR where a sum would pass its floor.
 */
export interface Ledger {
  apply(ops: readonly LedgerOp[]): Promise<void>;
  get(cls: string, key: string): Promise<LedgerEntry | undefined>;
  /** Entries of a class in key order, after a key, at most `limit` (1–1,000). */
  list(cls: string, after?: string, limit?: number): Promise<readonly LedgerEntry[]>;
  /** The sum that `add` has built; 0 where there is none. */
  sum(cls: string, key: string): Promise<number>;
  /** Appended rows after an index, at most `limit` (1–1,000). */
  rows(cls: string, after?: number, limit?: number): Promise<readonly LedgerRow[]>;
}
