import type { Cancel, Clock } from "../kernel/index.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Ends an advance whose timers keep asking for more at the same instant. */
const STEPS_MAX = 1_000_000;

/**
 * A clock that stands still until a test moves it. Timers run in order of their time, then of their making;
 * between two of them every pending promise reaction runs, so that async code keeps up.
 */
export class FakeClock implements Clock {
  #now: number;
  readonly #start: number;
  #order = 0;
  readonly #timers = new Set<Timer>();
  readonly #soon: (() => void)[] = [];

  /** Starts at the given epoch ms; 2026-01-01T00:00:00Z where left out. */
  constructor(startAt = 1_767_225_600_000) {
    this.#now = startAt;
    this.#start = startAt;
  }

  now(): number {
    return Math.floor(this.#now);
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  at(at: number, run: () => void): Cancel {
    const timer: Timer = { at, order: this.#order++, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** When the next timer is due (epoch ms), or undefined where none waits. */
  get nextAt(): number | undefined {
    return this.#first()?.at;
  }

  /**
   * Moves time on by `ms`, running what falls due on the way; a timer that throws rejects it.
   * @throws RangeError where `ms` is negative or not finite.
   */
  async advance(ms: number): Promise<void> {
    if (!(Number.isFinite(ms) && ms >= 0)) throw new RangeError(`cannot advance by ${ms} ms`);
    const end = this.#now + ms;
    await this.settle();
    for (let step = 0; step < STEPS_MAX; step++) {
      const timer = this.#first();
      if (timer === undefined || timer.at > end) {
        this.#now = Math.max(this.#now, end);
        return;
      }
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
      await this.settle();
    }
    throw new Error(`more than ${STEPS_MAX} timers ran in one advance`);
  }

  /** Runs what was asked to run soon, and every promise reaction that hangs on it, without moving time. */
  async settle(): Promise<void> {
    for (let step = 0; step < STEPS_MAX; step++) {
      await macrotask();
      const run = this.#soon.shift();
      if (run === undefined) return;
      run();
    }
    throw new Error(`more than ${STEPS_MAX} tasks ran in one settle`);
  }

  #first(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers)
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    return first;
  }
}

/** Node empties the whole microtask queue before the next immediate. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
