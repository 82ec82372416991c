import { AosError } from "../../kernel/index.ts";
import type { Clock } from "../../kernel/index.ts";
import { WAIT_MS_MAX, numberIn } from "./checks.ts";
import { untilAborted } from "./waiting.ts";

/** What bounds a call beside its deadline. */
export interface TimeoutOptions {
  readonly clock: Clock;
  /** Aborting it ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `fn` and waits for it at most `ms`; `fn` gets a signal that aborts at the deadline, and heeds it or runs on unheard.
 * @throws AosError TIMEOUT after `ms`, CONFIG_INVALID where `ms` is out of range.
 */
export async function timeout<T>(ms: number, fn: (signal: AbortSignal) => T | Promise<T>, options: TimeoutOptions): Promise<T> {
  numberIn("timeout: ms", ms, 0, WAIT_MS_MAX);
  options.signal?.throwIfAborted();
  const deadline = new AbortController();
  const cancel = options.clock.at(options.clock.now() + ms, () => {
    const message = `the call did not finish within ${ms} ms`;
    deadline.abort(new AosError("TIMEOUT", message, { details: { timeoutMs: ms } }));
  });
  const either = options.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, options.signal]);
  try {
    return await untilAborted(Promise.resolve(fn(either)), either);
  } finally {
    cancel();
  }
}
