import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ReplyRow } from "../../../kernel/index.ts";
import { first } from "./query.ts";

/** Replies of commands; the order of their rowids is nearly that of their times. */
export class RepliesTable {
  readonly #put: StatementSync;
  readonly #get: StatementSync;
  readonly #prune: StatementSync;

  constructor(db: DatabaseSync) {
    this.#put = db.prepare(
      "INSERT INTO replies (id, at, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body",
    );
    this.#get = db.prepare("SELECT id, at, body FROM replies WHERE id = ?");
    this.#prune = db.prepare(
      "DELETE FROM replies WHERE rowid IN (SELECT rowid FROM (SELECT rowid, at FROM replies ORDER BY rowid LIMIT ?) WHERE at < ?)",
    );
  }

  put(row: ReplyRow): void {
    this.#put.run(row.id, row.at, row.body);
  }

  get(id: string): ReplyRow | undefined {
    const found = first<ReplyRow>(this.#get, id);
    return found === undefined ? undefined : { id: found.id, at: found.at, body: found.body };
  }

  /** Drops old replies among the oldest `limit`; how many. */
  prune(before: number, limit: number): number {
    return Number(this.#prune.run(limit, before).changes);
  }
}
