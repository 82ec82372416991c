/** The baseline of every figure: what SQLite itself does on this disk, in this run. */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { Samples } from "./samples.ts";

/** What a raw run measured. */
export interface Raw {
  readonly perSecond: number;
  /** Milliseconds of one transaction. */
  readonly transaction: Samples;
}

const ROWS = 1_000;

/** 1 KiB upserts, WAL, synchronous=FULL, `size` of them per transaction, for `ms` milliseconds. */
export function rawUpserts(dir: string, size: number, ms: number): Raw {
  const db = new DatabaseSync(join(dir, `raw-${size}-${Math.floor(performance.now())}.db`));
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT)");
  const upsert = db.prepare("INSERT INTO t (id, state) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state");
  const filler = "x".repeat(1_000);
  let done = 0;
  const transaction = new Samples();
  const run = (): void => {
    const from = performance.now();
    db.exec("BEGIN IMMEDIATE");
    for (let at = 0; at < size; at++) {
      done++;
      upsert.run((done * 7_919) % ROWS, `${filler}${String(done).padStart(24, "0")}`);
    }
    db.exec("COMMIT");
    transaction.add(performance.now() - from);
  };
  for (let warm = 0; warm < 20; warm++) run();
  done = 0;
  transaction.clear();
  const start = performance.now();
  while (performance.now() - start < ms) run();
  const perSecond = (done / (performance.now() - start)) * 1_000;
  db.close();
  return { perSecond, transaction };
}
