import type { Clock } from "../clock.ts";
import { AosError, toAosError } from "../errors.ts";
import type { Commit, Store } from "./store.ts";

/** Something that wants to be written. It is built at the last moment, so that what has become needless is left out. */
export interface Pending {
  /** What to write; undefined where there is nothing any more (then `settled` is called as for success). */
  build(): Commit | undefined;
  /**
   * Called once: after it is durable, or with the error that kept it from being so. `isWhole` tells that the whole
   * batch failed with it, so that the store is at fault and not this unit.
   */
  settled(error: AosError | undefined, isWhole: boolean): void;
}

/**
 * Group commit: whatever is pending when the event loop comes round goes into one transaction. Order is kept, so what
 * depends on an earlier unit may be queued behind it.
 */
export class Committer {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #batchMax: number;
  readonly #onFailure: (error: AosError) => void;
  readonly #onCommit: (units: number) => void;
  #queue: Pending[] = [];
  #isScheduled = false;
  #isFlushing = false;
  #idle: (() => void)[] = [];

  constructor(
    store: Store,
    clock: Clock,
    options: { readonly batchMax: number; readonly onFailure: (error: AosError) => void; readonly onCommit: (units: number) => void },
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#batchMax = options.batchMax;
    this.#onFailure = options.onFailure;
    this.#onCommit = options.onCommit;
  }

  /** Units that wait for the next commit. */
  get pending(): number {
    return this.#queue.length;
  }

  push(pending: Pending): void {
    this.#queue.push(pending);
    this.#schedule();
  }

  /**
   * Writes one unit and resolves when it is durable. `then` is called right after the commit, before anything else can
   * read the store: memory that follows it must not be changed later.
   */
  write(commit: Commit, then?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.push({
        build: () => commit,
        settled: (error) => {
          if (error !== undefined) return reject(error);
          then?.();
          resolve();
        },
      });
    });
  }

  /** Resolves when nothing is pending. */
  async drained(): Promise<void> {
    while (this.#queue.length > 0 || this.#isFlushing) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isFlushing) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    const batch = this.#queue.length > this.#batchMax ? this.#queue.splice(0, this.#batchMax) : this.#queue;
    if (batch === this.#queue) this.#queue = [];
    const units: Commit[] = [];
    const written: Pending[] = [];
    const needless: Pending[] = [];
    const faulty: [Pending, AosError][] = [];
    for (const pending of batch) {
      const unit = built(pending);
      if (unit instanceof AosError) faulty.push([pending, unit]);
      else if (unit === undefined) needless.push(pending);
      else {
        units.push(unit);
        written.push(pending);
      }
    }
    let failure: AosError | undefined;
    let outcomes: readonly (AosError | undefined)[] = [];
    if (units.length > 0) {
      try {
        const answer = this.#store.commit(units);
        outcomes = answer instanceof Promise ? await answer : answer;
      } catch (thrown) {
        failure = toAosError(thrown, "STORE_FAILED");
      }
    }
    this.#isFlushing = false;
    if (failure !== undefined) this.#onFailure(failure);
    else if (units.length > 0) this.#onCommit(units.length);
    for (let at = 0; at < written.length; at++) written[at]?.settled(failure ?? outcomes[at], failure !== undefined);
    for (const pending of needless) pending.settled(undefined, false);
    for (const [pending, error] of faulty) pending.settled(error, false);
    if (this.#queue.length > 0) this.#schedule();
    else if (this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** What a unit is, or why it cannot be built: then it is removed, and the others go on. */
function built(pending: Pending): Commit | AosError | undefined {
  try {
    return pending.build();
  } catch (thrown) {
    return toAosError(thrown);
  }
}
