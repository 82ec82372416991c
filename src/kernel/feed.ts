import type { Core } from "./core.ts";
import { readRecord, type TurnRecord } from "./turn/record.ts";

const PAGE = 500;

/** Follows the journal: whoever reads is told that there is more and reads it from the store, so that nobody misses a row. */
export class Feed {
  readonly #core: Pick<Core, "store">;
  readonly #waiting = new Set<() => void>();
  /** The id of the newest durable row. */
  last = 0;

  constructor(core: Pick<Core, "store">, last: number) {
    this.#core = core;
    this.last = last;
  }

  /** Notes that rows up to an id are durable. */
  advance(id: number): void {
    if (id > this.last) this.last = id;
    if (this.#waiting.size === 0) return;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Rows after an id, then live, until the signal aborts. */
  async *follow(options: {
    readonly after?: number | undefined;
    readonly agent?: string | undefined;
    readonly tenant?: string | undefined;
    readonly signal: AbortSignal;
  }): AsyncGenerator<TurnRecord> {
    let after = options.after ?? this.last;
    const { signal } = options;
    while (!signal.aborted) {
      const rows = after < this.last ? await this.#core.store.journalAfter(after, PAGE) : [];
      for (const row of rows) {
        after = row.id;
        const isWanted =
          (options.agent === undefined || row.address === options.agent) &&
          (options.tenant === undefined || row.address.startsWith(`${options.tenant}/`));
        if (isWanted) yield readRecord(row);
        if (signal.aborted) return;
      }
      if (rows.length === 0 && after < this.last) after = this.last;
      if (rows.length < PAGE && after >= this.last) await this.#more(signal);
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
