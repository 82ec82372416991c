import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DedupeRow } from "../../../kernel/index.ts";
import { first } from "./query.ts";
import type { FactsTable } from "./facts-table.ts";

/** Keys that one generation holds at most; then it ends, though it is not old yet. */
const GENERATION_ROWS = 5_000_000;

type Generations = readonly [
  isSwapped: boolean,
  younger: readonly [rows: number, newest: number],
  older: readonly [rows: number, newest: number],
];

interface Generation {
  readonly put: StatementSync;
  readonly get: StatementSync;
  readonly clear: StatementSync;
  rows: number;
  /** The time of its newest key. */
  newest: number;
}

/**
 * Remembered dedupe keys in two generations: keys go into the younger one, and when the older one is old as a whole it
 * is emptied at once and becomes the younger. So nothing is ever deleted key by key, at scattered places.
 */
export class DedupeTable {
  readonly #facts: FactsTable;
  #younger: Generation;
  #older: Generation;
  #isSwapped = false;

  constructor(db: DatabaseSync, facts: FactsTable) {
    this.#facts = facts;
    const make = (table: string, other: string): Generation => ({
      put: db.prepare(
        `INSERT OR IGNORE INTO ${table} (hash, id, seq, digest, at)
         SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM ${other} WHERE hash = ?1)`,
      ),
      get: db.prepare(`SELECT id, seq, digest, at FROM ${table} WHERE hash = ?`),
      clear: db.prepare(`DELETE FROM ${table}`),
      rows: 0,
      newest: 0,
    });
    this.#younger = make("dedupe_a", "dedupe_b");
    this.#older = make("dedupe_b", "dedupe_a");
    this.reload();
  }

  /** Reads the generations' facts again: at the start, and after a rollback. */
  reload(): void {
    const stored = this.#facts.get("dedupe.generations");
    const [isSwapped, younger, older]: Generations = stored === undefined ? [false, [0, 0], [0, 0]] : JSON.parse(stored);
    if (isSwapped !== this.#isSwapped) this.#swap();
    [this.#younger.rows, this.#younger.newest] = younger;
    [this.#older.rows, this.#older.newest] = older;
  }

  /** Adds keys; one that is there stays as it is. */
  put(rows: readonly DedupeRow[]): void {
    const generation = this.#younger;
    for (const row of rows) {
      const { changes } = generation.put.run(toBlob(row.hash), row.id, row.seq, row.digest, row.at);
      if (changes === 0) continue;
      generation.rows++;
      if (row.at > generation.newest) generation.newest = row.at;
    }
    if (rows.length > 0) this.#note();
  }

  get(hash: string): DedupeRow | undefined {
    const blob = toBlob(hash);
    const found = first<Omit<DedupeRow, "hash">>(this.#younger.get, blob) ?? first<Omit<DedupeRow, "hash">>(this.#older.get, blob);
    return found === undefined ? undefined : { hash, id: found.id, seq: found.seq, digest: found.digest, at: found.at };
  }

  /** Begins a new generation where the older one is old as a whole, or the younger one is full. */
  prune(before: number): void {
    if (this.#younger.rows === 0) {
      if (this.#older.rows > 0 && this.#older.newest < before) this.#empty(this.#older);
      return;
    }
    if (this.#older.newest >= before && this.#younger.rows < GENERATION_ROWS) return;
    this.#empty(this.#older);
    this.#swap();
    this.#note();
  }

  #empty(generation: Generation): void {
    if (generation.rows > 0) generation.clear.run();
    generation.rows = 0;
    generation.newest = 0;
    this.#note();
  }

  #swap(): void {
    [this.#younger, this.#older] = [this.#older, this.#younger];
    this.#isSwapped = !this.#isSwapped;
  }

  #note(): void {
    const { rows, newest } = this.#younger;
    this.#facts.put("dedupe.generations", JSON.stringify([this.#isSwapped, [rows, newest], [this.#older.rows, this.#older.newest]]));
  }
}

/** Half the size of the text where it is hexadecimal, as hashes are. */
function toBlob(hash: string): Uint8Array {
  return /^(?:[0-9a-f]{2})+$/.test(hash) ? Buffer.from(hash, "hex") : Buffer.from(`~${hash}`, "utf8");
}
