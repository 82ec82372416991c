import type { Decision } from "../contract/context.ts";
import type { RunningAttempt, AgentEntry } from "../agents/entry.ts";
import type { MailKind } from "../mail/envelope.ts";
import { AosError } from "../errors.ts";
import type { LedgerOp } from "../store/ledger.ts";
import type { Mail } from "../mail/mailbox.ts";
import type { RecordedCall } from "../replay/note.ts";
import type { EffectNote } from "./record.ts";
import type { Commit, EffectRow } from "../store/store.ts";
import type { LoadedType } from "../agents/types.ts";

/** A message as a handler left it; it becomes mail when the turn settles. */
export interface MessageDraft {
  /** The receiver's number and address. */
  readonly agent: number;
  readonly address: string;
  readonly kind: MailKind;
  readonly name: string;
  readonly data: string;
  readonly version?: number | undefined;
  readonly priority: number;
  readonly key?: string | undefined;
  readonly dueAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly timer?: string | undefined;
  /** Whether a broadcast or a publication chose its receiver. */
  readonly isFanned?: boolean | undefined;
}

/** An agent that a handler spawned. */
export interface SpawnDraft {
  readonly no: number;
  readonly type: LoadedType;
  readonly address: string;
  readonly config?: unknown;
}

/** Why an attempt ends before its handler: what it waits for. */
export interface ParkCondition {
  readonly kind: "in-doubt" | "breaker" | "budget" | "code-missing";
  /** The effect, breaker or budget that it waits for. */
  readonly on: string;
  /** When the condition may hold again, epoch ms; without it somebody must act. */
  readonly until?: number | undefined;
}

/** Thrown through a handler to end its attempt; catching it changes nothing, the attempt stays parked. */
export class ParkSignal extends Error {
  readonly condition: ParkCondition;
  constructor(condition: ParkCondition) {
    super(`parked: waits for ${condition.kind} ${condition.on}`);
    this.name = "ParkSignal";
    this.condition = condition;
  }
}

const NONE: readonly never[] = [];

/** A list with one more: most attempts leave nothing of a kind, and then no list is made. */
function grown<T>(list: readonly T[], item: T): readonly T[] {
  if (list.length === 0) return [item];
  (list as T[]).push(item);
  return list;
}

/** One attempt to handle one envelope: what its handler has left so far, all of it dropped unless the turn commits. */
export class Attempt implements RunningAttempt {
  readonly entry: AgentEntry;
  readonly mail: Mail;
  /** Mail that a coalescing handler consumes beside `mail`. */
  readonly others: readonly Mail[];
  readonly type: LoadedType;
  /** The turn's time, epoch ms. */
  readonly now: number;
  /** Monotonic ms. */
  readonly startedAt: number;
  readonly epoch: number;
  readonly generation: number;
  messages: readonly MessageDraft[] = NONE;
  spawns: readonly SpawnDraft[] = NONE;
  timersOut: readonly string[] = NONE;
  decisions: readonly Decision[] = NONE;
  effects: readonly EffectNote[] = NONE;
  ledger: readonly LedgerOp[] = NONE;
  /** Calls and their answers, where they are kept for a replay. */
  recorded: readonly RecordedCall[] = NONE;
  /** What the handler began and need not have waited for, and checks that could not answer at once; all of it ends before the commit. */
  checks: readonly (Promise<unknown> | (() => Promise<unknown>))[] = NONE;
  /** Schedules whose next tick was brought forward, and to when. */
  earlier: Map<string, number> | undefined;
  /** Effects' rows of this envelope from earlier attempts, by id; read at the first call. */
  memo: Map<string, EffectRow> | undefined;
  #occurrences: Map<string, number> | undefined;
  draws = 0;
  /** Effects that were called so far, answered or not. */
  effectCalls = 0;
  cuts = 0;
  parked: ParkCondition | undefined;
  /** Monotonic ms of the last sign of progress. */
  progressAt: number;
  /** Until when a call in flight may stay silent, monotonic ms. */
  patientUntil = 0;
  /** Calls in flight. */
  calls = 0;
  /** Whether the turn succeeded: what it journaled for retries is no longer needed. */
  isDone = false;
  #isOver = false;
  #dead: AosError | undefined;
  #controller: AbortController | undefined;
  #onAbort: ((error: AosError, attempt: Attempt) => void) | undefined;

