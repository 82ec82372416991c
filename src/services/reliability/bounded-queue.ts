import { AosError } from "../../kernel/index.ts";
import type { Cancel } from "../../kernel/index.ts";
import { wholeIn } from "./checks.ts";
import { Listeners, Waiters } from "./waiting.ts";

/** The bounds of a queue. */
export interface BoundedQueueOptions {
  /** Items that it holds: 1–1,000,000. */
  readonly capacity: number;
  /** Holding this many is `high` pressure; `capacity` where left out. */
  readonly highWater?: number | undefined;
  /** Holding no more than this many ends it; half of `highWater` where left out. */
  readonly lowWater?: number | undefined;
  /** Pushes that may wait for room: 0–1,000,000; 1,000 where left out. */
  readonly waiters?: number | undefined;
  /** Names it in errors. */
  readonly name?: string | undefined;
  /** Hears what a listener throws; where left out that is uncaught. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A crossing of a water mark. */
export interface Pressure {
  readonly level: "high" | "low";
  readonly size: number;
}

/** Backpressure: producers wait, or are told that it is full, as soon as consumers fall behind by its capacity. */
export class BoundedQueue<T> implements AsyncIterable<T>, Disposable {
  readonly #capacity: number;
  readonly #highWater: number;
  readonly #lowWater: number;
  readonly #waitersMax: number;
  readonly #name: string;
  readonly #items: IteratorYieldResult<T>[] = [];
  /** Items before this index were taken; the array is trimmed in bulk, as shifting each time is quadratic. */
  #taken = 0;
  readonly #room = new Waiters<void>();
  readonly #takers = new Waiters<IteratorResult<T, undefined>>();
  readonly #pressure: Listeners<Pressure>;
  #isHigh = false;
  #closed = false;

  constructor(options: BoundedQueueOptions) {
    this.#capacity = wholeIn("queue: capacity", options.capacity, 1, 1_000_000);
    const high = options.highWater ?? this.#capacity;
    this.#highWater = wholeIn("queue: highWater", high, 1, this.#capacity);
    const low = options.lowWater ?? Math.floor(this.#highWater / 2);
    this.#lowWater = wholeIn("queue: lowWater", low, 0, this.#highWater - 1);
    this.#waitersMax = wholeIn("queue: waiters", options.waiters ?? 1_000, 0, 1_000_000);
    this.#name = options.name ?? "queue";
    this.#pressure = new Listeners(options.onError);
  }

  /** Items held now. */
  get size(): number {
    return this.#items.length - this.#taken;
  }

  /** Pushes that wait for room now. */
  get waiting(): number {
    return this.#room.size;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Puts an item in at once.
   * @throws AosError QUEUE_FULL where there is no room, CLOSED after `close`.
   */
  offer(item: T): void {
    if (this.#closed) throw this.#closedError();
    if (!this.#hasRoom()) throw this.#fullError();
    this.#put(item);
  }

  /**
   * Puts an item in as soon as there is room, in the order of the calls.
   * @throws AosError QUEUE_FULL where too many wait, CLOSED after `close`; the signal's reason when it aborts the wait.
   */
  async push(item: T, options: { signal?: AbortSignal } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#closed) throw this.#closedError();
    if (!this.#hasRoom()) {
      if (this.#room.size >= this.#waitersMax) throw this.#fullError();
      await this.#room.join(options.signal, () => this.#put(item));
    } else this.#put(item);
  }

  /** Takes the oldest item, waiting for one; `undefined` once closed and empty. */
  async take(options: { signal?: AbortSignal } = {}): Promise<T | undefined> {
    return (await this.#next(options.signal)).value;
  }

  /** Takes each item in order until the queue is closed and empty; several iterators share the items. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#next() };
  }

  /** Calls the listener when the queue fills to its high mark and when it has emptied to its low mark again. */
  onPressure(listener: (pressure: Pressure) => void): Cancel {
    return this.#pressure.add(listener);
  }

  /** Refuses what comes from now on and whoever waits to push; what it holds can still be taken. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#room.refuseAll(this.#closedError());
    while (this.#takers.serve({ done: true, value: undefined }));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #hasRoom(): boolean {
    return this.size < this.#capacity;
  }

  #put(item: T): void {
    const next: IteratorYieldResult<T> = { done: false, value: item };
    if (this.#takers.serve(next)) return;
    this.#items.push(next);
    if (!this.#isHigh && this.size >= this.#highWater) {
      this.#isHigh = true;
      this.#pressure.emit({ level: "high", size: this.size });
    }
  }

  async #next(signal?: AbortSignal): Promise<IteratorResult<T, undefined>> {
    signal?.throwIfAborted();
    const item = this.#shift();
    if (item !== undefined) return item;
    if (this.#closed) return { done: true, value: undefined };
    return await this.#takers.join(signal);
  }

  #shift(): IteratorYieldResult<T> | undefined {
    const item = this.#items[this.#taken];
    if (item === undefined) return undefined;
    this.#taken++;
    if (this.#taken > 64 && this.#taken * 2 > this.#items.length) {
      this.#items.splice(0, this.#taken);
      this.#taken = 0;
    }
    this.#room.serve(undefined);
    if (this.#isHigh && this.size <= this.#lowWater) {
      this.#isHigh = false;
      this.#pressure.emit({ level: "low", size: this.size });
    }
    return item;
  }

  #fullError(): AosError {
    const details = { name: this.#name, capacity: this.#capacity, waiting: this.#room.size };
    const message = `${this.#name} holds ${this.#capacity} items and is full; try later`;
    return new AosError("QUEUE_FULL", message, { details });
  }

  #closedError(): AosError {
    return new AosError("CLOSED", `${this.#name} was closed; make a new one`);
  }
}
