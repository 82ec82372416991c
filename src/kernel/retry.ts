import { AosError } from "./errors.ts";

/** How often to try, how long to wait between tries, and what is worth another try; plain data, so it can be stored and shown. */
export interface RetryPolicy {
  /** Tries in all, the first included: 1–1,000. */
  readonly attempts: number;
  /** `fixed` waits the same each time; `exponential` multiplies by `factor`. */
  readonly backoff: "fixed" | "exponential";
  /** The wait after the first failed try, in ms: 0 to 30 days. */
  readonly delayMs: number;
  /** What the wait is multiplied by after each further try: 1–100; 2 where left out. */
  readonly factor?: number | undefined;
  /** No computed wait is longer, in ms: `delayMs` to 30 days; 30 days where left out. */
  readonly maxDelayMs?: number | undefined;
  /**
   * `none` waits exactly; `full` draws from 0 to the wait; `decorrelated` draws from `delayMs` to three times the
   * previous wait. `none` where left out.
   * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
   */
  readonly jitter?: "none" | "full" | "decorrelated" | undefined;
  /** Error codes worth another try. Left out: whatever says that it is retryable, and every error without that flag. */
  readonly retryOn?: readonly string[] | undefined;
}

/** The longest wait that a policy may ask for: 30 days in ms. */
export const RETRY_DELAY_MS_MAX = 30 * 24 * 3_600_000;

/**
 * Returns the policy if every field is in its range.
 * @throws AosError CONFIG_INVALID naming the field.
 */
export function checkRetryPolicy(policy: RetryPolicy): RetryPolicy {
  const attemptsOk = Number.isInteger(policy.attempts) && policy.attempts >= 1 && policy.attempts <= 1_000;
  if (!attemptsOk) refuse("attempts", policy.attempts, "a whole number from 1 to 1000");
  if (!["fixed", "exponential"].includes(policy.backoff)) refuse("backoff", policy.backoff, "fixed or exponential");
  inRange("delayMs", policy.delayMs, 0, RETRY_DELAY_MS_MAX);
  if (policy.factor !== undefined) inRange("factor", policy.factor, 1, 100);
  if (policy.maxDelayMs !== undefined) inRange("maxDelayMs", policy.maxDelayMs, policy.delayMs, RETRY_DELAY_MS_MAX);
  if (!["none", "full", "decorrelated", undefined].includes(policy.jitter)) refuse("jitter", policy.jitter, "none, full or decorrelated");
  return policy;
}

/**
 * Computes the wait in ms, with a fraction, after the given failed attempt. Pure: the same arguments give the same wait.
 * @param attempt The attempt that failed, from 1.
 * @param random A number in [0, 1).
 * @param previousMs The wait before this one, for `decorrelated`; the wait without jitter where left out.
 */
export function retryDelay(policy: RetryPolicy, attempt: number, random: number, previousMs?: number): number {
  const plain = plainDelay(policy, attempt);
  const jitter = policy.jitter ?? "none";
  switch (jitter) {
    case "none":
      return plain;
    case "full":
      return plain * random;
    case "decorrelated": {
      const previous = previousMs ?? plainDelay(policy, Math.max(1, attempt - 1));
      const widest = Math.max(policy.delayMs, previous * 3);
      const drawn = policy.delayMs + random * (widest - policy.delayMs);
      return Math.min(cap(policy), drawn);
    }
  }
}

/** Whether the policy lets an error be tried again; says nothing of how many attempts are left. */
export function isRetryWorthwhile(policy: RetryPolicy, error: unknown): boolean {
  const fields = typeof error === "object" && error !== null ? error : {};
  if (policy.retryOn !== undefined) return "code" in fields && typeof fields.code === "string" && policy.retryOn.includes(fields.code);
  // An error that does not say is taken for transient, as a turn that throws is.
  return "retryable" in fields && typeof fields.retryable === "boolean" ? fields.retryable : true;
}

function plainDelay(policy: RetryPolicy, attempt: number): number {
  if (policy.backoff === "fixed") return Math.min(cap(policy), policy.delayMs);
  // A large exponent overflows to Infinity, which the cap takes care of, but 0 × Infinity would be NaN.
  if (policy.delayMs === 0) return 0;
  return Math.min(cap(policy), policy.delayMs * (policy.factor ?? 2) ** (attempt - 1));
}

function cap(policy: RetryPolicy): number {
  return policy.maxDelayMs ?? RETRY_DELAY_MS_MAX;
}

function inRange(field: string, value: number, min: number, max: number): void {
  if (!(Number.isFinite(value) && value >= min && value <= max)) refuse(field, value, `a number from ${min} to ${max}`);
}

function refuse(field: string, value: unknown, wanted: string): never {
  throw new AosError("CONFIG_INVALID", `retry policy: ${field} must be ${wanted}`, {
    details: { field, value },
  });
}
