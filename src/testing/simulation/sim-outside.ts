import { AosError, type EffectRow, type EffectType, type Outside, type OutsideCall, type Reconciled } from "../../kernel/index.ts";
import type { Faults } from "./faults.ts";
import type { Report } from "./invariants.ts";
import type { Model } from "./model.ts";
import type { SimRandom } from "./random.ts";
import { OUTSIDE, type SimScheduler } from "./scheduler.ts";

/** Answers one effect in place of the outside. */
export type SimEffect = (input: never, call: OutsideCall) => unknown;

/** What the outside is made with. */
export interface OutsideParts {
  readonly faults: Faults;
  readonly random: SimRandom;
  readonly scheduler: SimScheduler;
  readonly model: Model;
  readonly report: Report;
  readonly tell: (line: string) => void;
  /** By an effect's name; the effect's own code where it has none. */
  readonly effects: Readonly<Record<string, SimEffect>>;
  /** Whether no turn makes the same call twice. */
  readonly areCallsDistinct: boolean;
}

interface Happened {
  readonly output: unknown;
}

const SLOW_MS = 20_000;

/**
 * The world outside of a simulated system: it remembers what happened, however often its answers are slow, lost or
 * never come, and checks that the gate keeps what each effect declares.
 */
export class SimOutside implements Outside {
  readonly #parts: OutsideParts;
  /** Calls by effect and memo place; what an operator allowed again is taken off. */
  readonly #calls = new Map<string, number>();
  /** Calls without an answer, by agent. */
  readonly #waiting = new Map<string, Set<OutsideCall>>();
  readonly #keys = new Map<string, string>();
  readonly #happened = new Map<string, Happened>();

  /** Told of each call that had its consequence outside. */
  onHappened: (type: EffectType, input: unknown, output: unknown, call: OutsideCall) => void = () => undefined;

  constructor(parts: OutsideParts) {
    this.#parts = parts;
  }

  run(type: EffectType, input: unknown, call: OutsideCall): unknown {
    const { faults, tell } = this.#parts;
    const repeat = type.spec.repeat ?? "never";
    tell(`call ${type.name} ${call.agent} ${call.envelope} ${call.idempotencyKey} ${JSON.stringify(input)}`);
    this.#check(type, repeat, input, call);
    if (faults.happens("failedEffect")) throw new AosError("EFFECT_FAILED", `${type.name} failed before anything happened`);
    this.#begin(call);
    const isHung = faults.happens("hungEffect");
    const isLost = faults.happens("lostAnswer");
    const isSlow = faults.happens("slowEffect");
    const answer = this.#perform(type, repeat, input, call);
    if (isHung) return new Promise(() => undefined);
    if (!isLost && !isSlow) return this.#end(call, answer);
    const lost = new AosError("EFFECT_FAILED", `the answer of ${type.name} was lost`);
    const told = Promise.resolve(answer).then((output) => (isLost ? Promise.reject(lost) : output));
    return this.#end(call, isSlow ? this.#later(told) : told);
  }

  /** Whether an agent waits for an answer. */
  isCalled(agent: string): boolean {
    return (this.#waiting.get(agent)?.size ?? 0) > 0;
  }

  /** The process that waited for answers is gone. */
  forget(): void {
    this.#waiting.clear();
  }

  #begin(call: OutsideCall): void {
    const waiting = this.#waiting.get(call.agent) ?? new Set();
    this.#waiting.set(call.agent, waiting.add(call));
    call.signal.addEventListener("abort", () => void waiting.delete(call), { once: true });
  }

  #end(call: OutsideCall, answer: unknown): unknown {
    const waiting = this.#waiting.get(call.agent);
    if (answer instanceof Promise) return answer.finally(() => waiting?.delete(call));
    waiting?.delete(call);
    return answer;
  }

  async reconcile(type: EffectType, input: unknown, call: OutsideCall): Promise<Reconciled<unknown>> {
    this.#parts.tell(`reconcile ${type.name} ${call.idempotencyKey}`);
    if (this.#parts.effects[type.name] === undefined && type.spec.reconcile !== undefined) return type.spec.reconcile(input, call);
    const known = this.#happened.get(this.#place(type, input, call));
    return known === undefined ? { happened: false } : { happened: true, output: known.output };
  }

  /** Whether a call happened: what an operator finds out. */
  happened(row: EffectRow): Happened | undefined {
    return this.#happened.get(this.#placeOf(row));
  }

  /** An operator said that a call did not happen and may be made again. */
  allowAgain(row: EffectRow): void {
    this.#calls.delete(this.#placeOf(row));
  }

  #placeOf(row: EffectRow): string {
    return this.#parts.areCallsDistinct ? `${row.name}|${row.envelope}|${row.input}` : row.id;
  }

  #perform(type: EffectType, repeat: string, input: unknown, call: OutsideCall): unknown {
    const place = this.#place(type, input, call);
    const own = this.#parts.effects[type.name];
    if (repeat === "reconcile" && this.#happened.has(place))
      this.#parts.report("reconcile", `${call.agent}: ${type.name} happened already, and was called again without being asked about`);
    const answer: unknown = own === undefined ? type.spec.run(input, call) : own(input as never, call);
    const noted = (output: unknown): unknown => {
      this.#happened.set(place, { output });
      this.onHappened(type, input, output, call);
      return output;
    };
    return answer instanceof Promise ? answer.then(noted) : noted(answer);
  }

  #check(type: EffectType, repeat: string, input: unknown, call: OutsideCall): void {
    const { model, report } = this.#parts;
    const place = this.#place(type, input, call);
    if (repeat === "safe") return;
    // A late answer of the call before may have closed it meanwhile: then it is open no more, but it was durable.
    const row = [...model.effects.values()].find(
      ({ envelope, name, key }) => envelope === call.envelope && name === type.name && key === call.idempotencyKey,
    );
    if (row === undefined) report("intent", `${call.agent}: ${type.name} was called for ${call.envelope} without a durable intent`);
    const agent = model.byAddress.get(call.agent);
    if (agent?.isFenced === true) report("fence", `${call.agent}: ${type.name} was called after the agent was fenced`);
    const key = this.#keys.get(place);
    if (key !== undefined && key !== call.idempotencyKey)
      report("keyed", `${call.agent}: ${type.name} for ${call.envelope} ran under ${key}, then under ${call.idempotencyKey}`);
    this.#keys.set(place, call.idempotencyKey);
    const calls = (this.#calls.get(place) ?? 0) + 1;
    this.#calls.set(place, calls);
    if (repeat === "never" && calls > 1) report("never", `${call.agent}: ${type.name} for ${call.envelope} was called ${calls} times`);
  }

  #later<T>(answer: Promise<T>): Promise<T> {
    const { scheduler, random } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    scheduler.after(OUTSIDE, random.between(1, SLOW_MS), "answer", resolve);
    // An answer that is an error is nobody's until it has arrived.
    answer.catch(() => undefined);
    return promise.then(() => answer);
  }

  /** One call as an envelope makes it, told apart without the kernel's own memo key where no turn makes the same call twice. */
  #place(type: EffectType, input: unknown, call: OutsideCall): string {
    return this.#parts.areCallsDistinct ? `${type.name}|${call.envelope}|${JSON.stringify(input)}` : call.id;
  }
}
