import { AosError, isAosError } from "../../kernel/index.ts";

const FULL = 13;
const IO_ERROR = 10;
/** What SQLite answers where the values are at fault and not the store: TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const VALUE_FAULTS: readonly number[] = [18, 19, 20, 25];

/** The primary result code of an error of SQLite; undefined for any other error. */
function resultCode(thrown: unknown): number | undefined {
  const code = extendedCode(thrown);
  return code === undefined ? undefined : code & 0xff;
}

function extendedCode(thrown: unknown): number | undefined {
  return thrown instanceof Error && "errcode" in thrown && typeof thrown.errcode === "number" ? thrown.errcode : undefined;
}

/** Whether an error is of one unit: of its conditions or its values. Everything else fails the whole batch. */
export function isUnitFault(thrown: unknown): boolean {
  if (isAosError(thrown)) return true;
  const code = resultCode(thrown);
  if (code !== undefined) return VALUE_FAULTS.includes(code);
  // Node refuses to bind what is no SQL value.
  return thrown instanceof TypeError || thrown instanceof RangeError;
}

/** Whether SQLite refused a row because another one has its key. */
export function isConstraint(thrown: unknown): boolean {
  return resultCode(thrown) === 19;
}

/** Whether another connection has the database. */
export function isBusy(thrown: unknown): boolean {
  return resultCode(thrown) === 5;
}

/** Whether what the disk holds is uncertain: after a failed sync the operating system may have dropped written pages. */
export function isDiskFault(thrown: unknown): boolean {
  return resultCode(thrown) === IO_ERROR;
}

/** Whether a disk has no space left, as SQLite or as Node says it. */
export function isFull(thrown: unknown): boolean {
  return resultCode(thrown) === FULL || (thrown instanceof Error && "code" in thrown && thrown.code === "ENOSPC");
}

/** The error of a unit that was left out of its batch. */
export function unitError(thrown: unknown): AosError {
  if (isAosError(thrown)) return thrown;
  return new AosError("STORE_FAILED", `the store refused a unit: ${messageOf(thrown)}`, {
    cause: thrown,
    retryable: false,
  });
}

/** Translates whatever SQLite or Node threw; `doing` completes "while …". */
export function storeError(thrown: unknown, doing: string): AosError {
  if (isAosError(thrown)) return thrown;
  const details = { errcode: extendedCode(thrown) };
  if (isFull(thrown)) {
    return new AosError("DISK_FULL", `no space is left while ${doing}: free some, nothing of it was stored`, { cause: thrown, details });
  }
  return new AosError("STORE_FAILED", `the store failed while ${doing}: ${messageOf(thrown)}`, {
    cause: thrown,
    details,
  });
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
