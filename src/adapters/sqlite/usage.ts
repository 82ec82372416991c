import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { all, first } from "./tables/query.ts";

/** Pages up to which each one is looked at; reading more would hold up turns for too long. */
const PAGES_MAX = 65_536;
const SAMPLE_ROWS = 1_000;
/** What a row costs beside its texts. */
const ROW_BYTES = 40;
const CLASSES: readonly (readonly [prefix: string, name: string])[] = [
  ["agents", "agents"],
  ["journal", "journal"],
  ["mail", "mail"],
  ["effects", "effects"],
  ["dead", "dead"],
  ["replies", "replies"],
  ["subs", "subscriptions"],
  ["dedupe", "dedupe"],
  ["ledger", "ledger"],
];

/**
 * Bytes by class, indexes included; `log` is the write-ahead log, `free` what deleted rows left. Exact up to 256 MiB;
 * beyond, agents and journal are estimated from a sample and the rest is `other`.
 */
export function measureUsage(db: DatabaseSync, path: string): Readonly<Record<string, number>> {
  const pragma = (name: string): number => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
  const pageSize = pragma("page_size");
  const pages = pragma("page_count");
  const free = pragma("freelist_count") * pageSize;
  const log = path === ":memory:" ? 0 : (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  const classes = pages <= PAGES_MAX ? exact(db) : estimate(db, pages * pageSize - free);
  return { ...classes, free, log };
}

function exact(db: DatabaseSync): Record<string, number> {
  const bytes: Record<string, number> = {};
  const found = all<{ readonly name: string; readonly pgsize: number }>(
    db.prepare("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"),
  );
  for (const { name, pgsize } of found) {
    const table = name.replace(/^sqlite_autoindex_/, "");
    const of = CLASSES.find(([prefix]) => table.startsWith(prefix))?.[1] ?? "other";
    bytes[of] = (bytes[of] ?? 0) + pgsize;
  }
  return bytes;
}

function estimate(db: DatabaseSync, total: number): Record<string, number> {
  const rows = (table: string, key: string, length: string): number => {
    const range = db.prepare(`SELECT (SELECT max(${key}) FROM ${table}) - (SELECT min(${key}) FROM ${table}) + 1 AS number`);
    const sample = db.prepare(
      `SELECT avg(length) AS number FROM (SELECT ${length} AS length FROM ${table} ORDER BY ${key} DESC LIMIT ${SAMPLE_ROWS})`,
    );
    const [count, mean] = [range, sample].map((statement) => first<{ readonly number: number | null }>(statement)?.number ?? 0);
    return (count ?? 0) * ((mean ?? 0) + ROW_BYTES);
  };
  const agents = rows("agents", "no", "octet_length(state) + 2 * octet_length(address) + coalesce(octet_length(meta), 0)");
  const journal = rows("journal", "id", "octet_length(body) + coalesce(octet_length(delta), 0)");
  const scale = Math.min(1, total / Math.max(1, agents + journal));
  const bytes = { agents: Math.round(agents * scale), journal: Math.round(journal * scale) };
  return { ...bytes, other: Math.max(0, total - bytes.agents - bytes.journal) };
}
