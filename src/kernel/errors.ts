/** A row of the error table: what the code means, its HTTP status, and whether the same call may succeed later. */
export interface ErrorCode {
  readonly meaning: string;
  readonly status: number;
  readonly retryable: boolean;
}

const row = (status: number, meaning: string, retryable = false): ErrorCode => ({
  meaning,
  status,
  retryable,
});

/** Every code that AOS answers with. A code is never reused; `docs/errors.md` holds the same table. */
export const ERROR_CODES = {
  ADDRESS_INVALID: row(422, "an agent address, type or id is malformed"),
  AGENT_EXISTS: row(409, "an agent of that address exists in another state or with other settings"),
  AGENT_NOT_FOUND: row(404, "no agent has that address"),
  AGENT_TERMINATED: row(410, "the agent was terminated; its address stays taken"),
  ASK_CYCLE: row(409, "the asked agent already waits for this answer further up the chain"),
  ASK_TIMEOUT: row(504, "the asked agent did not answer within the deadline", true),
  BACKUP_INVALID: row(422, "a backup is not whole, not sound, or not a backup"),
  BACKUP_RUNNING: row(409, "another backup of the system is being taken", true),
  BREAKER_OPEN: row(503, "a circuit breaker is open; the call was not made", true),
  BODY_INVALID: row(400, "the body is not valid UTF-8, JSON or CloudEvents"),
  BODY_TOO_LARGE: row(413, "the body is larger than the limit"),
  BULKHEAD_FULL: row(429, "too many calls run or wait already", true),
  CHAIN_CUT: row(409, "the causal chain reached its depth or turn limit"),
  CLOSED: row(409, "what was called was closed or disposed; make a new one"),
  CODE_MISSING: row(503, "no code is loaded for the agent's type; its mail waits", true),
  CONFIG_INVALID: row(422, "a configuration value is unknown, malformed or out of range"),
  CONTENT_TYPE_UNSUPPORTED: row(415, "the content type is not supported here"),
  CONTRACT_INVALID: row(422, "an agent type's contract is malformed or contradicts itself"),
  DATA_LOCKED: row(409, "another process owns the data folder"),
  DATA_TOO_NEW: row(409, "the data folder was written by a newer AOS"),
  DEAD_LETTER_NOT_FOUND: row(404, "no dead letter has that id"),
  DEPENDENCY_INVALID: row(422, "a dependency is unknown or closes a cycle"),
  DISK_FULL: row(507, "the store has no space left; nothing was acknowledged", true),
  EFFECT_DRY: row(409, "the agent is a fork whose effects are dry until it is resumed; nothing was called"),
  EFFECT_FAILED: row(502, "an effect failed", true),
  EFFECT_IN_DOUBT: row(409, "an effect may or may not have happened; a human must say"),
  EFFECT_LIMIT: row(422, "a turn called more effects than its limit"),
  EFFECT_NOT_DECLARED: row(403, "the agent's contract does not list that effect"),
  EFFECT_NOT_FOUND: row(404, "no effect has that id"),
  EFFECT_TIMEOUT: row(504, "an effect did not answer within its deadline", true),
  EVENT_NOT_ACCEPTED: row(422, "the agent's contract does not accept that event, command or query"),
  EXPIRED: row(410, "the message passed its expiry before it was delivered"),
  EXPORT_IMPORTED: row(409, "that move was imported already; its agent must not run twice"),
  EXPORT_INVALID: row(422, "an export is not whole, was changed, or is no export"),
  EXPORT_STALE: row(409, "the agent changed since it was exported; export it again", true),
  EXPORT_TOO_LARGE: row(413, "an export is larger than the limit"),
  EXPORT_TOO_NEW: row(409, "an export has a newer format than this version reads"),
  EXPORT_UNRELEASED: row(409, "an export by move does not prove that its source was terminated"),
  EXPORT_UNTRUSTED: row(403, "an export is signed by a key that is not trusted here"),
  FILE_EXISTS: row(409, "a file of that name exists and may not be replaced"),
  FOLDER_NOT_EMPTY: row(409, "the folder holds something and may not be replaced"),
  FOLDED: row(410, "that turn is no longer retained; `details.nearest` is the oldest one that is"),
  FORBIDDEN: row(403, "the credential does not permit that"),
  HEADERS_TOO_LARGE: row(431, "the request's headers are larger than the limit"),
  IDEMPOTENCY_CONFLICT: row(409, "the same key was used with another payload"),
  INTERNAL: row(500, "an invariant broke; the cause is in the log"),
  JOURNAL_INVALID: row(422, "a journal file is malformed"),
  KILLED: row(409, "a kill epoch or lifecycle move fenced the work"),
  LEDGER_CONFLICT: row(409, "a ledger entry has another version than expected", true),
  LEDGER_FLOOR: row(409, "a ledger sum would pass its floor"),
  LIFECYCLE_ILLEGAL: row(409, "the agent cannot make that move from its state"),
  LIMIT_EXCEEDED: row(422, "a documented limit was exceeded"),
  MAILBOX_FULL: row(429, "the agent's mailbox is full; send later", true),
  METHOD_NOT_ALLOWED: row(405, "the path exists but not with that method"),
  MIGRATION_FAILED: row(500, "a state migration threw or produced an invalid state"),
  MODEL_NOT_CONFIGURED: row(503, "no model is configured; set `models.default`"),
  NOT_FOUND: row(404, "there is nothing at that path or id"),
  NOT_JSON: row(422, "a value cannot be represented in JSON"),
  PAYLOAD_INVALID: row(422, "a payload does not satisfy its schema"),
  PAYLOAD_TOO_LARGE: row(413, "a payload is larger than the limit"),
  QUARANTINED: row(409, "the agent is quarantined"),
  QUERY_WROTE: row(500, "a query tried to write"),
  QUEUE_FULL: row(429, "a bounded queue is full", true),
  RATE_LIMITED: row(429, "the rate limit is exhausted", true),
  REFUSED: row(409, "the handler refused; nothing was changed"),
  REPLY_PENDING: row(202, "the command is durable and has not been answered yet", true),
  REQUEST_TIMEOUT: row(408, "the request did not arrive completely in time", true),
  RESTORE_UNFINISHED: row(409, "a restore of the data folder was cut off; it has to be run again"),
  SCHEDULE_INVALID: row(422, "a schedule's expression, zone or policy is malformed"),
  SCHEMA_MISMATCH: row(422, "queued mail no longer satisfies the contract"),
  SHUTTING_DOWN: row(503, "the system is shutting down", true),
  SIMULATION_ESCAPE: row(500, "code under simulation reached for the real network, time or randomness"),
  SIMULATION_FAILED: row(500, "a simulation broke an invariant; the error says at which step and how to replay it"),
  STATE_INVALID: row(500, "the handler left a state that its schema refuses"),
  STATE_TOO_NEW: row(409, "an agent's stored state has a newer version than the loaded code knows"),
  STATE_TOO_LARGE: row(413, "the state is larger than the limit"),
  STORE_FAILED: row(503, "the store failed; nothing was acknowledged", true),
  TIMEOUT: row(504, "the deadline passed", true),
  TRANSITION_ILLEGAL: row(409, "the state machine has no such transition from its state"),
  TURN_ABORTED: row(409, "the attempt was aborted; its context is dead", true),
  TURN_FAILED: row(500, "the handler threw", true),
  TURN_NOT_FOUND: row(404, "the agent never had that turn"),
  TYPE_UNKNOWN: row(404, "no agent type of that name is loaded"),
  UNAUTHENTICATED: row(401, "a valid credential is required"),
  UNAVAILABLE: row(503, "the system cannot be reached or is not ready", true),
  USAGE: row(400, "the call is malformed"),
  WEBHOOK_SIGNATURE: row(401, "the webhook's signature does not match the secret"),
} as const satisfies Record<string, ErrorCode>;