  constructor(
    entry: AgentEntry,
    mail: Mail,
    others: readonly Mail[],
    type: LoadedType,
    time: { readonly now: number; readonly monotonic: number },
  ) {
    this.entry = entry;
    this.mail = mail;
    this.others = others;
    this.type = type;
    this.now = time.now;
    this.startedAt = time.monotonic;
    this.progressAt = time.monotonic;
    this.epoch = entry.epoch;
    this.generation = entry.generation;
  }

  /** Adds what must end well before the turn commits. */
  check(work: Promise<unknown> | (() => Promise<unknown>)): void {
    // It is looked at when the handler has ended: until then a rejection is nobody's, and must not end the process.
    if (typeof work !== "function") work.catch(() => undefined);
    this.checks = grown(this.checks, work);
  }

  addMessage(draft: MessageDraft): void {
    this.messages = grown(this.messages, draft);
  }

  addSpawn(draft: SpawnDraft): void {
    this.spawns = grown(this.spawns, draft);
  }

  /** Drops a timer, drafted or stored, by its name. */
  dropTimer(timer: string): void {
    if (this.messages.some((draft) => draft.timer === timer)) this.messages = this.messages.filter((draft) => draft.timer !== timer);
    if (!this.timersOut.includes(timer)) this.timersOut = grown(this.timersOut, timer);
  }

  addDecision(decision: Decision): void {
    this.decisions = grown(this.decisions, decision);
  }

  noteEffect(note: EffectNote): void {
    this.effects = grown(this.effects, note);
  }

  record(call: RecordedCall): void {
    this.recorded = grown(this.recorded, call);
  }

  addToLedger(op: LedgerOp): void {
    this.ledger = grown(this.ledger, op);
  }

  /** Counts the calls of one name and input in this attempt, from 0. */
  occurrence(place: string): number {
    this.#occurrences ??= new Map();
    const count = this.#occurrences.get(place) ?? 0;
    this.#occurrences.set(place, count + 1);
    return count;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#dead !== undefined && !this.#controller.signal.aborted) this.#controller.abort(this.#dead);
    return this.#controller.signal;
  }

  /** @throws AosError TURN_ABORTED once the attempt has ended. */
  assertAlive(): void {
    if (this.#dead !== undefined) throw this.#dead;
    if (this.#isOver) {
      throw new AosError("TURN_ABORTED", `the turn of envelope ${this.mail.envelope.id} is over; its context is dead`);
    }
  }

  get isDead(): boolean {
    return this.#isOver || this.#dead !== undefined;
  }

  /** Registers what settles the attempt when it is aborted from outside. */
  onAbort(run: (error: AosError, attempt: Attempt) => void): void {
    this.#onAbort = run;
  }

  abort(error: AosError): void {
    if (this.isDead) return;
    this.#dead = error;
    this.#controller?.abort(error);
    this.#onAbort?.(error, this);
  }

  /** Makes the context dead without settling anything: the attempt has ended by itself. */
  end(): void {
    this.#isOver = true;
    this.#onAbort = undefined;
  }
}

/** Whether an effect's row may stand under an envelope, from this attempt or an earlier one. Parking counts no attempt. */
export function hasEffects(mail: Mail, attempt: Attempt): boolean {
  if (mail === attempt.mail && attempt.effects.length > 0) return true;
  return mail.stored && (mail.attempts > 0 || attempt.type.effects.size > 0);
}

/** What an attempt counted: it is counted however the attempt ends. */
export function ledgerOf(attempt: Attempt): Commit["ledger"] {
  return attempt.ledger.length > 0 ? attempt.ledger : undefined;
}
