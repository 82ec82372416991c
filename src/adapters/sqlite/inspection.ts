import { rmSync } from "node:fs";
import { backup, type DatabaseSync } from "node:sqlite";
import type { Orphans } from "../../kernel/index.ts";
import { inspectAside, integrityFaults } from "./backup/sealing.ts";
import { partialPath } from "./backup/writing.ts";
import { all } from "./tables/query.ts";
import { measureSize } from "./usage.ts";

/** Up to this size the database is checked where it is, in less time than a slow turn takes; a larger one as a copy, by another thread. */
const INLINE_BYTES = 16 << 20;
const COPY_PAGES = 256;

/** What a database does not keep of its own rules, in its own words; a large one is copied for it, where there is room. */
export async function inspect(db: DatabaseSync, path: string): Promise<readonly string[]> {
  const { bytes, leftBytes = 0 } = measureSize(db, path);
  if (bytes <= INLINE_BYTES || leftBytes < 2 * bytes) return integrityFaults(db);
  const copy = partialPath(`${path}.check`);
  rmSync(copy, { force: true });
  try {
    await backup(db, copy, { rate: COPY_PAGES });
    return await inspectAside(copy);
  } finally {
    rmSync(copy, { force: true });
  }
}

const MAIL_READY = "due IS NULL AND parked IS NULL";
const MAIL_WAITING = "(due IS NOT NULL OR parked IS NOT NULL)";
const NO_AGENT = "NOT EXISTS (SELECT 1 FROM agents WHERE no = m.agent)";
const TERMINATED = 3;

/** What belongs to nobody. Mail is found by its partial indexes, so that no payload is read. */
export function findOrphans(db: DatabaseSync, limit: number): Orphans {
  const mail = (where: string): readonly Orphans["mail"][number][] =>
    all(db.prepare(`SELECT seq, agent FROM mail m WHERE ${where} AND ${NO_AGENT} LIMIT ?`), limit);
  const kept = (where: string): string =>
    `EXISTS (SELECT 1 FROM mail m WHERE m.agent = e.agent AND ${where} AND instr(m.head, e.envelope) > 0)`;
  return {
    mail: [...mail(MAIL_READY), ...mail(MAIL_WAITING)],
    effects: all(
      db.prepare(
        `SELECT e.id, e.envelope, e.name FROM effects e WHERE e.state <> 'in-doubt' AND NOT ${kept(MAIL_READY)} AND NOT ${kept(MAIL_WAITING)}
         AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.id = e.envelope) LIMIT ?`,
      ),
      limit,
    ),
    subscriptions: all(
      db.prepare(
        `SELECT s.agent, s.pattern FROM subs s LEFT JOIN agents a ON a.no = s.agent WHERE a.no IS NULL OR a.status = ${TERMINATED} LIMIT ?`,
      ),
      limit,
    ),
  };
}
