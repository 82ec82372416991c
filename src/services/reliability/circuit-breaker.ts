import { AosError } from "../../kernel/index.ts";
import type { Cancel, Clock } from "../../kernel/index.ts";
import { WAIT_MS_MAX, numberIn, wholeIn } from "./checks.ts";
import { Listeners } from "./waiting.ts";

/** `closed` lets calls pass, `open` refuses them for a time, `half-open` lets one try, `isolated` refuses until `reset`. */
export type BreakerState = "closed" | "open" | "half-open" | "isolated";

/** Which errors mean that the service failed; every other error is an answer. */
export type ExpectedException =
  | (abstract new (...args: never[]) => Error)
  | readonly (abstract new (...args: never[]) => Error)[]
  | ((error: unknown) => boolean);

/** How a breaker judges. */
export interface CircuitBreakerOptions {
  readonly clock: Clock;
  /** Failures in a row that open it: 1–1,000,000; 5 where left out. */
  readonly failureThreshold?: number | undefined;
  /** How long it stays open, and how long a probe may take, in ms: 1 to 366 days; 60,000 where left out. */
  readonly timeoutMs?: number | undefined;
  /** The same in seconds. */
  readonly timeout?: number | undefined;
  /** An error class, several, or a predicate that is no class; every error where left out. */
  readonly expectedException?: ExpectedException | undefined;
  /** Names it in errors: 1–200 characters. */
  readonly name?: string | undefined;
  /** Hears what a listener throws; where left out that is uncaught. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A move of a breaker. */
export interface BreakerChange {
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** Epoch ms. */
  readonly at: number;
  /** Until when (epoch ms) it refuses; absent where it lets calls pass or waits for `reset`. */
  readonly openUntil?: number | undefined;
}

/** One call under way; it counts as a failure unless `succeed` was called before its end. */
export interface BreakerCall extends AsyncDisposable, Disposable {
  succeed(): void;
  fail(): void;
}

/**
 * Stops calling what keeps failing. After so many failures in a row it is open and refuses with BREAKER_OPEN; after
 * its timeout exactly one call may try, whose result closes it or opens it again.
 *
 * The machine is our own and not `cockatiel`'s because that one reads `Date.now()` without a way to hand in a clock,
 * does not say until when it is open, lets callers in half-open wait instead of refusing them, and cannot end
 * a probe that never settles: neither the simulator nor the retry clock could stand on it.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #threshold: number;
  readonly #timeoutMs: number;
  readonly #isFailure: (error: unknown) => boolean;
  readonly #listeners: Listeners<BreakerChange>;
  /** Names it in errors. */
  readonly name: string;
  #state: BreakerState = "closed";
  #failures = 0;
  #openUntil: number | undefined;
  /** Rises with each move, so that the late result of an earlier period changes nothing. */
  #period = 0;
  #isProbing = false;
  #cancelTimer: Cancel = () => undefined;
  #disposed = false;

  constructor(options: CircuitBreakerOptions) {
    this.#clock = options.clock;
    const threshold = options.failureThreshold ?? 5;
    this.#threshold = wholeIn("circuit breaker: failureThreshold", threshold, 1, 1_000_000);
    this.#timeoutMs = timeoutOf(options);
    this.#isFailure = failureTest(options.expectedException);
    this.#listeners = new Listeners(options.onError);
    this.name = options.name ?? "circuit breaker";
    wholeIn("circuit breaker: the length of name", this.name.length, 1, 200);
  }

