import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DeadRow } from "../../../kernel/index.ts";
import { all, first } from "./query.ts";

const COLUMNS = "d.id, d.agent, d.at, d.reason, d.attempts, d.head, d.data, d.error";

/** Which dead letters to list. */
export interface DeadFilter {
  readonly agent?: number | undefined;
  readonly tenant?: string | undefined;
  readonly reason?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Dead letters, in the order of their envelopes' ids. */
export class DeadTable {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #get: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#put = db.prepare(
      "INSERT OR REPLACE INTO dead (id, agent, at, reason, attempts, head, data, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#drop = db.prepare("DELETE FROM dead WHERE id = ?");
    this.#get = db.prepare(`SELECT ${COLUMNS} FROM dead d WHERE d.id = ?`);
  }

  put(row: DeadRow): void {
    this.#put.run(row.id, row.agent, row.at, row.reason, row.attempts, row.head, row.data, row.error);
  }

  drop(id: string): void {
    this.#drop.run(id);
  }

  get(id: string): DeadRow | undefined {
    const found = first<DeadRow>(this.#get, id);
    return found === undefined ? undefined : toDead(found);
  }

  list({ agent, tenant, reason, after, limit }: DeadFilter): readonly DeadRow[] {
    const terms = ["d.id > ?"];
    const values: (string | number)[] = [after ?? ""];
    if (agent !== undefined) {
      terms.push("d.agent = ?");
      values.push(agent);
    }
    if (reason !== undefined) {
      terms.push("d.reason = ?");
      values.push(reason);
    }
    if (tenant !== undefined) {
      terms.push("(SELECT a.address FROM agents a WHERE a.no = d.agent) BETWEEN ? AND ?");
      values.push(`${tenant}/`, `${tenant}0`);
    }
    const page = this.#db.prepare(`SELECT ${COLUMNS} FROM dead d WHERE ${terms.join(" AND ")} ORDER BY d.id LIMIT ?`);
    return all<DeadRow>(page, ...values, limit).map(toDead);
  }
}

function toDead(stored: DeadRow): DeadRow {
  const { id, agent, at, reason, attempts, head, data, error } = stored;
  return { id, agent, at, reason, attempts, head, data, error };
}
