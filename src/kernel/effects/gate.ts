import { type Attempt, type ParkCondition, ParkSignal } from "../turn/attempt.ts";
import type { Breakers } from "./breakers.ts";
import { type Caller, checked, runEffect } from "./effect-call.ts";
import type { EffectType } from "../contract/messages.ts";
import { validate } from "../contract/schema.ts";
import type { Core } from "../core.ts";
import type { ChainBudget } from "./chain-budget.ts";
import type { Counters } from "./counters.ts";
import { AosError, type AosErrorCode, ERROR_CODES, toAosError } from "../errors.ts";
import { canonicalJson, toJson } from "../json.ts";
import type { ErrorNote } from "../turn/record.ts";
import type { EffectRow, EffectState } from "../store/store.ts";

/** What a hook of the gate sees before a call. */
export interface GateCall {
  readonly agent: string;
  readonly envelope: string;
  readonly effect: EffectType;
  readonly input: unknown;
  readonly key: string;
}

/** A hook: it throws an `AosError` to deny, a `ParkSignal` to make the turn wait, or lets pass. */
export type Guard = (call: GateCall) => void | Promise<void>;

interface Call {
  readonly attempt: Attempt;
  readonly type: EffectType;
  readonly input: unknown;
  readonly inputText: string;
  /** The memo key. */
  readonly id: string;
  readonly key: string;
  readonly isDurable: boolean;
}

/**
 * The one door to the outside. In order: kill epoch, guards (policy and approval hook in here), counters, breaker,
 * intent, call, outcome. The breaker is asked before the intent is written, so that a refusal leaves no intent behind
 * that nobody acted on.
 */
export class Gate {
  readonly #core: Core;
  readonly #counters: Counters;
  readonly #chains: ChainBudget;
  readonly breakers: Breakers;
  /** Calls whose intent is being written or whose answer is awaited, by their memo key. */
  readonly #calling = new Set<string>();
  readonly guards: Guard[] = [];
  /** Told when the outcome of a call arrives after its attempt has ended. */
  onLate: (row: EffectRow) => void = () => undefined;

  constructor(core: Core, counters: Counters, chains: ChainBudget, breakers: Breakers) {
    this.#core = core;
    this.#counters = counters;
    this.#chains = chains;
    this.breakers = breakers;
  }

  /** Runs an effect for an attempt, or answers from the memo. */
  async call(attempt: Attempt, type: EffectType, raw: unknown): Promise<unknown> {
    attempt.assertAlive();
    if (attempt.type.effects.get(type.name) !== type) {
      throw new AosError("EFFECT_NOT_DECLARED", `type ${attempt.type.name} does not list effect ${type.name} in \`uses\``, {
        details: { effect: type.name },
      });
    }
    const call = await this.#prepare(attempt, type, raw);
    const limit = Math.min(this.#core.limits.effectsPerTurn, attempt.type.contract.budget?.["effects"]?.turn ?? Infinity);
    if (++attempt.effectCalls > limit)
      throw new AosError("EFFECT_LIMIT", `a turn of type ${attempt.type.name} may call ${limit} effects`, { details: { limit } });
    const known = await this.#memo(attempt, call);
    if (known !== undefined && (known.state === "done" || known.state === "failed")) {
      this.#note(call, `memo:${known.state}`);
      return replay(known);
    }
    if (known === undefined) this.#refuseUnclaimed(attempt, call);
    for (const guard of this.guards) {
      const verdict = guard({
        agent: attempt.entry.address,
        envelope: attempt.mail.envelope.id,
        effect: type,
        input: call.input,
        key: call.key,
      });
      if (verdict !== undefined) await verdict;
    }
    if (attempt.entry.meta.dry === true) this.#refuseDry(attempt, call);
    const spent = this.#chains.take(attempt.entry, attempt.type, "effects", attempt.mail.envelope.chain);
    if (spent !== undefined) throw spent;
    const blocked = this.#counters.blockedUntil(attempt.entry, "effects", attempt.now);
    if (blocked !== undefined) this.park(attempt, { kind: "budget", on: "effects", until: blocked });
    return this.#perform(call, known);
  }

  /** Ends an attempt: it waits for a condition. */
  park(attempt: Attempt, condition: ParkCondition): never {
    attempt.parked ??= condition;
    throw new ParkSignal(attempt.parked);
  }

  async #prepare(attempt: Attempt, type: EffectType, raw: unknown): Promise<Call> {
    const valid = validate(type.input, raw, `input of effect ${type.name}`);
    const input = valid instanceof Promise ? await valid : valid;
    const inputText = toJson(input ?? null, `input of effect ${type.name}`);
    const hash = this.#core.hasher.sha256(canonicalJson(JSON.parse(inputText)));
    const place = `${type.name}\n${hash}`;
    const occurrence = attempt.occurrence(place);
    const id = this.#core.hasher.sha256(`${attempt.mail.envelope.id}\n${place}\n${occurrence}`);
    const repeat = type.spec.repeat ?? "never";
    return {
      attempt,
      type,
      input,
      inputText,
      id,
      key: type.spec.key?.(input) ?? id.slice(0, 32),
      isDurable: repeat !== "safe" || this.#counters.limits(attempt.entry, "effects"),
    };
  }

