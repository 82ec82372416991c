import { type Attempt, hasEffects, ledgerOf, type ParkCondition, ParkSignal } from "./attempt.ts";
import type { Core } from "../core.ts";
import type { Counters } from "../effects/counters.ts";
import { holdForBudget } from "../effects/budget-hold.ts";
import { encodeDelta } from "./delta.ts";
import type { DedupeIndex } from "../mail/dedupe.ts";
import type { Directory } from "../agents/directory.ts";
import type { AgentEntry, AgentMeta } from "../agents/entry.ts";
import { AosError, isAosError, toAosError } from "../errors.ts";
import { digest53, toJson, utf8Length } from "../json.ts";
import { deadRow, replyOf } from "../mail/dead.ts";
import { laneOf, type Mail } from "../mail/mailbox.ts";
import type { Outbox, Outgoing } from "../mail/outbox.ts";
import { replayNote } from "../replay/note.ts";
import { causeOf, isWasted, migrationNote, noteError, type Outcome, type RecordBody } from "./record.ts";
import { isRetryWorthwhile, retryDelay } from "../retry.ts";
import type { Spawner } from "../agents/spawner.ts";
import type { Commit, JournalWrite, ReplyRow } from "../store/store.ts";
import { AgentUnit, type Mutable, type RowDraft, type Undone, type UnitParts } from "./unit.ts";
import { validate } from "../contract/schema.ts";
import { keepBeforeMigration } from "../upgrade/kept-state.ts";
import type { Supervision } from "../agents/supervision.ts";

/** What settling needs of the kernel. */
export interface SettleParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly dedupe: DedupeIndex;
  readonly outbox: Outbox;
  readonly counters: Counters;
  readonly spawner: Spawner;
  readonly supervision: Supervision;
  /** Told when an agent may take its next mail. */
  readonly next: (entry: AgentEntry) => void;
  /** Told when mail waits until a time. */
  readonly delayed: (dueAt: number) => void;
  /** Told what became of an envelope, once durable. */
  readonly ended: (mail: Mail, body: RecordBody, reply: ReplyRow | undefined, row: JournalWrite | undefined) => void;
  /** Told what mail that was just parked waits for: it may have come about meanwhile. */
  readonly parked: (condition: ParkCondition) => void;
  /** Told that a unit did not commit: with the error where it was the unit's own fault. */
  readonly undone: (entry: AgentEntry, mail: Mail, error: AosError | undefined) => void;
  /** Moves schedules' next ticks forward with a turn. */
  readonly earlier: (attempt: Attempt, commit: Mutable<Commit>) => void;
}

/** Turns the end of an attempt into one unit: a turn that is done, a retry, a parked envelope, a dead letter. */
export class Settler {
  readonly #parts: SettleParts;
  readonly #undone: Undone;

