import type { Clock } from "../clock.ts";

/** How long work may go on until others have their turn. */
const SLICE_MS = 5;

/** Parts long work into slices, between which the event loop is free. */
export class Slices {
  readonly #clock: Clock;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** Lets others have their turn where the slice is over. */
  async pause(): Promise<void> {
    if (this.#clock.monotonic() - this.#since < SLICE_MS) return;
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#since = this.#clock.monotonic();
  }
}
