import { AosError } from "../../kernel/index.ts";
import type { Clock } from "../../kernel/index.ts";
import { WAIT_MS_MAX, numberIn, wholeIn } from "./checks.ts";
import { sleep } from "./waiting.ts";

/** How much may pass. */
export interface RateLimitOptions {
  readonly clock: Clock;
  /** Permits for each period: 1–1,000,000,000. */
  readonly limit: number;
  /** The period in ms: 1 to 366 days. */
  readonly periodMs: number;
  /** Permits that a full bucket holds, which may leave at once: 1–1,000,000,000; `limit` where left out. */
  readonly burst?: number | undefined;
  /** Callers of `wait` that may stand in line: 0–1,000,000; 1,000 where left out. */
  readonly queue?: number | undefined;
  /** Names it in errors. */
  readonly name?: string | undefined;
}

/** Less than this many permits is a rounding error of the arithmetic, not a missing permit. */
const ROUNDING = 1e-6;
const COUNT_MAX = 1_000_000_000;

/**
 * A token bucket: permits flow in evenly, up to the burst, and each call takes some out. In any span of t ms at most
 * `burst + t × limit / periodMs` permits leave it.
 */
export class RateLimit {
  readonly #clock: Clock;
  readonly #msPerPermit: number;
  readonly #burst: number;
  readonly #queue: number;
  readonly #name: string;
  /** The monotonic time at which the bucket is full again: one number instead of a level that is topped up. */
  #fullAt = Number.NEGATIVE_INFINITY;
  #line: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: RateLimitOptions) {
    const limit = wholeIn("rate limit: limit", options.limit, 1, COUNT_MAX);
    const periodMs = numberIn("rate limit: periodMs", options.periodMs, 1, WAIT_MS_MAX);
    this.#clock = options.clock;
    this.#msPerPermit = periodMs / limit;
    this.#burst = wholeIn("rate limit: burst", options.burst ?? limit, 1, COUNT_MAX);
    this.#queue = wholeIn("rate limit: queue", options.queue ?? 1_000, 0, 1_000_000);
    this.#name = options.name ?? "rate limit";
  }

  /** Permits that could be taken now, with a fraction. */
  get available(): number {
    const missingMs = Math.max(0, this.#fullAt - this.#clock.monotonic());
    return this.#burst - missingMs / this.#msPerPermit;
  }

  /** Takes permits if there are enough; whether it did. */
  tryTake(permits = 1): boolean {
    this.#checkPermits(permits);
    if (this.available + ROUNDING < permits) return false;
    const from = Math.max(this.#fullAt, this.#clock.monotonic());
    this.#fullAt = from + permits * this.#msPerPermit;
    return true;
  }

  /**
   * Takes permits.
   * @throws AosError RATE_LIMITED with `retryAfterMs` in its details where there are too few; LIMIT_EXCEEDED for more than the burst.
   */
  take(permits = 1): void {
    if (this.tryTake(permits)) return;
    const retryAfterMs = this.#waitMs(permits);
    const message = `${this.#name} is exhausted; try again in ${retryAfterMs} ms`;
    throw new AosError("RATE_LIMITED", message, { details: { name: this.#name, retryAfterMs } });
  }

  /**
   * Takes permits as soon as there are enough, first come first served.
   * @throws AosError QUEUE_FULL where too many wait, LIMIT_EXCEEDED for more than the burst; the signal's reason when it aborts.
   */
  async wait(permits = 1, options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#checkPermits(permits);
    options.signal?.throwIfAborted();
    if (this.#waiting === 0 && this.tryTake(permits)) return;
    if (this.#waiting >= this.#queue)
      throw new AosError("QUEUE_FULL", `${this.#waiting} calls wait for ${this.#name} already`, {
        details: { name: this.#name, waiting: this.#waiting },
      });
    this.#waiting++;
    const turn = this.#line.then(() => this.#takeWhenFilled(permits, options.signal));
    this.#line = turn.then(
      () => undefined,
      () => undefined,
    );
    try {
      await turn;
    } finally {
      this.#waiting--;
    }
  }

  async #takeWhenFilled(permits: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    while (!this.tryTake(permits)) await sleep(this.#clock, this.#waitMs(permits), signal);
  }

  #waitMs(permits: number): number {
    return Math.max(1, Math.ceil((permits - this.available) * this.#msPerPermit - ROUNDING));
  }

  #checkPermits(permits: number): void {
    if (!(Number.isInteger(permits) && permits >= 1 && permits <= this.#burst))
      throw new AosError("LIMIT_EXCEEDED", `${this.#name} gives 1 to ${this.#burst} permits at once, not ${permits}`, {
        details: { name: this.#name, permits, burst: this.#burst },
      });
  }
}