  /** Where it stands now. */
  get state(): BreakerState {
    this.#catchUp();
    return this.#state;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Until when (epoch ms) it refuses calls; undefined where one may pass, or where it waits for `reset`. */
  get openUntil(): number | undefined {
    this.#catchUp();
    return this.#openUntil;
  }

  /**
   * Calls `fn` unless the breaker is open. What it throws is rethrown, and counts if it is expected.
   * @throws AosError BREAKER_OPEN with `retryAt` (epoch ms) in its details.
   */
  async call<T>(fn: () => T | Promise<T>): Promise<T> {
    const call = this.enter();
    let result: T;
    try {
      result = await fn();
    } catch (error) {
      if (this.#isFailure(error)) call.fail();
      else call.succeed();
      throw error;
    }
    call.succeed();
    return result;
  }

  /**
   * Begins a call that the caller ends: `await using call = breaker.enter(); …; call.succeed();`. May be awaited or not.
   * @throws AosError BREAKER_OPEN with `retryAt` (epoch ms) in its details, CLOSED after disposal.
   */
  enter(): BreakerCall {
    if (this.#disposed) throw new AosError("CLOSED", `${this.name} was disposed; make a new one`);
    this.#catchUp();
    const isOpen = this.#state === "open" || this.#state === "isolated" || this.#isProbing;
    if (isOpen) throw this.#openError();
    if (this.#state === "half-open") this.#beginProbe();
    return this.#beginCall(this.#period);
  }

  /** Opens it now, for its timeout. */
  trip(): void {
    this.#open();
  }

  /** Keeps it open until `reset`. */
  isolate(): void {
    this.#failures = 0;
    this.#move("isolated");
  }

  /** Closes it now and forgets its failures. */
  reset(): void {
    this.#failures = 0;
    this.#move("closed");
  }

  /** Calls the listener after each move; a move to `closed` says that the service answers again. */
  onStateChange(listener: (change: BreakerChange) => void): Cancel {
    return this.#listeners.add(listener);
  }

  /** Ends its timer and its listeners; calls under way go on uncounted. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#period++;
    this.#cancelTimer();
    this.#listeners.clear();
  }

  #beginCall(period: number): BreakerCall {
    let isSettled = false;
    const settle = (succeeded: boolean): void => {
      if (isSettled) return;
      isSettled = true;
      if (period !== this.#period) return;
      if (succeeded) this.#onSuccess();
      else this.#onFailure();
    };
    return {
      succeed: () => settle(true),
      fail: () => settle(false),
      [Symbol.dispose]: () => settle(false),
      [Symbol.asyncDispose]: async () => settle(false),
    };
  }

  #onSuccess(): void {
    this.#failures = 0;
    if (this.#state === "half-open") this.#move("closed");
  }

  #onFailure(): void {
    this.#failures++;
    if (this.#state === "half-open" || this.#failures >= this.#threshold) this.#open();
  }

  #beginProbe(): void {
    this.#isProbing = true;
    this.#openUntil = this.#clock.now() + this.#timeoutMs;
    this.#cancelTimer = this.#clock.at(this.#openUntil, () => this.#onFailure());
  }

  #open(): void {
    const openUntil = this.#clock.now() + this.#timeoutMs;
    this.#move("open", openUntil);
  }

  /** Timers may run late; whoever asks sees the state that the time implies. */
  #catchUp(): void {
    const isDue = this.#openUntil !== undefined && this.#clock.now() >= this.#openUntil;
    if (!isDue || this.#disposed) return;
    if (this.#state === "open") this.#move("half-open");
    else if (this.#isProbing) this.#onFailure();
  }

  #move(to: BreakerState, openUntil?: number): void {
    const from = this.#state;
    this.#cancelTimer();
    this.#cancelTimer = () => undefined;
    this.#period++;
    this.#isProbing = false;
    this.#state = to;
    this.#openUntil = openUntil;
    if (openUntil !== undefined && !this.#disposed) this.#cancelTimer = this.#clock.at(openUntil, () => this.#catchUp());
    if (from !== to || to === "open") this.#listeners.emit({ from, to, at: this.#clock.now(), openUntil });
  }

  #openError(): AosError {
    const retryAt = this.#openUntil;
    const next = retryAt === undefined ? "it is isolated until it is reset" : `try again at ${retryAt} (epoch ms)`;
    return new AosError("BREAKER_OPEN", `${this.name} is open and the call was not made; ${next}`, {
      details: {
        name: this.name,
        state: this.#state,
        ...(retryAt === undefined ? {} : { retryAt }),
      },
    });
  }
}

function timeoutOf(options: CircuitBreakerOptions): number {
  if (options.timeout !== undefined && options.timeoutMs !== undefined)
    throw new AosError("CONFIG_INVALID", "circuit breaker: give timeout (seconds) or timeoutMs, not both");
  if (options.timeout !== undefined) return numberIn("circuit breaker: timeout (s)", options.timeout, 0.001, WAIT_MS_MAX / 1_000) * 1_000;
  return numberIn("circuit breaker: timeoutMs", options.timeoutMs ?? 60_000, 1, WAIT_MS_MAX);
}

function failureTest(expected: ExpectedException | undefined): (error: unknown) => boolean {
  if (expected === undefined) return () => true;
  if (isErrorClass(expected)) return (error) => error instanceof expected;
  if (typeof expected === "function") return expected;
  const classes = expected;
  if (!Array.isArray(classes) || !classes.every(isErrorClass))
    throw new AosError("CONFIG_INVALID", "circuit breaker: expectedException must be error classes or a predicate");
  return (error) => classes.some((one) => error instanceof one);
}

function isErrorClass(value: unknown): value is abstract new (...args: never[]) => Error {
  return typeof value === "function" && (value === Error || value.prototype instanceof Error);
}
