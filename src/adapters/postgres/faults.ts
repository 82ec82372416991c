import { AosError, isAosError } from "../../kernel/index.ts";

/** The SQLSTATE of an error of the server; undefined for any other error. */
function sqlState(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown) || !("severity" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** Whether an error is of one unit: of its conditions or its values. Everything else fails the whole batch. */
export function isUnitFault(thrown: unknown): boolean {
  if (isAosError(thrown)) return thrown.code !== "DATA_LOCKED" && thrown.code !== "CLOSED";
  const state = sqlState(thrown);
  if (state !== undefined) return state.startsWith("22") || state.startsWith("23") || state.startsWith("54");
  return thrown instanceof TypeError || thrown instanceof RangeError;
}

/** Whether a row was refused because another one has its key under this constraint. */
export function isTaken(thrown: unknown, constraint: string): boolean {
  return sqlState(thrown) === "23505" && (thrown as { constraint?: unknown }).constraint === constraint;
}

/** Whether a check written as a division failed: the rows were not as the unit expects. */
export function isUnmet(thrown: unknown): boolean {
  return sqlState(thrown) === "22012";
}

/** Whether a sum left what a number can be. */
export function isOutOfRange(thrown: unknown): boolean {
  return ["22003", "23514"].includes(sqlState(thrown) ?? "");
}

/** Whether the connection is gone or going, so that the server may be asked again over another one. */
export function isConnectionFault(thrown: unknown): boolean {
  const state = sqlState(thrown);
  if (state !== undefined) return state.startsWith("08") || state.startsWith("57P");
  return thrown instanceof Error && !isAosError(thrown) && !(thrown instanceof TypeError) && !(thrown instanceof RangeError);
}

/** The error of a unit that was left out of its batch. */
export function unitError(thrown: unknown): AosError {
  if (isAosError(thrown)) return thrown;
  return new AosError("STORE_FAILED", `the store refused a unit: ${messageOf(thrown)}`, {
    cause: thrown,
    retryable: false,
    details: { sqlState: sqlState(thrown) },
  });
}

/** Translates whatever the server or its client threw; `doing` completes "while …". */
export function storeError(thrown: unknown, doing: string): AosError {
  if (isAosError(thrown)) return thrown;
  const state = sqlState(thrown);
  const details = { sqlState: state };
  if (state === "53100") {
    return new AosError("DISK_FULL", `the PostgreSQL server has no space left while ${doing}: free some, nothing of it was stored`, {
      cause: thrown,
      details,
    });
  }
  return new AosError("STORE_FAILED", `PostgreSQL failed while ${doing}: ${messageOf(thrown)}`, { cause: thrown, details });
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
