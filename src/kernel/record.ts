import type { Decision } from "./contract/context.ts";
import type { Envelope } from "./envelope.ts";
import type { AosError } from "./errors.ts";
import type { JournalRow } from "./store.ts";
import { shortAddress } from "./address.ts";

/** How a turn ended. */
export type Outcome = "done" | "retry" | "parked" | "dead" | "skipped" | "refused";

/** What a journal row tells of: mail, or a move or cut that the kernel made. */
export type RecordKind = Envelope["kind"] | "lifecycle" | "chain.cut" | "schedule.missed" | "effect";

/** What woke a turn. */
export interface Cause {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly chain: string;
  readonly depth: number;
  /** CloudEvents id where it differs from the envelope's. */
  readonly eventId?: string | undefined;
  readonly correlation?: string | undefined;
  readonly from?: string | undefined;
}

/** An effect in a turn's record. */
export interface EffectNote {
  readonly name: string;
  readonly key: string;
  readonly state: string;
}

/** An error as records and dead letters keep it. */
export interface ErrorNote {
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
}

/** The part of a record that is stored as JSON; the columns hold agent, turn and time. */
export interface RecordBody {
  readonly kind: RecordKind;
  readonly cause: Cause;
  readonly outcome: Outcome;
  readonly attempts: number;
  readonly effects: readonly EffectNote[];
  readonly sent: number;
  readonly decisions: readonly Decision[];
  readonly costMs: number;
  readonly revision: string;
  /** Whether the state changed; with `effects` and `sent` it tells a wasted wake. */
  readonly changed: boolean;
  readonly error?: ErrorNote | undefined;
  /** Ids of the envelopes that a coalescing turn consumed beside its cause. */
  readonly coalesced?: readonly string[] | undefined;
  /** Why mail was consumed without a turn, what a parked turn waits for, or what a move was. */
  readonly note?: string | undefined;
  /** Dedupe facts of the consumed mail: hash, digest, seq, id. */
  readonly dedupe?: readonly (readonly [hash: string, digest: number, seq: number, id: string])[] | undefined;
}

/** What a journal row, a stream event and `aos log` show. */
export interface TurnRecord extends Omit<RecordBody, "dedupe"> {
  /** The row's id: rises in commit order over all agents. */
  readonly seq: number;
  readonly agent: string;
  readonly turn: number;
  readonly at: number;
  /** Whether the wake changed no state, had no effect and sent nothing. */
  readonly wasted: boolean;
}

/** Reads a stored row as the record that the outside sees. */
export function readRecord(row: JournalRow): TurnRecord {
  const { dedupe: _dedupe, ...body } = JSON.parse(row.body) as RecordBody;
  return {
    seq: row.id,
    agent: shortAddress(row.address),
    turn: row.turn,
    at: row.at,
    ...body,
    wasted: isWasted(body),
  };
}

/** A wake is wasted where it changed nothing: no state, no effect, no message, no decision. */
export function isWasted(body: Omit<RecordBody, "dedupe">): boolean {
  return (
    body.outcome === "done" &&
    body.kind !== "lifecycle" &&
    !body.changed &&
    body.effects.length === 0 &&
    body.sent === 0 &&
    body.decisions.length === 0
  );
}

/** What a record says of an envelope. */
export function causeOf(envelope: Envelope): Cause {
  return {
    id: envelope.id,
    type: envelope.name,
    source: envelope.source,
    chain: envelope.chain,
    depth: envelope.depth,
    eventId: envelope.eventId,
    correlation: envelope.correlation === envelope.chain ? undefined : envelope.correlation,
    from: envelope.sender.startsWith("~") ? undefined : envelope.sender,
  };
}

const MESSAGE_MAX = 2_000;

/** An error as it is kept; long messages are cut. */
export function noteError(error: AosError): ErrorNote {
  const details = Object.keys(error.details).length > 0 ? error.details : undefined;
  return { code: error.code, message: error.message.slice(0, MESSAGE_MAX), details };
}
