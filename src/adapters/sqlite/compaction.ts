import type { DatabaseSync } from "node:sqlite";
import { first } from "./tables/query.ts";

/** Pages that one step gives back: at most 1 MiB is moved, in 2 to 6 ms. */
const STEP_PAGES = 256;
/** Free pages (32 MiB) that are always left for what is written next. */
const SLACK_PAGES = 8_192;

/**
 * Gives some of a database's free pages back to the disk, where there are more than half as many as are used. True where more are to be
 * given back. A database that was made without the means for it keeps its pages and uses them again.
 */
export function compact(db: DatabaseSync): boolean {
  const pragma = (name: string): number => Object.values(first<Record<string, number>>(db.prepare(`PRAGMA ${name}`)) ?? {})[0] ?? 0;
  const free = pragma("freelist_count");
  if (free <= SLACK_PAGES || pragma("auto_vacuum") !== 2) return false;
  const surplus = (): number => {
    const left = pragma("freelist_count");
    return left - Math.max(SLACK_PAGES, (pragma("page_count") - left) / 2);
  };
  const wanted = surplus();
  if (wanted <= 0) return false;
  db.exec(`PRAGMA incremental_vacuum(${Math.min(STEP_PAGES, Math.ceil(wanted))})`);
  return wanted > STEP_PAGES;
}
