import { checkRetryPolicy, isRetryWorthwhile, retryDelay } from "../../kernel/index.ts";
import type { Clock, Entropy, RetryPolicy } from "../../kernel/index.ts";
import { sleep } from "./waiting.ts";

/** What a retried call is told. */
export interface RetryAttempt {
  /** From 1. */
  readonly attempt: number;
  readonly signal: AbortSignal | undefined;
}

/** What `retry` needs from its surroundings. */
export interface RetryOptions {
  readonly clock: Clock;
  /** Draws the jitter. */
  readonly entropy: Pick<Entropy, "random">;
  /** Aborting it ends waiting and trying with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of each failed attempt that another follows. */
  readonly onRetry?: ((failed: { readonly attempt: number; readonly delayMs: number; readonly error: unknown }) => void) | undefined;
}

/** A service's own wish for when to come back is followed up to a day. */
const HINT_MS_MAX = 24 * 3_600_000;

/**
 * Calls `fn` until it succeeds, the policy has no attempt left or calls the error final; then that error is thrown as it is.
 * Waits longer than the policy where the error carries `retryAfterMs` or `retryAt` in its details, as RATE_LIMITED and
 * BREAKER_OPEN do.
 * @throws AosError CONFIG_INVALID where the policy is out of range.
 */
export async function retry<T>(policy: RetryPolicy, fn: (call: RetryAttempt) => T | Promise<T>, options: RetryOptions): Promise<T> {
  checkRetryPolicy(policy);
  const { clock, entropy, signal } = options;
  let previousMs: number | undefined;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await fn({ attempt, signal });
    } catch (error) {
      const isOver = attempt >= policy.attempts || signal?.aborted === true;
      if (isOver || !isRetryWorthwhile(policy, error)) throw error;
      previousMs = retryDelay(policy, attempt, entropy.random(), previousMs);
      const delayMs = Math.max(previousMs, hintedDelay(error, clock.now()));
      options.onRetry?.({ attempt, delayMs, error });
      await sleep(clock, delayMs, signal);
    }
  }
}

function hintedDelay(error: unknown, now: number): number {
  if (!(error instanceof Error && "details" in error)) return 0;
  const details = error.details;
  if (typeof details !== "object" || details === null) return 0;
  const after = "retryAfterMs" in details ? Number(details.retryAfterMs) : 0;
  const at = "retryAt" in details ? Number(details.retryAt) - now : 0;
  const hint = Math.max(0, Number.isFinite(after) ? after : 0, Number.isFinite(at) ? at : 0);
  return Math.min(HINT_MS_MAX, hint);
}
