import { type Cancel, type Clock, steadyTime } from "../../kernel/index.ts";
import type { SimScheduler } from "./scheduler.ts";

/** What a simulated machine's clock shows beside the truth, and how late its timers are. */
export interface Machine {
  /** Milliseconds that its wall clock is off; jumps change it. */
  skewMs: number;
  /** How much later than asked for a timer goes off, ms. */
  readonly lateMs: () => number;
  /** How long a `soon` waits, ms; 0 runs it in a later step. */
  readonly soonMs: () => number;
}

/** The clock of one simulated process, made as the system's own is: the wall clock may jump, the monotonic one does not. */
export class SimClock implements Clock {
  readonly #scheduler: SimScheduler;
  readonly #machine: Machine;
  readonly #owner: number;
  readonly #bootAt: number;
  readonly #time: () => number;
  /** Notifications that are on their way for longer than a step. */
  delayed = 0;

  constructor(scheduler: SimScheduler, machine: Machine, owner: number) {
    this.#scheduler = scheduler;
    this.#machine = machine;
    this.#owner = owner;
    this.#bootAt = scheduler.now;
    this.#time = steadyTime(
      () => Math.floor(scheduler.now + machine.skewMs),
      () => scheduler.now,
    );
  }

  now(): number {
    return this.#time();
  }

  monotonic(): number {
    return this.#scheduler.now - this.#bootAt;
  }

  at(at: number, run: () => void): Cancel {
    let cancel: Cancel = () => undefined;
    let isFirst = true;
    const arm = (): void => {
      const left = at - this.#time();
      if (left <= 0 && !isFirst) run();
      else cancel = this.#scheduler.after(this.#owner, Math.max(0, left) + this.#machine.lateMs(), "timer", arm);
      isFirst = false;
    };
    arm();
    return () => cancel();
  }

  soon(run: () => void): void {
    const delayMs = this.#machine.soonMs();
    if (delayMs === 0) {
      this.#scheduler.post(this.#owner, "soon", run);
      return;
    }
    this.delayed++;
    this.#scheduler.after(this.#owner, delayMs, "soon", () => {
      this.delayed--;
      run();
    });
  }
}
