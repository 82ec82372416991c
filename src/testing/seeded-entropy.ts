import type { Clock, Entropy } from "../kernel/index.ts";

/** Randomness that a seed decides: the same seed and clock give the same numbers and the same rising UUIDv7s. */
export class SeededEntropy implements Entropy {
  #state: number;
  #count = 0;
  readonly #clock: Pick<Clock, "now">;

  constructor(seed: number, clock: Pick<Clock, "now">) {
    this.#state = seed >>> 0;
    this.#clock = clock;
  }

  /** The next number of a mulberry32 generator. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  uuid(): string {
    // A counter in rand_a and the top of rand_b keeps the order within one millisecond (RFC 9562 §6.2, method 1).
    const count = this.#count++;
    const time = hex(this.#clock.now(), 12);
    const high = hex((count >>> 14) & 0xfff, 3);
    const middle = hex(0x8000 | (count & 0x3fff), 4);
    const low = hex(Math.floor(this.random() * 2 ** 48), 12);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${middle}-${low}`;
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
