import type { Decision } from "../contract/context.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { ReplayNote } from "../replay/note.ts";
import type { AosError } from "../errors.ts";
import type { JournalRow } from "../store/store.ts";
import { shortAddress } from "../address.ts";

/** How a turn ended. */
export type Outcome = "done" | "retry" | "parked" | "dead" | "skipped" | "refused";

/** What a journal row tells of: mail, or a move or cut that the kernel made. */
export type RecordKind = Envelope["kind"] | "lifecycle" | "chain.cut" | "schedule.missed" | "effect" | "rewind" | "fork";

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
  /** What it takes to run the turn again, where that is kept. */
  readonly replay?: ReplayNote | undefined;
  readonly dedupe?: readonly (readonly [hash: string, digest: number, seq: number, id: string])[] | undefined;
}

/** What a journal row, a stream event and `aos log` show. */
export interface TurnRecord extends Omit<RecordBody, "dedupe" | "replay"> {
  /** The row's id: rises in commit order over all agents. */
  readonly seq: number;
  readonly agent: string;
  readonly turn: number;
  readonly at: number;
  /** Whether the wake changed no state, had no effect and sent nothing. */
  readonly wasted: boolean;
}

/** The rarer parts of a stored body, by short names. */
interface Extra {
  readonly c?: string | undefined;
  readonly e?: string | undefined;
  readonly r?: string | undefined;
  readonly f?: string | undefined;
  readonly fx?: readonly EffectNote[] | undefined;
  readonly s?: number | undefined;
  readonly d?: readonly Decision[] | undefined;
  readonly x?: ErrorNote | undefined;
  readonly co?: readonly string[] | undefined;
  readonly n?: string | undefined;
  readonly q?: ReplayNote | undefined;
  readonly k?: RecordBody["dedupe"];
}

type Stored = readonly [
  kind: RecordKind,
  outcome: Outcome,
  attempts: number,
  costMs: number,
  revision: string,
  changed: 0 | 1,
  id: string,
  type: string,
  source: string,
  depth: number,
  extra?: Extra,
];

/** Writes a body for the store: an array, since what a turn appends is what a turn costs. Ids stand in it as they are. */
export function encodeBody(body: RecordBody): string {
  const { cause } = body;
  const head = `["${body.kind}","${body.outcome}",${body.attempts},${body.costMs},"${body.revision}",${body.changed ? 1 : 0},${JSON.stringify(cause.id)},${JSON.stringify(cause.type)},${JSON.stringify(cause.source)},${cause.depth}`;
  const keys = body.dedupe === undefined ? undefined : encodeKeys(body.dedupe, cause.id);
  if (isPlain(body)) return keys === undefined ? `${head}]` : `${head},{"k":${keys}}]`;
  const extra: Extra = {
    c: cause.chain === cause.id ? undefined : cause.chain,
    e: cause.eventId,
    r: cause.correlation,
    f: cause.from,
    fx: body.effects.length === 0 ? undefined : body.effects,
    s: body.sent === 0 ? undefined : body.sent,
    d: body.decisions.length === 0 ? undefined : body.decisions,
    x: body.error,
    co: body.coalesced,
    n: body.note,
    q: body.replay,
  };
  const rest = JSON.stringify(extra);
  return keys === undefined ? `${head},${rest}]` : `${head},${rest.slice(0, -1)},"k":${keys}}]`;
}

/** Hashes are hexadecimal and stand as they are; the envelope's own id is left out. */
function encodeKeys(keys: NonNullable<RecordBody["dedupe"]>, own: string): string {
  const each = keys.map(([hash, digest, seq, id]) => `["${hash}",${digest},${seq},${id === own ? '""' : JSON.stringify(id)}]`);
  return `[${each.join(",")}]`;
}

/** Whether a body has none of the rarer parts, dedupe facts aside: most have not. */
function isPlain({ cause, effects, sent, decisions, error, coalesced, note, replay }: RecordBody): boolean {
  return (
    cause.chain === cause.id &&
    cause.eventId === undefined &&
    cause.correlation === undefined &&
    cause.from === undefined &&
    effects.length === 0 &&
    sent === 0 &&
    decisions.length === 0 &&
    error === undefined &&
    coalesced === undefined &&
    note === undefined &&
    replay === undefined
  );
}

/** Reads a stored body. */
export function decodeBody(text: string): RecordBody {
  const [kind, outcome, attempts, costMs, revision, changed, id, type, source, depth, extra = {}] = JSON.parse(text) as Stored;
  return {
    kind,
    cause: { id, type, source, chain: extra.c ?? id, depth, eventId: extra.e, correlation: extra.r, from: extra.f },
    outcome,
    attempts,
    effects: extra.fx ?? [],
    sent: extra.s ?? 0,
    decisions: extra.d ?? [],
    costMs,
    revision,
    changed: changed === 1,
    error: extra.x,
    coalesced: extra.co,
    note: extra.n,
    replay: extra.q,
    dedupe: extra.k?.map(([hash, digest, seq, envelope]) => [hash, digest, seq, envelope === "" ? id : envelope] as const),
  };
}

/** Reads a stored row as the record that the outside sees. */
export function readRecord(row: JournalRow): TurnRecord {
  const { dedupe: _dedupe, replay: _replay, ...body } = decodeBody(row.body);
  return {
    seq: row.id,
    agent: shortAddress(row.address),
    turn: row.turn,
    at: row.at,
    ...body,
    wasted: isWasted(body),
  };
}

/** What stands in the record of a turn that brought its agent's state to another version. */
export function migrationNote(from: number, to: number): string {
  return `state ${from} → ${to}`;
}

/** What stands in the record of a rewind; it names the versions where it led to another one. */
export function rewindNote(turn: number, from: number, to: number): string {
  return from === to ? `rewound to turn ${turn}` : `rewound to turn ${turn}, ${migrationNote(from, to)}`;
}

/** Whether a record has to do with an id: as envelope, event, chain or correlation. */
export function concerns(record: TurnRecord, id: string): boolean {
  const { cause } = record;
  return [cause.id, cause.chain, cause.correlation, cause.eventId, ...(record.coalesced ?? [])].includes(id);
}

/** A wake is wasted where it changed nothing: no state, no effect, no message, no decision. */
export function isWasted(body: Omit<RecordBody, "dedupe" | "replay">): boolean {
  return (
    body.outcome === "done" &&
    body.kind !== "lifecycle" &&
    body.kind !== "rewind" &&
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
    from: envelope.sender.startsWith("~") ? undefined : shortAddress(envelope.sender),
  };
}

const MESSAGE_MAX = 2_000;

/** An error as it is kept; long messages are cut. */
export function noteError(error: AosError): ErrorNote {
  const details = Object.keys(error.details).length > 0 ? storable(error.details) : undefined;
  return { code: error.code, message: error.message.slice(0, MESSAGE_MAX), details };
}

/** Details as JSON holds them; a handler may throw an error that carries what it cannot. */
function storable(details: Readonly<Record<string, unknown>>): unknown {
  try {
    return JSON.parse(JSON.stringify(details)) as unknown;
  } catch {
    return { omitted: "the details cannot be represented in JSON" };
  }
}
