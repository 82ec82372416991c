import type { JournalRow } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";

const COLUMNS = "j.id, j.prev, j.agent, j.turn, j.at, j.body, j.delta, a.address";
const FROM = "FROM journal j JOIN agents a ON a.no = j.agent";
/** Rows that a search looks at, newest first. */
const SEARCH_ROWS = 200_000;

type Stored = Omit<JournalRow, "delta"> & { readonly delta: string | null };

/** The oldest rows after a turn of an agent, oldest first. Costs time for all of its rows after that turn. */
export async function journalOf(db: Connection, agent: number, after: number, limit: number): Promise<readonly JournalRow[]> {
  const rows = await db.all<Stored>(
    `WITH RECURSIVE walk (id, prev) AS (
       SELECT j.id, j.prev FROM agents a JOIN journal j ON j.id = a.head WHERE a.no = $1 AND j.turn > $2
       UNION ALL SELECT back.id, back.prev FROM walk JOIN journal back ON back.id = walk.prev WHERE back.turn > $2),
     page (id) AS MATERIALIZED (SELECT id FROM walk ORDER BY id LIMIT $3)
     SELECT ${COLUMNS} FROM page JOIN journal j ON j.id = page.id JOIN agents a ON a.no = j.agent ORDER BY j.id`,
    agent,
    after,
    limit,
  );
  return rows.map(toRow);
}

/** All rows after an id, oldest first. */
export async function journalAfter(db: Connection, id: number, limit: number): Promise<readonly JournalRow[]> {
  return (await db.all<Stored>(`SELECT ${COLUMNS} ${FROM} WHERE j.id > $1 ORDER BY j.id LIMIT $2`, id, limit)).map(toRow);
}

/** The row of an id. */
export async function journalById(db: Connection, id: number): Promise<JournalRow | undefined> {
  return (await db.all<Stored>(`SELECT ${COLUMNS} ${FROM} WHERE j.id = $1`, id)).map(toRow)[0];
}

/** Rows whose body contains a text, newest first. */
export async function journalWith(db: Connection, text: string, limit: number): Promise<readonly JournalRow[]> {
  const rows = await db.all<Stored>(
    `SELECT ${COLUMNS} ${FROM} WHERE j.id > (SELECT coalesce(max(id), 0) FROM journal) - ${SEARCH_ROWS} AND strpos(j.body, $1) > 0
     ORDER BY j.id DESC LIMIT $2`,
    text,
    limit,
  );
  return rows.map(toRow);
}

function toRow(stored: Stored): JournalRow {
  return { ...stored, delta: stored.delta ?? undefined };
}