  constructor(parts: SettleParts) {
    this.#parts = parts;
    this.#undone = (entry, mail, error, isWhole, ledger) => {
      parts.counters.withdraw(ledger);
      parts.undone(entry, mail, isWhole ? undefined : error);
    };
  }

  /** The handler returned. */
  succeed(attempt: Attempt, draft: unknown, output: unknown): void | Promise<void> {
    if (attempt.parked !== undefined) return this.park(attempt, attempt.parked);
    if (attempt.isDead) return undefined;
    try {
      const keys = this.#parts.outbox.prepare(attempt);
      if (attempt.checks.length > 0 || keys !== undefined) return this.#afterChecks(attempt, draft, output);
      const state = this.#checkState(attempt, draft);
      if (state instanceof Promise)
        return this.#guarded(attempt, async () => this.#done(attempt, await state, await this.#reply(attempt, output)));
      const reply = this.#reply(attempt, output);
      if (reply instanceof Promise) return this.#guarded(attempt, async () => this.#done(attempt, state, await reply));
      return this.#done(attempt, state, reply);
    } catch (thrown) {
      return this.fail(attempt, thrown);
    }
  }

  #afterChecks(attempt: Attempt, draft: unknown, output: unknown): Promise<void> {
    return this.#guarded(attempt, async () => {
      // A check may leave further ones.
      for (const check of attempt.checks) await (typeof check === "function" ? check() : check);
      await this.#parts.outbox.prepare(attempt);
      this.#done(attempt, await this.#checkState(attempt, draft), await this.#reply(attempt, output));
    });
  }

  async #guarded(attempt: Attempt, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.fail(attempt, thrown);
    }
  }

  /** The handler threw. */
  fail(attempt: Attempt, thrown: unknown): void {
    if (attempt.parked !== undefined || thrown instanceof ParkSignal) {
      this.park(attempt, attempt.parked ?? (thrown as ParkSignal).condition);
      return;
    }
    if (attempt.isDead && !isAosError(thrown, "TURN_ABORTED") && !isAosError(thrown, "KILLED")) return;
    this.failed(attempt, toAosError(thrown, "TURN_FAILED"));
  }

  /** An attempt failed: retry it, or give it up. */
  failed(attempt: Attempt, error: AosError): void {
    attempt.end();
    const { core, supervision } = this.#parts;
    const { entry, mail } = attempt;
    if (entry.attempt === attempt) entry.attempt = undefined;
    core.report({ event: "turn.failed", agent: entry.address, envelope: mail.envelope.id, attempt: mail.attempts + 1, error });
    const isRefusal = error.code === "REFUSED";
    const policy = attempt.type.contract.retry ?? core.limits.retry;
    const attempts = mail.attempts + 1;
    const verdict = isRefusal ? undefined : supervision.failed(entry, attempt.type, error, attempt.now);
    const isLast = isRefusal || verdict?.isLast === true || attempts >= policy.attempts || !isRetryWorthwhile(policy, error);
    if (isLast) this.giveUp(attempt, error, isRefusal ? "refused" : "dead", verdict?.meta, verdict);
    else this.#retry(attempt, error, retryDelay(policy, attempts, core.entropy.random()), verdict);
  }

  /** Consumes mail without a turn: expired, gated out, or no longer valid. */
  consume(
    entry: AgentEntry,
    mail: Mail,
    how: {
      readonly outcome: Outcome;
      readonly note: string;
      readonly error?: AosError | undefined;
      readonly revision: string;
      readonly reason?: string | undefined;
    },
  ): void {
    const now = this.#parts.core.clock.now();
    const body = this.#body(mail, { outcome: how.outcome, note: how.note, error: how.error, revision: how.revision });
    const commit: Mutable<Commit> = {};
    if (how.outcome !== "dead" && mail.stored) commit.effectsOut = [mail.envelope.id];
    if (how.outcome === "dead")
      commit.deadIn = [deadRow(entry.no, mail, how.reason ?? how.error?.code ?? "DEAD", how.error, now, mail.attempts)];
    const reply = replyOf(mail, how.error, now);
    if (reply !== undefined) commit.replies = [reply];
    this.#write(entry, mail, [], {
      rows: [{ at: now, body }],
      commit,
      onDurable: (written) => noteEnd(this.#parts, mail, body, reply, written[0]),
    });
  }

  /** The envelope waits for a condition: the draft is dropped, no attempt counted, later mail proceeds. */
  park(attempt: Attempt, condition: ParkCondition): void {
    attempt.end();
    const { entry, mail } = attempt;
    if (entry.attempt === attempt) entry.attempt = undefined;
    holdForBudget(this.#parts.core, entry, condition);
    const now = this.#parts.core.clock.now();
    const text = JSON.stringify(condition);
    const body = this.#body(mail, { outcome: "parked", note: text, revision: attempt.type.revision, attempt });
    const parked: Mail = { ...mail, parked: text, marked: 0 };
    const commit: Mutable<Commit> = {
      mailSet: [{ seq: mail.seq, dueAt: condition.until ?? null, parked: text, attempts: mail.attempts, marked: 0 }],
      ledger: ledgerOf(attempt),
    };
    this.#write(
      entry,
      mail,
      attempt.others,
      {
        rows: [{ at: now, body }],
        commit,
        onDurable: (rows) => {
          parked.stored = true;
          if (!entry.isStale) entry.mailbox.park(parked, text);
          if (condition.until !== undefined) this.#parts.delayed(condition.until);
          this.#parts.parked(condition);
          this.#parts.ended(mail, body, undefined, rows.at(-1));
        },
      },
      true,
    );
    for (const other of attempt.others) entry.mailbox.add(other);
    this.#parts.next(entry);
  }

  /** The last attempt failed: a dead letter, or a refusal that the sender hears of. */
  giveUp(attempt: Attempt, error: AosError, outcome: "dead" | "refused", meta?: AgentMeta, verdict?: Partial<UnitParts>): void {
    const { entry, mail } = attempt;
    const { now } = attempt;
    const attempts = mail.attempts + 1;
    const body = this.#body(mail, { outcome, error, revision: attempt.type.revision, attempt, attempts });
    const commit: Mutable<Commit> = { ledger: ledgerOf(attempt) };
    if (outcome === "dead") commit.deadIn = [deadRow(entry.no, mail, error.code, error, now, attempts)];
    else commit.effectsOut = [mail.envelope.id];
    const reply = replyOf(mail, error, now);
    if (reply !== undefined) commit.replies = [reply];
    this.#write(entry, mail, [], {
      ...verdict,
      rows: [{ at: now, body }, ...(verdict?.rows ?? [])],
      own: 0,
      meta: meta ?? verdict?.meta,
      commit,
      onDurable: (rows) => {
        noteEnd(this.#parts, mail, body, reply, rows[0]);
        verdict?.onDurable?.(rows);
      },
    });
    for (const other of attempt.others) entry.mailbox.add(other);
    this.#parts.next(entry);
  }

  #retry(attempt: Attempt, error: AosError, delayMs: number, verdict: Partial<UnitParts> | undefined): void {
    const { entry, mail } = attempt;
    const { core } = this.#parts;
    const dueAt = Math.ceil(core.clock.now() + delayMs);
    const attempts = mail.attempts + 1;
    const body = this.#body(mail, { outcome: "retry", error, revision: attempt.type.revision, attempt, attempts });
    entry.mailbox.hold(laneOf(mail.envelope));
    const again: Mail = { ...mail, attempts, marked: 0, value: undefined };
    this.#write(
      entry,
      again,
      [],
      {
        ...verdict,
        rows: [{ at: attempt.now, body }, ...(verdict?.rows ?? [])],
        own: 0,
        commit: { mailSet: [{ seq: mail.seq, dueAt, parked: null, attempts, marked: 0 }], ledger: ledgerOf(attempt) },
        onDurable: (rows) => {
          this.#parts.delayed(dueAt);
          this.#parts.ended(again, body, undefined, rows[0]);
          verdict?.onDurable?.(rows);
        },
      },
      true,
    );
    for (const other of attempt.others) entry.mailbox.add(other);
    this.#parts.next(entry);
  }

  #done(attempt: Attempt, checked: string | undefined, reply: ReplyRow | undefined): void {
    if (attempt.isDead) return;
    if (attempt.parked !== undefined) {
      this.park(attempt, attempt.parked);
      return;
    }
    const { outbox, supervision } = this.#parts;
    const { entry, mail, type } = attempt;
    const outgoing = outbox.collect(attempt);
    attempt.end();
    attempt.isDone = true;
    entry.attempt = undefined;
    const state = checked === entry.state ? undefined : checked;
    const version = type.contract.state.version;
    const body = this.#body(mail, {
      outcome: "done",
      revision: type.revision,
      attempt,
      attempts: mail.attempts + 1,
      changed: state !== undefined,
      sent: outgoing.mailIn.length,
      others: attempt.others,
      note: version === entry.stateVersion ? undefined : migrationNote(entry.stateVersion, version),
      replay: replayNote(attempt, reply, this.#parts.core.limits.replayBytes),
    });
    const commit = this.#commitOf(attempt, outgoing, reply);
    keepBeforeMigration(entry, version, attempt.now, commit);
    const delta = state === undefined ? undefined : encodeDelta(entry.state, state);
    const row: RowDraft = { at: attempt.now, body, delta };
    const unit = new DoneTurn(this.#parts, attempt, outgoing, reply, {
      rows: outgoing.cuts.length === 0 ? [row] : [...outgoing.cuts, row],
      state,
      stateVersion: version === entry.stateVersion ? undefined : version,
      meta: supervision.recovered(entry),
      commit,
    });
    if (state !== undefined) entry.state = state;
    entry.stateVersion = version;
    entry.lastAt = attempt.now;
    this.#write(entry, mail, attempt.others, unit);
    this.#parts.next(entry);
  }

  #commitOf(attempt: Attempt, outgoing: Outgoing, reply: ReplyRow | undefined): Mutable<Commit> {
    const { entry, mail } = attempt;
    const commit: Mutable<Commit> = {};
    if (outgoing.mailIn.length > 0) commit.mailIn = outgoing.mailIn;
    if (outgoing.dead.length > 0) commit.deadIn = outgoing.dead;
    if (attempt.timersOut.length > 0) commit.timersOut = attempt.timersOut.map((timer) => ({ agent: entry.no, timer }));
    if (attempt.others.length > 0) {
      const spent = [mail, ...attempt.others].filter((each) => hasEffects(each, attempt)).map(({ envelope }) => envelope.id);
      if (spent.length > 0) commit.effectsOut = spent;
    } else if (hasEffects(mail, attempt)) commit.effectsOut = [mail.envelope.id];
    if (reply !== undefined) commit.replies = [reply];
    commit.ledger = ledgerOf(attempt);
    if (attempt.spawns.length > 0) this.#parts.spawner.create(attempt.spawns, attempt.now, entry.address, commit);
    if (attempt.earlier !== undefined) this.#parts.earlier(attempt, commit);
    return commit;
  }

  /** Queues the unit; a turn whose acceptance is not written yet joins it, so that both cost one commit. */
  #write(entry: AgentEntry, mail: Mail, others: readonly Mail[], parts: UnitParts, isKept = false): void {
    const { core } = this.#parts;
    const { arriving } = mail;
    // Units of one agent are written in the order of its turns, hence none may join an acceptance before the last one.
    const isFusable = arriving !== undefined && !mail.stored && mail.seq > entry.turnsUpTo && others.every((other) => other.stored);
    entry.turnsUpTo = isFusable ? mail.seq : core.numbers.lastSeq;
    const { commit } = parts;
    const unit = new AgentUnit(core, entry, parts, mail, this.#undone);
    if (!isFusable) {
      if (!isKept) commit.mailOut = others.length === 0 ? [mail.seq] : [mail, ...others].map(({ seq }) => seq);
      core.committer.push(unit);
      return;
    }
    if (isKept) {
      // Kept mail enters the store as it stands now.
      const change = commit.mailSet?.[0];
      const { attempts = 0, dueAt, parked } = change ?? {};
      commit.mailIn = [{ ...arriving.row(), attempts, dueAt: dueAt ?? undefined, parked: parked ?? undefined }];
      commit.mailSet = undefined;
    } else if (others.length > 0) commit.mailOut = others.map(({ seq }) => seq);
    arriving.fused = unit;
  }

  #checkState(attempt: Attempt, draft: unknown): string | Promise<string> {
    const { core } = this.#parts;
    const checked = validate(attempt.type.contract.state.schema, draft, `state of ${attempt.entry.address}`, "STATE_INVALID");
    const serialise = (value: unknown): string => {
      const text = toJson(value, `state of ${attempt.entry.address}`);
      if (text.length > core.limits.stateBytes / 3 && utf8Length(text) > core.limits.stateBytes) {
        throw new AosError("STATE_TOO_LARGE", `the state of ${attempt.entry.address} is larger than ${core.limits.stateBytes} bytes`, {
          retryable: false,
        });
      }
      return text;
    };
    return checked instanceof Promise ? checked.then(serialise) : serialise(checked);
  }

  #reply(attempt: Attempt, output: unknown): ReplyRow | undefined | Promise<ReplyRow> {
    const { envelope } = attempt.mail;
    if (envelope.kind !== "command") return undefined;
    const command = attempt.type.commands.get(envelope.name);
    if (command === undefined) return undefined;
    const what = `output of command ${envelope.name}`;
    const checked = validate(command.type.output, output, what, "TURN_FAILED");
    const row = (value: unknown): ReplyRow => ({ id: envelope.id, at: attempt.now, body: `{"ok":${toJson(value ?? null, what)}}` });
    return checked instanceof Promise ? checked.then(row) : row(checked);
  }

  #body(
    mail: Mail,
    how: {
      readonly outcome: Outcome;
      readonly revision: string;
      readonly attempt?: Attempt;
      readonly attempts?: number;
      readonly error?: AosError | undefined;
      readonly note?: string | undefined;
      readonly changed?: boolean;
      readonly sent?: number;
      readonly others?: readonly Mail[];
      readonly replay?: RecordBody["replay"];
    },
  ): RecordBody {
    const { attempt, others = NONE } = how;
    const isFinal = how.outcome !== "retry" && how.outcome !== "parked";
    const body: RecordBody = {
      kind: mail.envelope.kind,
      cause: causeOf(mail.envelope),
      outcome: how.outcome,
      attempts: how.attempts ?? mail.attempts,
      effects: attempt?.effects ?? NONE,
      sent: how.sent ?? 0,
      decisions: how.outcome === "done" ? (attempt?.decisions ?? NONE) : NONE,
      costMs: attempt === undefined ? 0 : Math.round((this.#parts.core.clock.monotonic() - attempt.startedAt) * 1_000) / 1_000,
      revision: how.revision,
      changed: how.changed ?? false,
      error: how.error === undefined ? undefined : noteError(how.error),
      coalesced: others.length > 0 ? others.map(({ envelope }) => envelope.id) : undefined,
      note: how.note,
      replay: how.replay,
      dedupe: isFinal ? keysOf(mail, others) : undefined,
    };
    if (attempt?.entry.wake !== undefined && !isWasted(body)) attempt.entry.wake = "useful";
    return body;
  }
}

const NONE: readonly never[] = [];

/** A turn that is done, until it is durable. */
class DoneTurn implements UnitParts {
  readonly rows: readonly RowDraft[];
  readonly state: string | undefined;
  readonly stateVersion: number | undefined;
  readonly meta: AgentMeta | undefined;
  readonly commit: Mutable<Commit>;
  readonly #parts: SettleParts;
  readonly #attempt: Attempt;
  readonly #outgoing: Outgoing;
  readonly #reply: ReplyRow | undefined;

  constructor(parts: SettleParts, attempt: Attempt, outgoing: Outgoing, reply: ReplyRow | undefined, unit: UnitParts) {
    this.rows = unit.rows;
    this.state = unit.state;
    this.stateVersion = unit.stateVersion;
    this.meta = unit.meta;
    this.commit = unit.commit;
    this.#parts = parts;
    this.#attempt = attempt;
    this.#outgoing = outgoing;
    this.#reply = reply;
  }

  onDurable(rows: readonly JournalWrite[]): void {
    const { mail, others, spawns } = this.#attempt;
    const body = this.rows.at(-1)?.body;
    if (body === undefined) return;
    const own = rows.at(-1);
    noteEnd(this.#parts, mail, body, this.#reply, own);
    for (const other of others) this.#parts.ended(other, body, undefined, own);
    if (spawns.length > 0) this.#parts.spawner.created(spawns);
    this.#parts.outbox.deliver(this.#outgoing);
  }

  onFailure(): void {
    this.#parts.outbox.withdraw(this.#outgoing);
  }
}

/** Tells what became of mail. `own` is the turn's own row: a unit may have others, of cut chains or of a move. */
function noteEnd(parts: SettleParts, mail: Mail, body: RecordBody, reply: ReplyRow | undefined, own: JournalWrite | undefined): void {
  if (body.dedupe !== undefined) for (const [hash, , , id] of body.dedupe) parts.dedupe.journaled(own?.agent ?? 0, hash, own?.id ?? 0, id);
  parts.ended(mail, body, reply, own);
}

function keysOf(mail: Mail, others: readonly Mail[]): RecordBody["dedupe"] {
  if (others.length === 0) return mail.envelope.dedupe === undefined ? undefined : [keyOf(mail)];
  const keyed = [mail, ...others].filter(({ envelope }) => envelope.dedupe !== undefined);
  return keyed.length === 0 ? undefined : keyed.map(keyOf);
}

function keyOf(mail: Mail): readonly [hash: string, digest: number, seq: number, id: string] {
  return [mail.envelope.dedupe ?? "", digestOf(mail), mail.seq, mail.envelope.id];
}

/** The digest by which another payload under the same key is told apart. */
export function digestOf(mail: Mail): number {
  return mail.digest ?? digest53(`${mail.envelope.name}\n${mail.data}`);
}
