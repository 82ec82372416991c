import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EffectRow, EffectState } from "../../../kernel/index.ts";
import { all, first } from "./query.ts";

const COLUMNS = "id, agent, envelope, name, state, key, attempts, at, input, outcome";

type Stored = Omit<EffectRow, "outcome"> & { readonly outcome: string | null };

/** Which effects to list. */
export interface EffectFilter {
  readonly state?: EffectState | undefined;
  readonly agent?: number | undefined;
  readonly limit: number;
}

/** Effects: intents and their outcomes. */
export class EffectsTable {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #of: StatementSync;
  readonly #get: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#put = db.prepare(
      `INSERT INTO effects (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, key = excluded.key, attempts = excluded.attempts, at = excluded.at,
       input = excluded.input, outcome = excluded.outcome`,
    );
    this.#drop = db.prepare("DELETE FROM effects WHERE envelope = ? AND state <> 'in-doubt'");
    this.#of = db.prepare(`SELECT ${COLUMNS} FROM effects WHERE envelope = ? ORDER BY rowid`);
    this.#get = db.prepare(`SELECT ${COLUMNS} FROM effects WHERE id = ?`);
  }

  put(row: EffectRow): void {
    this.#put.run(row.id, row.agent, row.envelope, row.name, row.state, row.key, row.attempts, row.at, row.input, row.outcome ?? null);
  }

  drop(envelope: string): void {
    this.#drop.run(envelope);
  }

  of(envelope: string): readonly EffectRow[] {
    return all<Stored>(this.#of, envelope).map(toEffect);
  }

  get(id: string): EffectRow | undefined {
    const found = first<Stored>(this.#get, id);
    return found === undefined ? undefined : toEffect(found);
  }

  /** Oldest first. */
  list({ state, agent, limit }: EffectFilter): readonly EffectRow[] {
    const terms = ["1"];
    const values: (string | number)[] = [];
    // Written out, so that SQLite sees that the small index of what is in doubt has all of it.
    if (state === "in-doubt") terms.push("state = 'in-doubt'");
    else if (state !== undefined) {
      terms.push("state = ?");
      values.push(state);
    }
    if (agent !== undefined) {
      terms.push("agent = ?");
      values.push(agent);
    }
    const page = this.#db.prepare(`SELECT ${COLUMNS} FROM effects WHERE ${terms.join(" AND ")} ORDER BY rowid LIMIT ?`);
    return all<Stored>(page, ...values, limit).map(toEffect);
  }
}

function toEffect(stored: Stored): EffectRow {
  const { id, agent, envelope, name, state, key, attempts, at, input, outcome } = stored;
  return {
    id,
    agent,
    envelope,
    name,
    state,
    key,
    attempts,
    at,
    input,
    outcome: outcome ?? undefined,
  };
}
