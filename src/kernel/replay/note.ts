import type { Hasher } from "../clock.ts";
import { canonicalJson, utf8Length } from "../json.ts";
import type { Attempt, MessageDraft } from "../turn/attempt.ts";
import { ParkSignal } from "../turn/attempt.ts";
import { type ErrorNote, noteError } from "../turn/record.ts";
import { toAosError } from "../errors.ts";
import type { ReplyRow } from "../store/store.ts";

/** A call that a turn made and what came of it. */
export interface RecordedCall {
  /** `effect pay`, `ask ceo/main#report`, `broadcast news` or `publish prices news`. */
  readonly name: string;
  /** SHA-256 of the input's canonical JSON, 16 hex digits. */
  readonly input: string;
  readonly output?: unknown;
  readonly error?: (ErrorNote & { readonly retryable?: boolean | undefined }) | undefined;
}

/** A message, timer or spawned agent that a turn left. */
export interface RecordedMessage {
  readonly to: string;
  readonly kind: string;
  readonly name: string;
  readonly data: unknown;
  readonly dueAt?: number | undefined;
  readonly key?: string | undefined;
  readonly timer?: string | undefined;
}

/** What a journal row keeps beside its record so that its turn can be run again (`journal.payloads`). */
export interface ReplayNote {
  readonly data: unknown;
  /** All payloads of a coalescing turn, oldest first. */
  readonly batch?: readonly unknown[] | undefined;
  /** When the mail was accepted, epoch ms. */
  readonly at: number;
  readonly version?: number | undefined;
  readonly subject?: string | undefined;
  readonly tick?: { readonly scheduledAt: number; readonly missed: number } | undefined;
  readonly calls?: readonly RecordedCall[] | undefined;
  readonly sent?: readonly RecordedMessage[] | undefined;
  readonly reply?: unknown;
}

/** How an input is recognised. */
export function inputDigest(hasher: Hasher, input: unknown): string {
  return hasher.sha256(canonicalJson(JSON.parse(JSON.stringify(input ?? null)))).slice(0, 16);
}

/** Notes what a call of an attempt gives. */
export async function recordCall<T>(attempt: Attempt, hasher: Hasher, name: string, input: unknown, work: Promise<T>): Promise<T> {
  const call = { name, input: "" };
  try {
    call.input = inputDigest(hasher, input);
    const output = await work;
    attempt.record({ ...call, output: output ?? null });
    return output;
  } catch (thrown) {
    if (!(thrown instanceof ParkSignal)) {
      const error = toAosError(thrown);
      attempt.record({ ...call, error: { ...noteError(error), retryable: error.retryable } });
    }
    throw thrown;
  }
}

/** What a turn that is done leaves for a replay; undefined where it is larger than the journal takes. */
export function replayNote(attempt: Attempt, reply: ReplyRow | undefined, bytesMax: number): ReplayNote | undefined {
  if (bytesMax === 0) return undefined;
  const { mail, others } = attempt;
  const { at, version, subject, tick } = mail.envelope;
  const all = [mail, ...others].toSorted((left, right) => left.seq - right.seq);
  const sent = [
    ...attempt.messages.filter(({ isFanned }) => isFanned !== true).map(recordedMessage),
    ...attempt.spawns.map(({ address, config }) => ({ to: address, kind: "spawn", name: "spawn", data: config ?? null })),
  ];
  const note: ReplayNote = {
    data: JSON.parse(mail.data) as unknown,
    batch: others.length === 0 ? undefined : all.map(({ data }) => JSON.parse(data) as unknown),
    at,
    version,
    subject,
    tick,
    calls: attempt.recorded.length === 0 ? undefined : attempt.recorded,
    sent: sent.length === 0 ? undefined : sent,
    reply: reply === undefined ? undefined : (JSON.parse(reply.body) as { readonly ok?: unknown }).ok,
  };
  return utf8Length(JSON.stringify(note)) > bytesMax ? undefined : note;
}

/** A message as it is compared. */
function recordedMessage({ address, kind, name, data, dueAt, key, timer }: Omit<MessageDraft, "agent" | "priority">): RecordedMessage {
  return { to: address, kind, name, data: JSON.parse(data) as unknown, dueAt, key, timer };
}
