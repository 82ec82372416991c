import { AosError } from "../../kernel/index.ts";
import { wholeIn } from "./checks.ts";
import { Waiters } from "./waiting.ts";

/** How many calls may run and wait. */
export interface BulkheadOptions {
  /** Calls that run at the same time: 1–100,000. */
  readonly concurrency: number;
  /** Calls that wait for their turn: 0–1,000,000; 0 where left out. */
  readonly queue?: number | undefined;
  /** Names it in errors. */
  readonly name?: string | undefined;
}

/** A place in a bulkhead; disposing it gives it to the next in line, once. */
export type BulkheadSlot = Disposable & AsyncDisposable;

/** Keeps calls to one thing from taking everything: so many run, so many wait first come first served, the rest is refused. */
export class Bulkhead {
  readonly #concurrency: number;
  readonly #queue: number;
  readonly #name: string;
  readonly #waiters = new Waiters<void>();
  #running = 0;
  #closed = false;

  constructor(options: BulkheadOptions) {
    this.#concurrency = wholeIn("bulkhead: concurrency", options.concurrency, 1, 100_000);
    this.#queue = wholeIn("bulkhead: queue", options.queue ?? 0, 0, 1_000_000);
    this.#name = options.name ?? "bulkhead";
  }

  /** Calls that run now. */
  get running(): number {
    return this.#running;
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Runs `fn` in a slot of its own.
   * @throws AosError BULKHEAD_FULL where nobody more may wait, CLOSED after disposal; the signal's reason when it aborts the wait.
   */
  async run<T>(fn: () => T | Promise<T>, options: { signal?: AbortSignal } = {}): Promise<T> {
    const slot = await this.enter(options);
    try {
      return await fn();
    } finally {
      slot[Symbol.dispose]();
    }
  }

  /**
   * Takes a slot until it is disposed: `await using slot = await bulkhead.enter()`.
   * @throws AosError BULKHEAD_FULL, CLOSED, as `run` does.
   */
  async enter(options: { signal?: AbortSignal } = {}): Promise<BulkheadSlot> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw this.#closedError();
    if (this.#running < this.#concurrency) this.#running++;
    else {
      if (this.#waiters.size >= this.#queue) throw this.#fullError();
      // Whoever leaves hands its slot over, so `#running` stays as it is.
      await this.#waiters.join(options.signal);
    }
    return this.#slot();
  }

  /** Turns away whoever waits and comes; what runs goes on. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#waiters.refuseAll(this.#closedError());
  }

  #slot(): BulkheadSlot {
    let held = true;
    const leave = (): void => {
      if (!held) return;
      held = false;
      if (!this.#waiters.serve(undefined)) this.#running--;
    };
    return { [Symbol.dispose]: leave, [Symbol.asyncDispose]: async () => leave() };
  }

  #fullError(): AosError {
    const details = { name: this.#name, running: this.#running, waiting: this.#waiters.size };
    const message = `${this.#name} is full: ${details.running} calls run and ${details.waiting} wait; try later`;
    return new AosError("BULKHEAD_FULL", message, { details });
  }

  #closedError(): AosError {
    return new AosError("CLOSED", `${this.#name} was disposed; make a new one`);
  }
}