  async #memo(attempt: Attempt, call: Call): Promise<EffectRow | undefined> {
    if (attempt.memo === undefined) {
      // What was never stored was never attempted before.
      const rows = attempt.mail.stored ? this.#core.store.effects(attempt.mail.envelope.id) : [];
      const settled = rows instanceof Promise ? await rows : rows;
      attempt.memo ??= new Map(settled.map((row) => [row.id, row]));
      attempt.assertAlive();
    }
    const row = attempt.memo.get(call.id);
    if (row !== undefined) attempt.memo.delete(call.id);
    return row;
  }

  /** A fork that was not resumed calls nobody, whatever its effect's repeat class; what it would have called stands in its journal. */
  #refuseDry(attempt: Attempt, call: Call): never {
    this.#note(call, "dry");
    const { name } = call.type;
    throw new AosError("EFFECT_DRY", `effects of ${attempt.entry.address} are dry until it is resumed: ${name} was not called`, {
      retryable: false,
      details: { effect: name, repeat: call.type.spec.repeat ?? "never" },
    });
  }

  /** A call that must never repeat is refused while an earlier attempt's call of that name has not been made again. */
  #refuseUnclaimed(attempt: Attempt, call: Call): void {
    if ((call.type.spec.repeat ?? "never") !== "never") return;
    for (const row of attempt.memo?.values() ?? []) {
      if (row.name !== call.type.name || isResolved(row)) continue;
      this.#doubt(attempt, row);
    }
  }

  #doubt(attempt: Attempt, row: EffectRow): never {
    if (row.state !== "in-doubt") {
      const doubtful: EffectRow = { ...row, state: "in-doubt" };
      this.#write(() => ({ effects: [doubtful] }));
      this.#core.report({ event: "effect.in-doubt", agent: attempt.entry.address, effect: row.id, name: row.name });
    }
    attempt.noteEffect({ name: row.name, key: row.key, state: "in-doubt" });
    this.park(attempt, { kind: "in-doubt", on: row.id });
  }

  async #perform(call: Call, known: EffectRow | undefined): Promise<unknown> {
    const { attempt, type } = call;
    const repeat = type.spec.repeat ?? "never";
    if (known !== undefined && (known.state === "in-doubt" || (known.state === "intent" && repeat === "never"))) {
      this.#doubt(attempt, known);
    }
    const breaker = type.spec.breaker === false ? undefined : (type.spec.breaker ?? type.name);
    const until = breaker === undefined ? undefined : this.breakers.blockedUntil(breaker);
    if (breaker !== undefined && until !== undefined) this.park(attempt, { kind: "breaker", on: breaker, until });
    if (breaker !== undefined) this.breakers.enter(breaker);
    const intent = this.#row(call, "intent", (known?.attempts ?? 0) + 1);
    this.#calling.add(call.id);
    try {
      return await this.#called(call, known, intent, breaker);
    } finally {
      this.#calling.delete(call.id);
    }
  }

  async #called(call: Call, known: EffectRow | undefined, intent: EffectRow, breaker: string | undefined): Promise<unknown> {
    const { attempt, type } = call;
    const repeat = type.spec.repeat ?? "never";
    try {
      if (attempt.entry.turnsPending > 0) await this.#durable(attempt);
      if (call.isDurable) await this.#writeIntent(attempt, intent);
    } catch (thrown) {
      if (breaker !== undefined) this.breakers.left(breaker);
      throw thrown;
    }
    const late = (output: unknown): void => void this.#late(call, output).catch(() => undefined);
    const { clock, entropy, outside } = this.#core;
    const caller: Caller = { id: call.id, clock, entropy, outside, attempt, breaker, breakers: this.breakers, late };
    try {
      const output = await runEffect(caller, type, call.input, call.key, mayHaveHappened(known) && repeat === "reconcile");
      const text = toJson(output ?? null, `output of effect ${type.name}`);
      this.#outcome(call, intent, "done", text);
      attempt.assertAlive();
      return output;
    } catch (thrown) {
      return this.#failed(call, intent, thrown, caller.unanswered !== undefined && caller.unanswered === thrown);
    }
  }

  #failed(call: Call, intent: EffectRow, thrown: unknown, isUnanswered: boolean): never {
    const { attempt, type } = call;
    if (thrown instanceof ParkSignal) throw thrown;
    const error = toAosError(thrown, "EFFECT_FAILED");
    const repeat = type.spec.repeat ?? "never";
    // An effect whose own code says that time ran out does not know either.
    const isUnknown = isUnanswered || error.code === "EFFECT_IN_DOUBT" || error.code === "EFFECT_TIMEOUT";
    if (isUnknown && attempt.isDead) throw error;
    if (error.code === "EFFECT_IN_DOUBT" || (isUnknown && repeat === "never")) this.#doubt(attempt, intent);
    const isFinal = repeat === "never" || !error.retryable;
    if (call.isDurable || isFinal) this.#outcome(call, intent, isFinal ? "failed" : "retryable", JSON.stringify(noteOf(error)));
    else this.#note(call, "retryable");
    attempt.assertAlive();
    throw isFinal && error.retryable
      ? new AosError(error.code, error.message, { cause: error, details: error.details, retryable: false })
      : error;
  }

  /** Journals an answer that came after its call was given up, where that is still open; whoever waits for it goes on. */
  async #late(call: Call, output: unknown): Promise<void> {
    const text = toJson((await checked(call.type, output)) ?? null, `output of effect ${call.type.name}`);
    const rows = await this.#core.store.effects(call.attempt.mail.envelope.id);
    const row = rows.find(({ id }) => id === call.id);
    // Where the same call was made again meanwhile, that one's answer counts.
    if (row === undefined || row.state === "done" || row.state === "failed" || isResolved(row) || this.#calling.has(call.id)) return;
    const done: EffectRow = { ...row, state: "done", outcome: text };
    await this.#core.committer.write({ effects: [done] });
    this.onLate(done);
  }

  /** Journals an outcome with the next group commit, without holding the handler; left out where the turn is done by then. */
  #outcome(call: Call, intent: EffectRow, state: EffectState, outcome: string): void {
    const row: EffectRow = { ...intent, state, outcome };
    this.#write(() => (call.attempt.isDone ? undefined : { effects: [row] }));
    if (!call.attempt.isDead) this.#note(call, state);
  }

  #note(call: Call, state: string): void {
    call.attempt.noteEffect({ name: call.type.name, key: call.key, state });
    call.attempt.progressAt = this.#core.clock.monotonic();
  }

  /** The intent is durable, and its agent not fenced, before the call leaves. */
  async #writeIntent(attempt: Attempt, row: EffectRow): Promise<void> {
    let isFenced = false;
    const ledger = this.#counters.count(attempt.entry, "effects", attempt.now);
    await new Promise<void>((resolve, reject) => {
      this.#core.committer.push({
        build: () => {
          // Whose attempt has ended meanwhile calls nobody, and must not look as if it might have.
          isFenced = attempt.isDead || attempt.entry.epoch !== attempt.epoch || attempt.entry.generation !== attempt.generation;
          return isFenced ? undefined : { effects: [row], ledger };
        },
        settled: (error) => {
          if (error !== undefined || isFenced) this.#counters.withdraw(ledger);
          if (error === undefined) resolve();
          else reject(error);
        },
      });
    });
    attempt.assertAlive();
    if (isFenced) throw new AosError("KILLED", `agent ${attempt.entry.address} was fenced before effect ${row.name} left`);
  }

  /** Waits until the turns before this one are durable: nothing leaves on the strength of what may yet be undone. */
  async #durable(attempt: Attempt): Promise<void> {
    await attempt.entry.settled();
    attempt.assertAlive();
  }

  #row(call: Call, state: EffectState, attempts: number): EffectRow {
    return {
      id: call.id,
      agent: call.attempt.entry.no,
      envelope: call.attempt.mail.envelope.id,
      name: call.type.name,
      state,
      key: call.key,
      attempts,
      at: this.#core.clock.now(),
      input: call.inputText,
    };
  }

  #write(build: () => { readonly effects: readonly EffectRow[] } | undefined): void {
    this.#core.committer.push({ build, settled: () => undefined });
  }
}

/** Whether an earlier call may have happened: it left no outcome, or one that its own error does not decide. */
function mayHaveHappened(known: EffectRow | undefined): boolean {
  return known !== undefined && !isResolved(known);
}

/** Whether a human said what became of it. */
function isResolved(row: EffectRow): boolean {
  return row.outcome?.startsWith('{"resolved"') === true;
}

function noteOf(error: AosError): ErrorNote & { readonly retryable: boolean } {
  return { code: error.code, message: error.message, details: error.details, retryable: error.retryable };
}

/** Gives what a finished call gave. */
function replay(row: EffectRow): unknown {
  const outcome: unknown = JSON.parse(row.outcome ?? "null");
  if (row.state === "done") return isResolved(row) ? (outcome as { output: unknown }).output : outcome;
  const note = (isResolved(row) ? (outcome as { error: unknown }).error : outcome) as ErrorNote;
  const code = note.code in ERROR_CODES ? (note.code as AosErrorCode) : "EFFECT_FAILED";
  throw new AosError(code, note.message, { retryable: false, details: (note.details as Record<string, unknown>) ?? {} });
}