/** A code of the table. */
export type AosErrorCode = keyof typeof ERROR_CODES;

/** What an `AosError` may carry beside its code. */
export interface AosErrorOptions {
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
  /** Overrides the table where one occurrence differs from the rule. */
  readonly retryable?: boolean | undefined;
}

/** An operating error: a stable code, whether to try again, and details without secrets. */
export class AosError extends Error {
  readonly code: AosErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: AosErrorCode, message: string, options: AosErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AosError";
    this.code = code;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
    this.details = options.details ?? {};
  }

  /** The HTTP status of the code. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}

/** Whether a value is an `AosError`, of the given code where one is given. */
export function isAosError(value: unknown, code?: AosErrorCode): value is AosError {
  return value instanceof AosError && (code === undefined || value.code === code);
}

/** Turns anything thrown into an `AosError`, keeping it as the cause. */
export function toAosError(thrown: unknown, code: AosErrorCode = "INTERNAL"): AosError {
  if (thrown instanceof AosError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new AosError(code, message === "" ? code : message, { cause: thrown });
}

/** What a handler throws to refuse: nothing changes, nothing is retried, the sender of a command gets the message. */
export function refuse(message: string, details?: Readonly<Record<string, unknown>>): AosError {
  return new AosError("REFUSED", message, { details });
}
