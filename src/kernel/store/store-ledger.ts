import { AosError } from "../errors.ts";
import type { Ledger, LedgerEntry, LedgerOp, LedgerRow } from "./ledger.ts";
import type { Commit, Store } from "./store.ts";

const LIMIT_MAX = 1_000;
const NAME_MAX = 200;

/** The ledger of a store: reads go to it directly, writes through whatever commits units. */
export class StoreLedger implements Ledger {
  readonly #store: Pick<Store, "ledgerGet" | "ledgerList" | "ledgerSum" | "ledgerRows">;
  readonly #write: (commit: Commit) => Promise<void>;

  constructor(store: Pick<Store, "ledgerGet" | "ledgerList" | "ledgerSum" | "ledgerRows">, write: (commit: Commit) => Promise<void>) {
    this.#store = store;
    this.#write = write;
  }

  async apply(ops: readonly LedgerOp[]): Promise<void> {
    if (ops.length === 0) return;
    // Copied, since the caller may change its bytes before they are written.
    await this.#write({
      ledger: ops.map((op) => checkLedgerOp("bytes" in op ? { ...op, bytes: op.bytes.slice() } : op)),
    });
  }

  async get(cls: string, key: string): Promise<LedgerEntry | undefined> {
    checkName("class", cls);
    checkName("key", key);
    return this.#store.ledgerGet(cls, key);
  }

  async list(cls: string, after?: string, limit = LIMIT_MAX): Promise<readonly LedgerEntry[]> {
    checkLimit(limit);
    checkName("class", cls);
    return this.#store.ledgerList(cls, after, limit);
  }

  async sum(cls: string, key: string): Promise<number> {
    checkName("class", cls);
    checkName("key", key);
    return this.#store.ledgerSum(cls, key);
  }

  async rows(cls: string, after = 0, limit = LIMIT_MAX): Promise<readonly LedgerRow[]> {
    checkLimit(limit);
    checkName("class", cls);
    return this.#store.ledgerRows(cls, after, limit);
  }
}

/**
 * Passes an operation on whose names and numbers are within the ledger's limits.
 * @throws AosError LIMIT_EXCEEDED, USAGE.
 */
export function checkLedgerOp(op: LedgerOp): LedgerOp {
  checkName("class", op.class);
  if (op.op !== "append") checkName("key", op.key);
  if (op.op === "add" && !Number.isFinite(op.delta)) {
    throw new AosError("LIMIT_EXCEEDED", `the sum of ${op.class}/${op.key} is not finite`);
  }
  return op;
}

function checkName(what: "class" | "key", name: string): void {
  if (name.length < 1 || name.length > NAME_MAX) {
    throw new AosError("LIMIT_EXCEEDED", `a ledger ${what} has 1 to ${NAME_MAX} characters, not ${name.length}`);
  }
  // Two different lone surrogates are one and the same in UTF-8, which every store on disk uses.
  if (!name.isWellFormed()) throw new AosError("USAGE", `a ledger ${what} must be well-formed Unicode`);
}

function checkLimit(limit: number): void {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX)) {
    throw new AosError("LIMIT_EXCEEDED", `a page has 1 to ${LIMIT_MAX} entries, not ${limit}`);
  }
}
