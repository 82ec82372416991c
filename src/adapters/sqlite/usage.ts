import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { StoreSize } from "../../kernel/index.ts";
import { all, first } from "./tables/query.ts";

/** Bytes up to which each page is looked at, a third of a millisecond for 1 MiB; reading more would hold up turns for too long. */
const BYTES_MAX = 256 << 20;
const SAMPLE_ROWS = 1_000;
/** What a row costs beside its texts. */
const ROW_BYTES = 40;
const CLASSES: readonly (readonly [prefix: string, name: string])[] = [
  ["agents", "state"],
  ["journal", "journal"],
  ["mail", "mail"],
  ["effects", "effects"],
  ["dead", "deadLetters"],
  ["replies", "replies"],
  ["subs", "subscriptions"],
  ["dedupe", "dedupe"],
  ["ledger", "ledger"],
];
/** What grows largest; beyond `BYTES_MAX` the one is what the others leave, and the other is told from its newest rows. */
const LARGE = ["journal", "agents"];

/**
 * Bytes by class; `log` is the write-ahead log, `free` what deleted rows left, to be used again. Exact up to 256 MiB; beyond, what
 * agents' states take is told from the newest thousand, and the journal is what all else leaves.
 */
export function measureUsage(db: DatabaseSync, path: string): Readonly<Record<string, number>> {
  const { bytes, freeBytes, logBytes } = measureSize(db, path);
  const trees = all<{ readonly name: string; readonly isIndex: number }>(
    db.prepare("SELECT name, type = 'index' AS isIndex FROM sqlite_schema WHERE rootpage > 0"),
  );
  const usage: Record<string, number> = Object.fromEntries(
    [...CLASSES.map(([, name]) => name), "indexes", "other"].map((name) => [name, 0]),
  );
  const isLarge = bytes > BYTES_MAX;
  const tree = db.prepare("SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND name = ?");
  for (const { name, isIndex } of trees) {
    if (isLarge && LARGE.includes(name)) continue;
    const of = isIndex === 1 ? "indexes" : (CLASSES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? "other");
    usage[of] = (usage[of] ?? 0) + (first<{ readonly pgsize: number }>(tree, name)?.pgsize ?? 0);
  }
  if (isLarge) {
    const left = Math.max(0, bytes - freeBytes - Object.values(usage).reduce((sum, each) => sum + each, 0));
    usage["state"] = Math.min(left, estimateStates(db));
    usage["journal"] = left - usage["state"];
  }
  return { ...usage, free: freeBytes, log: logBytes };
}

/** How much room a database takes and has left. */
export function measureSize(db: DatabaseSync, path: string): StoreSize {
  const pragma = (name: string): number => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
  const pageSize = pragma("page_size");
  const size = { bytes: pragma("page_count") * pageSize, freeBytes: pragma("freelist_count") * pageSize, logBytes: 0 };
  if (path === ":memory:") return size;
  const { bavail, bsize } = statfsSync(dirname(path));
  return { ...size, logBytes: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0, leftBytes: bavail * bsize };
}

function estimateStates(db: DatabaseSync): number {
  const sample = db.prepare(
    `SELECT avg(octet_length(state) + octet_length(address) + coalesce(octet_length(meta), 0)) AS mean
     FROM (SELECT state, address, meta FROM agents ORDER BY no DESC LIMIT ${SAMPLE_ROWS})`,
  );
  const count = first<{ readonly number: number | null }>(db.prepare("SELECT max(no) AS number FROM agents"))?.number ?? 0;
  return Math.round(count * ((first<{ readonly mean: number | null }>(sample)?.mean ?? 0) + ROW_BYTES));
}
