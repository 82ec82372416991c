import type { Clock } from "../clock.ts";
import { readRecord, type TurnRecord } from "./record.ts";
import type { Store } from "../store/store.ts";

const REMEMBERED = 4_096;

/** What became of envelopes: where the newest ones' records stand is remembered, and whoever waits for one is told. */
export class Outcomes {
  readonly #store: Store;
  /** Journal ids by envelope, in two halves: the older one is dropped at once, since dropping one by one costs more. */
  #ids = new Map<string, number>();
  #older = new Map<string, number>();
  readonly #waiting = new Map<string, ((journalId: number | undefined) => void)[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  settle(envelope: string, journalId: number): void {
    this.#ids.set(envelope, journalId);
    if (this.#ids.size >= REMEMBERED / 2) {
      this.#older = this.#ids;
      this.#ids = new Map();
    }
    if (this.#waiting.size === 0) return;
    const waiting = this.#waiting.get(envelope);
    if (waiting === undefined) return;
    this.#waiting.delete(envelope);
    for (const resolve of waiting) resolve(journalId);
  }

  /** The outcome of an envelope; undefined where there is none within the time. */
  async wait(envelope: string, clock: Clock, timeoutMs: number): Promise<TurnRecord | undefined> {
    const known = this.#ids.get(envelope) ?? this.#older.get(envelope);
    const journalId = known ?? (await this.#next(envelope, clock, timeoutMs));
    const row = journalId === undefined ? undefined : await this.#store.journalById(journalId);
    return row === undefined ? undefined : readRecord(row);
  }

  #next(envelope: string, clock: Clock, timeoutMs: number): Promise<number | undefined> {
    return new Promise((resolve) => {
      const done = (journalId: number | undefined): void => {
        cancel();
        resolve(journalId);
      };
      const cancel = clock.at(clock.now() + timeoutMs, () => {
        const rest = (this.#waiting.get(envelope) ?? []).filter((other) => other !== done);
        if (rest.length === 0) this.#waiting.delete(envelope);
        else this.#waiting.set(envelope, rest);
        resolve(undefined);
      });
      this.#waiting.set(envelope, [...(this.#waiting.get(envelope) ?? []), done]);
    });
  }
}
