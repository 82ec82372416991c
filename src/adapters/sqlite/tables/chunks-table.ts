import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DedupeChunk } from "../../../kernel/index.ts";
import { all, first } from "./query.ts";

/** Agents' lists of dedupe keys, in chunks of about a page. */
export class ChunksTable {
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #of: StatementSync;
  readonly #last: StatementSync;
  readonly #window: StatementSync;
  readonly #delete: StatementSync;
  #pruned = 0;

  constructor(db: DatabaseSync) {
    this.#put = db.prepare(
      "INSERT INTO dedupe_chunks (agent, chunk, at, keys) VALUES (?, ?, ?, ?) ON CONFLICT (agent, chunk) DO UPDATE SET at = excluded.at, keys = excluded.keys",
    );
    this.#drop = db.prepare("DELETE FROM dedupe_chunks WHERE agent = ? AND chunk <= ?");
    this.#of = db.prepare("SELECT agent, chunk, at, keys FROM dedupe_chunks WHERE agent = ? ORDER BY chunk");
    this.#last = db.prepare("SELECT agent, chunk, at, keys FROM dedupe_chunks WHERE agent = ? ORDER BY chunk DESC LIMIT 1");
    this.#window = db.prepare("SELECT rowid AS id, at FROM dedupe_chunks WHERE rowid > ? ORDER BY rowid LIMIT ?");
    this.#delete = db.prepare("DELETE FROM dedupe_chunks WHERE rowid = ?");
  }

  put({ agent, chunk, at, keys, dropTo }: DedupeChunk): void {
    this.#put.run(agent, chunk, at, keys);
    if (dropTo !== undefined && dropTo >= 0) this.#drop.run(agent, dropTo);
  }

  of(agent: number): readonly DedupeChunk[] {
    return all<DedupeChunk>(this.#of, agent);
  }

  last(agent: number): DedupeChunk | undefined {
    return first<DedupeChunk>(this.#last, agent);
  }

  /** Looks at the next `limit` chunks and drops the old ones; true where more remain to be looked at. */
  prune(before: number, limit: number): boolean {
    const rows = all<{ readonly id: number; readonly at: number }>(this.#window, this.#pruned, limit);
    for (const { id, at } of rows) if (at < before) this.#delete.run(id);
    const isMore = rows.length === limit;
    this.#pruned = isMore ? (rows.at(-1)?.id ?? 0) : 0;
    return isMore;
  }
}
