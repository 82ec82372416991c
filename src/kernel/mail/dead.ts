import type { AosError } from "../errors.ts";
import type { Mail } from "./mailbox.ts";
import { noteError } from "../turn/record.ts";
import type { DeadRow, ReplyRow } from "../store/store.ts";

/** What is kept of mail that will not be tried again. */
export function deadRow(agent: number, mail: Mail, reason: string, error: AosError | undefined, now: number, attempts: number): DeadRow {
  return {
    id: mail.envelope.id,
    agent,
    at: now,
    reason,
    attempts,
    head: JSON.stringify(mail.envelope),
    data: mail.data,
    error: JSON.stringify(error === undefined ? { code: reason, message: reason } : noteError(error)),
  };
}

/** The answer to a command that fails for good: its error; undefined for other mail. */
export function replyOf(mail: Mail, error: AosError | undefined, at: number): ReplyRow | undefined {
  if (mail.envelope.kind !== "command") return undefined;
  return {
    id: mail.envelope.id,
    at,
    body: JSON.stringify({
      error: error === undefined ? { code: "TURN_FAILED", message: "the command was not handled" } : noteError(error),
    }),
  };
}
