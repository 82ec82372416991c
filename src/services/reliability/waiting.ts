import type { Cancel, Clock } from "../../kernel/index.ts";

/** Resolves once the clock has moved on by `ms`; rejects with the signal's reason when that aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.at(clock.now() + ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Follows the promise, or rejects with the signal's reason when that aborts first; the promise itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** A line of waiters, served first come first served, whose members leave when their signal aborts. */
export class Waiters<T> {
  readonly #line = new Set<{ resolve(value: T): void; reject(reason: unknown): void }>();

  /** How many wait. */
  get size(): number {
    return this.#line.size;
  }

  /** Joins the end of the line; `onServed` runs within `serve`, before anybody else can act. */
  join(signal?: AbortSignal, onServed?: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const leave = (): void => {
        this.#line.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(signal?.reason);
      };
      const waiter = {
        resolve: (value: T): void => {
          leave();
          onServed?.();
          resolve(value);
        },
        reject: (reason: unknown): void => {
          leave();
          reject(reason);
        },
      };
      this.#line.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Serves the first in line; false where nobody waits. */
  serve(value: T): boolean {
    for (const waiter of this.#line) {
      waiter.resolve(value);
      return true;
    }
    return false;
  }

  /** Turns everybody away. */
  refuseAll(reason: unknown): void {
    for (const waiter of this.#line) waiter.reject(reason);
  }
}

/** Runs listeners of one kind of event; hands what they throw to `onError`, or lets it reach the process as uncaught. */
export class Listeners<E> {
  readonly #all = new Set<{ readonly run: (event: E) => void }>();
  readonly #onError: ((error: unknown) => void) | undefined;

  constructor(onError?: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(run: (event: E) => void): Cancel {
    const listener = { run };
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  emit(event: E): void {
    for (const { run } of this.#all)
      try {
        run(event);
      } catch (error) {
        surface(error, this.#onError);
      }
  }

  clear(): void {
    this.#all.clear();
  }
}

/** Reports an error that no caller waits for: to `onError`, or as uncaught, because nothing may swallow it. */
export function surface(error: unknown, onError?: (error: unknown) => void): void {
  if (onError !== undefined) onError(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}
