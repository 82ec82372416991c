/** Runs what has the same key one after the other, in the order in which it was asked for. */
export class Sequence {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` after whatever was asked for under its key before has ended, well or not. */
  after<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const run = before === undefined ? work() : before.then(work, work);
    this.#last.set(key, run);
    const end = (): void => {
      if (this.#last.get(key) === run) this.#last.delete(key);
    };
    run.then(end, end);
    return run;
  }
}
