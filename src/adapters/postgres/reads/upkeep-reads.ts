import type { Orphans, StoreSize } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";

const CLASSES: readonly (readonly [table: string, name: string])[] = [
  ["agents", "state"],
  ["journal", "journal"],
  ["mail", "mail"],
  ["effects", "effects"],
  ["dead", "deadLetters"],
  ["replies", "replies"],
  ["subs", "subscriptions"],
  ["dedupe", "dedupe"],
  ["dedupe_chunks", "dedupe"],
  ["ledger_entries", "ledger"],
  ["ledger_sums", "ledger"],
  ["ledger_rows", "ledger"],
  ["facts", "other"],
  ["owners", "other"],
];
const TERMINATED = 3;

/** Bytes by class. What is free inside of a table the server does not tell without an extension, and its log is not ours: both are 0. */
export async function usage(db: Connection): Promise<Readonly<Record<string, number>>> {
  const rows = await db.all<{ readonly name: string; readonly rows_bytes: number; readonly index_bytes: number }>(
    `SELECT name, pg_table_size(name::regclass) AS rows_bytes, pg_indexes_size(name::regclass) AS index_bytes FROM unnest($1::text[]) AS t (name)`,
    CLASSES.map(([table]) => table),
  );
  const sums: Record<string, number> = Object.fromEntries([...CLASSES.map(([, name]) => name), "indexes"].map((name) => [name, 0]));
  for (const { name, rows_bytes: ofRows, index_bytes: ofIndexes } of rows) {
    const cls = CLASSES.find(([table]) => table === name)?.[1] ?? "other";
    sums[cls] = (sums[cls] ?? 0) + ofRows;
    sums["indexes"] = (sums["indexes"] ?? 0) + ofIndexes;
  }
  return { ...sums, free: 0, log: 0 };
}

/** How much room the tables take; what is left on the server's disk nobody can tell from here. */
export async function size(db: Connection): Promise<StoreSize> {
  const [row] = await db.all<{ readonly bytes: number }>(
    "SELECT sum(pg_total_relation_size(name::regclass))::bigint AS bytes FROM unnest($1::text[]) AS t (name)",
    CLASSES.map(([table]) => table),
  );
  return { bytes: row?.bytes ?? 0, freeBytes: 0, logBytes: 0 };
}

/** What the server found broken: pages with a wrong checksum, indexes that are not valid; and agents without their newest journal row. */
export async function inspect(db: Connection): Promise<readonly string[]> {
  const [damage] = await db.all<{ readonly failures: number | null }>(
    "SELECT checksum_failures AS failures FROM pg_stat_database WHERE datname = current_database()",
  );
  const indexes = await db.all<{ readonly name: string }>(
    `SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE c.relnamespace = current_schema()::regnamespace AND NOT (i.indisvalid AND i.indisready) ORDER BY 1`,
  );
  const headless = await db.all<{ readonly address: string }>(
    `SELECT address FROM agents a WHERE a.head > 0
     AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.id = a.head AND j.agent = a.no) ORDER BY a.no LIMIT 10`,
  );
  return [
    ...((damage?.failures ?? 0) > 0 ? [`the server found ${damage?.failures} pages with a wrong checksum`] : []),
    ...indexes.map(({ name }) => `index ${name} is not valid`),
    ...headless.map(({ address }) => `agent ${address} lacks its newest journal row`),
  ];
}

/** The first of what belongs to nobody. */
export async function orphans(db: Connection, limit: number): Promise<Orphans> {
  return {
    mail: await db.all(
      "SELECT seq, agent FROM mail m WHERE NOT EXISTS (SELECT 1 FROM agents a WHERE a.no = m.agent) ORDER BY seq LIMIT $1",
      limit,
    ),
    effects: await db.all(
      `SELECT e.id, e.envelope, e.name FROM effects e WHERE e.state <> 'in-doubt'
       AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.agent = e.agent AND strpos(m.head, e.envelope) > 0)
       AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.id = e.envelope) ORDER BY e.n LIMIT $1`,
      limit,
    ),
    subscriptions: await db.all(
      `SELECT s.agent, s.pattern FROM subs s LEFT JOIN agents a ON a.no = s.agent WHERE a.no IS NULL OR a.status = ${TERMINATED} LIMIT $1`,
      limit,
    ),
  };
}
