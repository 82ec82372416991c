import { AosError } from "../kernel/index.ts";
import type { Ledger, LedgerEntry, LedgerOp, LedgerRow } from "../kernel/index.ts";

interface Stored {
  readonly bytes: Uint8Array;
  readonly version: number;
}

/** What one `apply` changed so far; nothing of it is visible before all of its operations have passed. */
interface Draft {
  readonly entries: Map<string, Stored | undefined>;
  readonly sums: Map<string, number>;
  readonly appended: { readonly cls: string; readonly bytes: Uint8Array }[];
}

const LIMIT_MAX = 1_000;
const NAME_MAX = 200;

/** A ledger in memory with the port's whole semantics and no durability: what it holds ends with the object. */
export class MemoryLedger implements Ledger {
  readonly #entries = new Map<string, Stored>();
  readonly #sums = new Map<string, number>();
  readonly #rows = new Map<string, Uint8Array[]>();

  async apply(ops: readonly LedgerOp[]): Promise<void> {
    const draft: Draft = { entries: new Map(), sums: new Map(), appended: [] };
    for (const op of ops) this.#stage(op, draft);
    this.#commit(draft);
  }

  async get(cls: string, key: string): Promise<LedgerEntry | undefined> {
    const stored = this.#entries.get(address(cls, key));
    return stored && { key, bytes: stored.bytes.slice(), version: stored.version };
  }

  async list(cls: string, after = "", limit = LIMIT_MAX): Promise<readonly LedgerEntry[]> {
    checkLimit(limit);
    checkName("class", cls);
    const found: LedgerEntry[] = [];
    for (const [id, { bytes, version }] of this.#entries) {
      const [entryClass, key]: [string, string] = JSON.parse(id);
      if (entryClass === cls && compareUtf8(key, after) > 0) found.push({ key, bytes: bytes.slice(), version });
    }
    return found.toSorted((a, b) => compareUtf8(a.key, b.key)).slice(0, limit);
  }

  async sum(cls: string, key: string): Promise<number> {
    return this.#sums.get(address(cls, key)) ?? 0;
  }

  async rows(cls: string, after = 0, limit = LIMIT_MAX): Promise<readonly LedgerRow[]> {
    checkLimit(limit);
    checkName("class", cls);
    const all = this.#rows.get(cls) ?? [];
    const page = all.slice(after, after + limit);
    return page.map((bytes, offset) => ({ index: after + offset + 1, bytes: bytes.slice() }));
  }

  #stage(op: LedgerOp, draft: Draft): void {
    switch (op.op) {
      case "put":
      case "delete": {
        const id = address(op.class, op.key);
        const found = draft.entries.has(id) ? draft.entries.get(id) : this.#entries.get(id);
        const version = found?.version ?? 0;
        if (op.expectedVersion !== undefined && op.expectedVersion !== version)
          throw new AosError(
            "LEDGER_CONFLICT",
            `ledger entry ${op.class}/${op.key} has version ${version}, not ${op.expectedVersion}; read it again`,
            {
              details: {
                class: op.class,
                key: op.key,
                expectedVersion: op.expectedVersion,
                version,
              },
            },
          );
        const next = op.op === "put" ? { bytes: op.bytes.slice(), version: version + 1 } : undefined;
        draft.entries.set(id, next);
        return;
      }
      case "add": {
        const id = address(op.class, op.key);
        const sum = (draft.sums.get(id) ?? this.#sums.get(id) ?? 0) + op.delta;
        if (!Number.isFinite(sum)) throw new AosError("LIMIT_EXCEEDED", `the sum of ${op.class}/${op.key} is not finite`);
        if (op.floor !== undefined && sum < op.floor)
          throw new AosError("LEDGER_FLOOR", `the sum of ${op.class}/${op.key} would be ${sum}, below its floor ${op.floor}`, {
            details: { class: op.class, key: op.key, sum, floor: op.floor },
          });
        draft.sums.set(id, sum);
        return;
      }
      case "append":
        checkName("class", op.class);
        draft.appended.push({ cls: op.class, bytes: op.bytes.slice() });
    }
  }

  #commit(draft: Draft): void {
    for (const [id, stored] of draft.entries)
      if (stored === undefined) this.#entries.delete(id);
      else this.#entries.set(id, stored);
    for (const [id, sum] of draft.sums) this.#sums.set(id, sum);
    for (const { cls, bytes } of draft.appended) {
      const rows = this.#rows.get(cls) ?? [];
      rows.push(bytes);
      this.#rows.set(cls, rows);
    }
  }
}

function address(cls: string, key: string): string {
  checkName("class", cls);
  checkName("key", key);
  return JSON.stringify([cls, key]);
}

function checkName(what: "class" | "key", name: string): void {
  if (name.length < 1 || name.length > NAME_MAX)
    throw new AosError("LIMIT_EXCEEDED", `a ledger ${what} has 1 to ${NAME_MAX} characters, not ${name.length}`);
  // Two different lone surrogates are one and the same in UTF-8, which every store on disk uses.
  if (!name.isWellFormed()) throw new AosError("USAGE", `a ledger ${what} must be well-formed Unicode`);
}

function checkLimit(limit: number): void {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX))
    throw new AosError("LIMIT_EXCEEDED", `a page has 1 to ${LIMIT_MAX} entries, not ${limit}`);
}

/** The order of UTF-8 bytes, which is that of code points; UTF-16 order differs past U+FFFF. */
function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
