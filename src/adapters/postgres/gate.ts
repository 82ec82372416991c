/**
 * Lets reads and commits alternate, as they do where a store answers at once: while a commit is under way no read is answered, and none
 * begins before whoever committed has heard of it; a commit begins once the reads under way, and those that follow from their answers
 * without a pause, are done. So what somebody keeps in memory of what it has read misses no commit and has none twice.
 */
export class Gate {
  #reads = 0;
  #isCommitting = false;
  #waiting: (() => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** Reads between two commits. */
  async read<T>(work: () => Promise<T>): Promise<T> {
    while (this.#isCommitting) await this.#change();
    this.#reads++;
    try {
      return await work();
    } finally {
      this.#reads--;
      if (this.#reads === 0) this.#changed();
    }
  }

  /** Commits between reads, after the commits before it. */
  async commit<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => this.#alone(work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#isCommitting || this.#reads > 0) {
      await this.#change();
      await aMoment();
    }
    this.#isCommitting = true;
    try {
      return await work();
    } finally {
      void aMoment().then(() => {
        this.#isCommitting = false;
        this.#changed();
      });
    }
  }

  async #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Long enough for everything that follows from an answer without waiting for something else. */
async function aMoment(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
