import type { Clock } from "./clock.ts";
import { readRecord, type TurnRecord } from "./record.ts";
import type { JournalRow } from "./store.ts";

const REMEMBERED = 8_192;

/** What became of envelopes: the newest ones are remembered, and whoever waits for one is told. */
export class Outcomes {
  /** Two halves, the older of which is dropped at once: deleting one by one would cost more than it saves. */
  #rows = new Map<string, JournalRow>();
  #older = new Map<string, JournalRow>();
  readonly #waiting = new Map<string, ((record: TurnRecord | undefined) => void)[]>();

  settle(id: string, row: JournalRow): void {
    this.#rows.set(id, row);
    if (this.#rows.size >= REMEMBERED / 2) {
      this.#older = this.#rows;
      this.#rows = new Map();
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    for (const resolve of waiting) resolve(readRecord(row));
  }

  /** The outcome of an envelope; undefined where there is none within the time. */
  wait(id: string, clock: Clock, timeoutMs: number): Promise<TurnRecord | undefined> {
    const row = this.#rows.get(id) ?? this.#older.get(id);
    if (row !== undefined) return Promise.resolve(readRecord(row));
    return new Promise((resolve) => {
      const done = (record: TurnRecord | undefined): void => {
        cancel();
        resolve(record);
      };
      const cancel = clock.at(clock.now() + timeoutMs, () => {
        const rest = (this.#waiting.get(id) ?? []).filter((other) => other !== done);
        if (rest.length === 0) this.#waiting.delete(id);
        else this.#waiting.set(id, rest);
        resolve(undefined);
      });
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), done]);
    });
  }
}
