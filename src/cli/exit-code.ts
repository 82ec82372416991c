import type { Problem } from "../client/index.ts";

/** The exit codes of the command line; scripts rely on them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  conflict: 5,
  unavailable: 6,
} as const;

/** How a command ended. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes whose status alone does not say it: a 409 may be a conflict of writers, or a state that forbids the call. */
const BY_CODE: Readonly<Record<string, ExitCode>> = {
  AGENT_TERMINATED: EXIT.refused,
  ASK_CYCLE: EXIT.refused,
  BACKUP_INVALID: EXIT.failed,
  CHAIN_CUT: EXIT.refused,
  CLOSED: EXIT.refused,
  DATA_TOO_NEW: EXIT.refused,
  EFFECT_IN_DOUBT: EXIT.refused,
  EXPIRED: EXIT.refused,
  EXPORT_INVALID: EXIT.failed,
  EXPORT_TOO_NEW: EXIT.refused,
  EXPORT_UNRELEASED: EXIT.refused,
  KILLED: EXIT.refused,
  LEDGER_FLOOR: EXIT.refused,
  LIFECYCLE_ILLEGAL: EXIT.refused,
  QUARANTINED: EXIT.refused,
  RESTORE_UNFINISHED: EXIT.refused,
  REFUSED: EXIT.refused,
  TRANSITION_ILLEGAL: EXIT.refused,
  ASK_TIMEOUT: EXIT.failed,
  EFFECT_FAILED: EXIT.failed,
  EFFECT_TIMEOUT: EXIT.failed,
  SCHEMA_MISMATCH: EXIT.failed,
  TURN_ABORTED: EXIT.failed,
};

const BY_STATUS: Readonly<Record<number, ExitCode>> = {
  202: EXIT.unavailable,
  400: EXIT.usage,
  401: EXIT.refused,
  403: EXIT.refused,
  404: EXIT.notFound,
  405: EXIT.usage,
  408: EXIT.unavailable,
  409: EXIT.conflict,
  410: EXIT.notFound,
  413: EXIT.usage,
  415: EXIT.usage,
  422: EXIT.usage,
  429: EXIT.unavailable,
  431: EXIT.usage,
  502: EXIT.unavailable,
  503: EXIT.unavailable,
  504: EXIT.unavailable,
  507: EXIT.unavailable,
};

/** The exit code of a problem: by its code where the table knows it, else by its status. */
export function exitCodeOf({ code, status }: Pick<Problem, "code" | "status">): ExitCode {
  return BY_CODE[code] ?? BY_STATUS[status] ?? EXIT.failed;
}
