import type { DatabaseSync, StatementSync } from "node:sqlite";
import { AosError, type LedgerEntry, type LedgerOp, type LedgerRow } from "../../kernel/index.ts";

/** The ledger. Classes and keys are kept as UTF-8 bytes: they may hold U+0000, at which SQLite's text functions stop. */
export class LedgerTables {
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #add: StatementSync;
  readonly #sum: StatementSync;
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
    this.#append = db.prepare("INSERT INTO ledger_rows (class, idx, bytes) SELECT ?1, coalesce(max(idx), 0) + 1, ?2 FROM ledger_rows WHERE class = ?1");
    this.#rows = db.prepare("SELECT idx, bytes FROM ledger_rows WHERE class = ? AND idx > ? ORDER BY idx LIMIT ?");
  }

  /** @throws AosError LEDGER_CONFLICT, LEDGER_FLOOR, LIMIT_EXCEEDED: then the unit must be rolled back. */
  apply(op: LedgerOp): void {
    const cls = toBlob(op.class);
    switch (op.op) {
      case "put": {
        const { version } = this.#put.get(cls, toBlob(op.key), op.bytes) as unknown as { version: number };
        expectVersion(op, version - 1);
        return;
      }
      case "delete": {
        const key = toBlob(op.key);
        if (op.expectedVersion !== undefined) expectVersion(op, (this.#get.get(cls, key) as unknown as { version: number } | undefined)?.version ?? 0);
        this.#delete.run(cls, key);
        return;
      }
      case "add": {
        const { value } = this.#add.get(cls, toBlob(op.key), op.delta) as unknown as { value: number };
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
    const found = this.#get.get(toBlob(cls), toBlob(key)) as unknown as { version: number; bytes: Uint8Array | null } | undefined;
    return found === undefined ? undefined : { key, bytes: found.bytes ?? new Uint8Array(), version: found.version };
  }

  list(cls: string, after: string | undefined, limit: number): readonly LedgerEntry[] {
    const found = this.#list.all(toBlob(cls), toBlob(after ?? ""), limit) as unknown as { key: Uint8Array; version: number; bytes: Uint8Array | null }[];
    return found.map(({ key, version, bytes }) => ({ key: Buffer.from(key).toString("utf8"), bytes: bytes ?? new Uint8Array(), version }));
  }

  sum(cls: string, key: string): number {
    return (this.#sum.get(toBlob(cls), toBlob(key)) as unknown as { value: number } | undefined)?.value ?? 0;
  }

  rows(cls: string, after: number, limit: number): readonly LedgerRow[] {
    const found = this.#rows.all(toBlob(cls), after, limit) as unknown as { idx: number; bytes: Uint8Array | null }[];
    return found.map(({ idx, bytes }) => ({ index: idx, bytes: bytes ?? new Uint8Array() }));
  }
}

/** Whether an operation can be refused for what is stored. */
export function isConditional(op: LedgerOp): boolean {
  switch (op.op) {
    case "put":
    case "delete":
      return op.expectedVersion !== undefined;
    case "add":
      return op.floor !== undefined;
    case "append":
      return false;
  }
}

function expectVersion(op: { readonly class: string; readonly key: string; readonly expectedVersion?: number | undefined }, version: number): void {
  if (op.expectedVersion === undefined || op.expectedVersion === version) return;
  throw new AosError("LEDGER_CONFLICT", `${op.class}/${op.key} has version ${version}, not ${op.expectedVersion}`, {
    details: { class: op.class, key: op.key, version, expectedVersion: op.expectedVersion },
  });
}

/** Node binds a view of no bytes as NULL, so the empty key is X'' only by a non-null column: callers compare with `>`. */
function toBlob(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}
