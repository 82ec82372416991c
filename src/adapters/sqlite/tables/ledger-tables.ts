import type { DatabaseSync, StatementSync } from "node:sqlite";
import { AosError, type LedgerEntry, type LedgerOp, type LedgerRow } from "../../../kernel/index.ts";
import { all, first } from "./query.ts";

interface Stored {
  readonly key: Uint8Array;
  readonly version: number;
  readonly bytes: Uint8Array | null;
}

/** The ledger. Classes and keys are kept as UTF-8 bytes: they may hold U+0000, at which SQLite's text functions stop. */
export class LedgerTables {
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #add: StatementSync;
  readonly #sum: StatementSync;
  readonly #pruneSums: StatementSync;
  readonly #append: StatementSync;
  readonly #rows: StatementSync;

  constructor(db: DatabaseSync) {
    this.#put = db.prepare(
      `INSERT INTO ledger_entries (class, key, version, bytes) VALUES (?, ?, 1, ?)
       ON CONFLICT (class, key) DO UPDATE SET version = version + 1, bytes = excluded.bytes RETURNING version`,
    );
    this.#delete = db.prepare("DELETE FROM ledger_entries WHERE class = ? AND key = ?");
    this.#get = db.prepare("SELECT version, bytes FROM ledger_entries WHERE class = ? AND key = ?");
    this.#list = db.prepare("SELECT key, version, bytes FROM ledger_entries WHERE class = ? AND key > ? ORDER BY key LIMIT ?");
    this.#add = db.prepare(
      "INSERT INTO ledger_sums (class, key, value) VALUES (?, ?, ?) ON CONFLICT (class, key) DO UPDATE SET value = value + excluded.value RETURNING value",
    );
    this.#sum = db.prepare("SELECT value FROM ledger_sums WHERE class = ? AND key = ?");
    this.#pruneSums = db.prepare(
      "DELETE FROM ledger_sums WHERE class = ?1 AND key IN (SELECT key FROM ledger_sums WHERE class = ?1 AND key < ?2 ORDER BY key LIMIT ?3)",
    );
    this.#append = db.prepare(
      "INSERT INTO ledger_rows (class, idx, bytes) SELECT ?1, coalesce(max(idx), 0) + 1, ?2 FROM ledger_rows WHERE class = ?1",
    );
    this.#rows = db.prepare("SELECT idx, bytes FROM ledger_rows WHERE class = ? AND idx > ? ORDER BY idx LIMIT ?");
  }

  /** @throws AosError LEDGER_CONFLICT, LEDGER_FLOOR, LIMIT_EXCEEDED: then the unit must be rolled back. */
  apply(op: LedgerOp): void {
    const cls = toBlob(op.class);
    switch (op.op) {
      case "put": {
        const put = first<Pick<Stored, "version">>(this.#put, cls, toBlob(op.key), op.bytes);
        expectVersion(op, (put?.version ?? 0) - 1);
        return;
      }
      case "delete": {
        const key = toBlob(op.key);
        if (op.expectedVersion !== undefined) expectVersion(op, first<Stored>(this.#get, cls, key)?.version ?? 0);
        this.#delete.run(cls, key);
        return;
      }
      case "add": {
        const value = first<{ readonly value: number | null }>(this.#add, cls, toBlob(op.key), op.delta)?.value ?? Number.NaN;
        if (!Number.isFinite(value)) throw new AosError("LIMIT_EXCEEDED", `the sum of ${op.class}/${op.key} is not finite`);
        if (op.floor !== undefined && value < op.floor) {
          throw new AosError("LEDGER_FLOOR", `the sum of ${op.class}/${op.key} would be ${value}, below its floor ${op.floor}`, {
            details: { class: op.class, key: op.key, sum: value, floor: op.floor },
          });
        }
        return;
      }
      case "append":
        this.#append.run(cls, op.bytes);
    }
  }

  get(cls: string, key: string): LedgerEntry | undefined {
    const found = first<Stored>(this.#get, toBlob(cls), toBlob(key));
    return found === undefined ? undefined : { key, bytes: found.bytes ?? new Uint8Array(), version: found.version };
  }

  list(cls: string, after: string | undefined, limit: number): readonly LedgerEntry[] {
    return all<Stored>(this.#list, toBlob(cls), toBlob(after ?? ""), limit).map(({ key, version, bytes }) => ({
      key: Buffer.from(key).toString("utf8"),
      bytes: bytes ?? new Uint8Array(),
      version,
    }));
  }

  sum(cls: string, key: string): number {
    return first<{ readonly value: number }>(this.#sum, toBlob(cls), toBlob(key))?.value ?? 0;
  }

  /** Drops sums whose keys sort before a text; gives how many. */
  pruneSums(cls: string, keysBefore: string, limit: number): number {
    return Number(this.#pruneSums.run(toBlob(cls), toBlob(keysBefore), limit).changes);
  }

  rows(cls: string, after: number, limit: number): readonly LedgerRow[] {
    return all<{ readonly idx: number; readonly bytes: Uint8Array | null }>(this.#rows, toBlob(cls), after, limit).map(
      ({ idx, bytes }) => ({ index: idx, bytes: bytes ?? new Uint8Array() }),
    );
  }
}

/** Whether an operation can be refused for what is stored. */
export function isConditional(op: LedgerOp): boolean {
  if (op.op === "append") return false;
  return op.op === "add" ? op.floor !== undefined : op.expectedVersion !== undefined;
}

function expectVersion(
  op: {
    readonly class: string;
    readonly key: string;
    readonly expectedVersion?: number | undefined;
  },
  version: number,
): void {
  if (op.expectedVersion === undefined || op.expectedVersion === version) return;
  throw new AosError("LEDGER_CONFLICT", `${op.class}/${op.key} has version ${version}, not ${op.expectedVersion}`, {
    details: { class: op.class, key: op.key, version, expectedVersion: op.expectedVersion },
  });
}

function toBlob(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}
