import {
  BoundedQueue,
  Bulkhead,
  CircuitBreaker as BaseBreaker,
  type CircuitBreakerOptions,
  Idempotency as BaseIdempotency,
  type IdempotencyOptions,
  RateLimit as BaseRateLimit,
  type RateLimitOptions,
  retry as baseRetry,
  type RetryOptions,
  StateMachine as BaseMachine,
  type StateMachineOptions,
  timeout as baseTimeout,
  type TransitionInput,
} from "../services/reliability/index.ts";
import type { RetryPolicy } from "../kernel/index.ts";
import { SystemClock } from "./clock.ts";
import { SystemEntropy } from "./entropy.ts";

const clock = new SystemClock();
const entropy = new SystemEntropy(clock);

export { BoundedQueue, Bulkhead };

/** What an `Idempotency` on the machine's clock needs. */
export type IdempotencyGiven = Omit<IdempotencyOptions, "clock" | "entropy"> & Partial<Pick<IdempotencyOptions, "clock" | "entropy">>;

/** Runs a function once per key, for all callers, also after a restart: `new Idempotency({ ledger: aos.ledger })`. */
export class Idempotency extends BaseIdempotency {
  constructor(options: IdempotencyGiven) {
    super({ clock, entropy, ...options });
  }
}

/** A circuit breaker on the machine's clock; see the reliability service. */
export class CircuitBreaker extends BaseBreaker {
  constructor(options: Partial<CircuitBreakerOptions> = {}) {
    super({ clock, ...options });
  }
}

/** A rate limit on the machine's clock. */
export class RateLimit extends BaseRateLimit {
  constructor(options: Omit<RateLimitOptions, "clock"> & { readonly clock?: RateLimitOptions["clock"] }) {
    super({ clock, ...options });
  }
}

/** A state machine whose timeouts fire by the machine's clock: `new StateMachine(states, transitions)`. */
export class StateMachine<S extends string = string, E extends string = string, C = undefined> extends BaseMachine<S, E, C> {
  constructor(
    states: readonly S[],
    transitions: readonly TransitionInput<NoInfer<S>, E, C>[],
    options: StateMachineOptions<NoInfer<S>, C> = {},
  ) {
    super(states, transitions, { clock, ...options });
  }
}

/** Retries a function as a policy says, on the machine's clock. */
export function retry<T>(policy: RetryPolicy, run: Parameters<typeof baseRetry<T>>[1], options: Partial<RetryOptions> = {}): Promise<T> {
  return baseRetry(policy, run, { clock, entropy, ...options });
}

/** Ends a function that takes too long, on the machine's clock. */
export function timeout<T>(
  ms: number,
  run: Parameters<typeof baseTimeout<T>>[1],
  options: Partial<Parameters<typeof baseTimeout<T>>[2]> = {},
): Promise<T> {
  return baseTimeout(ms, run, { clock, ...options });
}
