import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

/** How long nothing was written until the log may be copied back. */
const IDLE_MS = 500;
/** A log below this is left as it is: small steady traffic never pays for copying. */
const LOG_BYTES = 4 << 20;

/**
 * Copies a long log back into the database and empties it when nothing is written for a while, so that a burst does
 * not leave its log on the disk and the next burst does not begin with a long pause. No timer runs while nothing happens.
 */
export class IdleCheckpoint {
  readonly #db: DatabaseSync;
  readonly #log: string;
  readonly #idleMs: number;
  readonly #logBytes: number;
  readonly #onFault: (thrown: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;

  constructor(
    db: DatabaseSync,
    path: string,
    onFault: (thrown: unknown) => void,
    { idleMs = IDLE_MS, logBytes = LOG_BYTES }: { readonly idleMs?: number; readonly logBytes?: number } = {},
  ) {
    this.#db = db;
    this.#log = `${path}-wal`;
    this.#idleMs = idleMs;
    this.#logBytes = logBytes;
    this.#onFault = onFault;
  }

  /** Notes that something was written. */
  written(): void {
    this.#isBusy = true;
    this.#timer ??= setTimeout(() => this.#look(), this.#idleMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#isBusy) {
      this.#isBusy = false;
      this.#timer = setTimeout(() => this.#look(), this.#idleMs).unref();
      return;
    }
    try {
      const size = statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0;
      if (size >= this.#logBytes) this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (thrown) {
      this.#onFault(thrown);
    }
  }
}
