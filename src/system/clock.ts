import { performance } from "node:perf_hooks";
import { type Cancel, type Clock, steadyTime } from "../kernel/index.ts";

/** The longest that a wait goes without a look at the time: Node's timers stand still while the machine sleeps, and know no clock that is put forward. */
const LOOK_MS = 30_000;

/** The machine's clock. It never goes back within the process; where the machine's does, it goes on slowly until that has caught up. */
export class SystemClock implements Clock {
  readonly #time = steadyTime(
    () => Date.now(),
    () => performance.now(),
  );

  now(): number {
    return this.#time();
  }

  monotonic(): number {
    return performance.now();
  }

  at(at: number, run: () => void): Cancel {
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const left = at - this.#time();
      if (left <= 0 && timer !== undefined) run();
      else timer = setTimeout(arm, Math.min(Math.max(left, 0), LOOK_MS));
    };
    arm();
    return () => clearTimeout(timer);
  }

  soon(run: () => void): void {
    setImmediate(run);
  }
}

/** A clock that stands still until it is told to advance (`AOS_CLOCK=inject`); for tests of what takes days. */
export class InjectedClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  constructor(start: number = Date.now()) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  at(at: number, run: () => void): Cancel {
    const timer = { at, run };
    this.#timers.add(timer);
    if (at <= this.#now) setImmediate(() => this.#timers.delete(timer) && run());
    return () => void this.#timers.delete(timer);
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  /** Advances, firing timers in order; work that they cause may arm further ones within the span. */
  async advance(ms: number): Promise<number> {
    const until = this.#now + ms;
    while (true) {
      await settle();
      const next = [...this.#timers].filter(({ at }) => at <= until).toSorted((left, right) => left.at - right.at)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers.delete(next);
      next.run();
    }
    this.#now = until;
    await settle();
    return this.#now;
  }
}

/** Lets turns, commits and what follows from them come to rest. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) await new Promise<void>((resolve) => setImmediate(resolve));
}
