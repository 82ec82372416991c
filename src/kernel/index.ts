/**
 * The kernel's door: errors, time, ledger, retry.
 * In: values and the implementations of its ports. Out: decisions as values and typed errors.
 * It never imports a package, reads a clock, or does input or output by itself.
 */
export type { Cancel, Clock, Entropy, Hasher } from "./clock.ts";
export { AosError, ERROR_CODES, isAosError, toAosError } from "./errors.ts";
export type { AosErrorCode, AosErrorOptions, ErrorCode } from "./errors.ts";
export type { Ledger, LedgerEntry, LedgerOp, LedgerRow } from "./ledger.ts";
export { RETRY_DELAY_MS_MAX, checkRetryPolicy, isRetryWorthwhile, retryDelay } from "./retry.ts";
export type { RetryPolicy } from "./retry.ts";
