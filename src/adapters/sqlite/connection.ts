import { DatabaseSync } from "node:sqlite";

/** How a database is opened. */
export interface ConnectionOptions {
  /** A file, or `:memory:`. */
  readonly path: string;
  /** Pages of 4,096 bytes that the file may have; what goes beyond is DISK_FULL. Unbounded where left out. */
  readonly maxPageCount?: number | undefined;
  /** Pages kept in memory. */
  readonly cachePages?: number | undefined;
}

const CACHE_PAGES = 4_096;
/**
 * Pages in the log (64 MB) until a commit copies it back. Agents that turn often overwrite their pages many times before that, which then
 * cost one write. Measured at 64 clients, three rounds each: with 1,000 pages the 99th percentile of a turn was 7.0 to 9.0 times the median
 * of a raw transaction, with 4,000 8.4 to 11.7, with 16,000 6.7 to 7.9; the 95th fell from 6 ms to 4; the longest were alike, 11 to 31 ms.
 * When nothing is written for a while the log is copied back and emptied.
 */
const LOG_PAGES = 16_000;

/** Opens a database in memory that outlives the stores it is lent to, one after the other. */
export function memoryDatabase(): DatabaseSync {
  return connect({ path: ":memory:" });
}

/**
 * Opens a database for one owner. `locking_mode=EXCLUSIVE` keeps the log's index in the heap: nothing is mapped from a
 * disk that could be full, and no lock is taken per transaction. `fullfsync` matters on macOS, whose plain fsync does
 * not reach the disk. `auto_vacuum` lets free pages be given back piece by piece: it costs a tenth more log, and no time that could
 * be measured.
 */
export function connect(options: ConnectionOptions): DatabaseSync {
  const db = new DatabaseSync(options.path, { timeout: 1_000, enableForeignKeyConstraints: false });
  try {
    db.exec(`
      PRAGMA page_size = 4096;
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = ${options.cachePages ?? CACHE_PAGES};
      PRAGMA wal_autocheckpoint = ${LOG_PAGES};
      PRAGMA journal_size_limit = 67108864;
    `);
    if (options.maxPageCount !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(options.maxPageCount)}`);
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  return db;
}
