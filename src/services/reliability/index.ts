/**
 * Reliability for user code: state machines, circuit breaker, retry, timeout, bulkhead, rate limit, bounded queue and
 * idempotency. In: the caller's functions, policies as data, a clock, randomness and, for what is durable, a ledger.
 * Out: the functions' results, typed errors that say when to come back, and events when a state changes.
 * It never reads the real time, never makes up a result, never calls a function again without being told that it may.
 */
export { BoundedQueue } from "./bounded-queue.ts";
export type { BoundedQueueOptions, Pressure } from "./bounded-queue.ts";
export { Bulkhead } from "./bulkhead.ts";
export type { BulkheadOptions, BulkheadSlot } from "./bulkhead.ts";
export { CircuitBreaker } from "./circuit-breaker.ts";
export type { BreakerCall, BreakerChange, BreakerState, CircuitBreakerOptions, ExpectedException } from "./circuit-breaker.ts";
export { Idempotency, RESULT_BYTES_MAX } from "./idempotency.ts";
export type { IdempotencyOptions, IdempotentCall, IdempotentRun } from "./idempotency.ts";
export type { Transition, TransitionCall, TransitionInput } from "./machine-definition.ts";
export { RateLimit } from "./rate-limit.ts";
export type { RateLimitOptions } from "./rate-limit.ts";
export { retry } from "./retry.ts";
export type { RetryAttempt, RetryOptions } from "./retry.ts";
export { StateMachine } from "./state-machine.ts";
export type { DurableMachineOptions, StateMachineOptions, Transitioned } from "./state-machine.ts";
export { timeout } from "./timeout.ts";
export type { TimeoutOptions } from "./timeout.ts";
