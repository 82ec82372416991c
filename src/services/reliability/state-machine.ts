import { AosError, isAosError } from "../../kernel/index.ts";
import type { Cancel, Clock, Ledger } from "../../kernel/index.ts";
import { wholeIn } from "./checks.ts";
import { defineMachine } from "./machine-definition.ts";
import type { MachineDefinition, Transition, TransitionInput } from "./machine-definition.ts";
import { MachineStore } from "./machine-record.ts";
import type { MachineRecord } from "./machine-record.ts";
import { Listeners, surface } from "./waiting.ts";

/** What a machine needs beside its definition. */
export interface StateMachineOptions<S extends string, C> {
  /** Where it starts; the first state where left out. */
  readonly initial?: S | undefined;
  /** Needed where a transition has a timeout; without one, history carries no times. */
  readonly clock?: Clock | undefined;
  /** Handed to guards and actions as it is. */
  readonly context?: C | undefined;
  /** Moves that `history` keeps: 0–100,000; 100 where left out. */
  readonly historyMax?: number | undefined;
  /** Events that may wait behind a running action: 1–1,000,000; 1,000 where left out. */
  readonly queue?: number | undefined;
  /** Hears what a timeout's action or a listener throws; where left out that is uncaught. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What a durable machine needs. */
export interface DurableMachineOptions<S extends string, E extends string, C> extends StateMachineOptions<S, C> {
  readonly ledger: Ledger;
  /** Its name in the ledger: 1–200 characters. */
  readonly key: string;
  readonly states: readonly S[];
  readonly transitions: readonly TransitionInput<NoInfer<S>, E, C>[];
  readonly clock: Clock;
}

/** A move that happened. */
export interface Transitioned<S extends string, E extends string> {
  readonly from: S;
  readonly event: E;
  readonly to: S;
  readonly cause: "event" | "timeout";
  /** Epoch ms; absent without a clock. */
  readonly at?: number | undefined;
}

/**
 * States and the moves between them; whatever is not declared is refused. Moves happen one after another, and a state
 * with a timeout is left by itself. A timeout that could not fire (its guard refused, its action threw) is due again
 * after another `timeoutMs`.
 */
export class StateMachine<S extends string = string, E extends string = string, C = undefined> {
  readonly #definition: MachineDefinition<S, E, C>;
  readonly #clock: Clock | undefined;
  readonly #context: C;
  readonly #historyMax: number;
  readonly #queueMax: number;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #listeners: Listeners<Transitioned<S, E>>;
  #store: MachineStore | undefined;
  readonly #history: Transitioned<S, E>[] = [];
  #state: S;
  /** Rises with each entry into a state, so that a timer of an earlier stay does nothing. */
  #stay = 0;
  #deadline: number | undefined;
  #cancelTimer: Cancel = () => undefined;
  #last: Promise<void> | undefined;
  #queued = 0;
  #disposed = false;

  /**
   * Makes a machine: `new StateMachine(["off", "on"], [["off", "press", "on"], ["on", "press", "off"]])`.
   * @throws AosError CONFIG_INVALID for a definition that contradicts itself, or a timeout without a clock.
   */
  constructor(
    states: readonly S[],
    transitions: readonly TransitionInput<NoInfer<S>, E, C>[],
    options: StateMachineOptions<NoInfer<S>, C> = {},
  ) {
    this.#definition = defineMachine<S, E, C>(states, transitions, options.initial);
    this.#clock = options.clock;
    if (this.#definition.timeouts.size > 0 && this.#clock === undefined)
      throw new AosError("CONFIG_INVALID", "state machine: a timeout needs a clock in the options");
    // Who hands in no context has C = undefined.
    this.#context = options.context as C;
    this.#historyMax = wholeIn("state machine: historyMax", options.historyMax ?? 100, 0, 100_000);
    this.#queueMax = wholeIn("state machine: queue", options.queue ?? 1_000, 1, 1_000_000);
    this.#onError = options.onError;
    this.#listeners = new Listeners(options.onError);
    this.#state = this.#definition.initial;
    this.#arm(this.#freshDeadline(this.#state));
  }

  /**
   * Makes a machine that remembers its state and its deadline in a ledger. A deadline that passed meanwhile fires at once.
   * @throws AosError CONFIG_INVALID as the constructor, or where the stored state is not declared any more.
   */
  static async durable<S extends string, E extends string, C = undefined>(
    options: DurableMachineOptions<S, E, C>,
  ): Promise<StateMachine<S, E, C>> {
    const { ledger, key, states, transitions, ...rest } = options;
    const store = new MachineStore(ledger, key);
    const record = await store.load();
    const machine = new this<S, E, C>(states, transitions, rest);
    machine.#store = store;
    try {
      if (record === undefined) await machine.#saveFirst(store);
      else machine.#adopt(record, store);
    } catch (error) {
      machine[Symbol.dispose]();
      throw error;
    }
    return machine;
  }

  /** Where the machine stands. */
  get state(): S {
    return this.#state;
  }

  /** When (epoch ms) the state's timeout is due; undefined where it has none. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** The last moves, oldest first. */
  get history(): readonly Transitioned<S, E>[] {
    return [...this.#history];
  }

  /** The events that the state declares, whatever their guards say. */
  get events(): readonly E[] {
    return [...(this.#definition.moves.get(this.#state)?.keys() ?? [])];
  }

  /** Whether `fire` would find a move now: declared, and its guard agrees. */
  can(event: E, payload?: unknown): boolean {
    const move = this.#move(event);
    return !this.#disposed && move !== undefined && this.#agrees(move, event, payload);
  }

  /**
   * Moves by an event and resolves with the new state. Events fired meanwhile wait their turn; where none is under way
   * and the move has no action and no ledger, the state has changed when the call returns.
   * @throws AosError TRANSITION_ILLEGAL where the move is not declared or its guard refuses, QUEUE_FULL, CLOSED after
   * disposal, LEDGER_CONFLICT where a durable machine was moved elsewhere (this one then stands where that one does).
   */
  async fire(event: E, payload?: unknown): Promise<S> {
    return await this.#serialise(() => this.#perform(event, payload, "event"));
  }

  /** Calls the listener after each move. */
  onTransition(listener: (moved: Transitioned<S, E>) => void): Cancel {
    return this.#listeners.add(listener);
  }

  /** Stops its timer and refuses further events. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cancelTimer();
    this.#deadline = undefined;
  }

  /** As `Symbol.dispose`, after the event under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await this.#last;
    this.#listeners.clear();
  }

  async #serialise(run: () => Promise<S>): Promise<S> {
    if (this.#disposed) throw closed();
    if (this.#queued >= this.#queueMax) throw new AosError("QUEUE_FULL", `${this.#queued} events wait for the state machine already`);
    this.#queued++;
    const before = this.#last;
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    this.#last = done;
    try {
      if (before !== undefined) await before;
      return await run();
    } finally {
      this.#queued--;
      if (this.#last === done) this.#last = undefined;
      finish();
    }
  }

  async #perform(event: E, payload: unknown, cause: "event" | "timeout"): Promise<S> {
    if (this.#disposed) throw closed();
    const move = this.#move(event);
    if (move === undefined) throw this.#illegal(event, "undeclared");
    if (!this.#agrees(move, event, payload)) throw this.#illegal(event, "guard");
    const from = this.#state;
    if (move.action !== undefined) await move.action(this.#callOf(move, event, payload));
    const deadline = this.#freshDeadline(move.to);
    if (this.#store !== undefined) await this.#save(this.#store, move.to, deadline);
    this.#state = move.to;
    this.#arm(deadline);
    this.#remember({ from, event, to: move.to, cause, at: this.#clock?.now() });
    return this.#state;
  }

  #move(event: E): Transition<S, E, C> | undefined {
    return this.#definition.moves.get(this.#state)?.get(event);
  }

  #agrees(move: Transition<S, E, C>, event: E, payload: unknown): boolean {
    return move.guard === undefined || move.guard(this.#callOf(move, event, payload));
  }

  #callOf(move: Transition<S, E, C>, event: E, payload: unknown) {
    return { from: this.#state, event, to: move.to, payload, context: this.#context };
  }

  #remember(moved: Transitioned<S, E>): void {
    this.#history.push(moved);
    if (this.#history.length > this.#historyMax) this.#history.shift();
    this.#listeners.emit(moved);
  }

  async #save(store: MachineStore, to: S, deadlineAt: number | undefined): Promise<void> {
    try {
      await store.save({ state: to, enteredAt: this.#clock?.now() ?? 0, deadlineAt });
    } catch (error) {
      if (isAosError(error, "LEDGER_CONFLICT")) await this.#reload(store);
      throw error;
    }
  }

  async #saveFirst(store: MachineStore): Promise<void> {
    try {
      await this.#save(store, this.#state, this.#deadline);
    } catch (error) {
      // Another process created it at the same moment; this machine has taken over its state.
      if (!isAosError(error, "LEDGER_CONFLICT")) throw error;
    }
  }

  async #reload(store: MachineStore): Promise<void> {
    const record = await store.load();
    if (record !== undefined) this.#adopt(record, store);
  }

  #adopt(record: MachineRecord, store: MachineStore): void {
    const state = [...this.#definition.states].find((known) => known === record.state);
    if (state === undefined) throw store.unknownState(record.state);
    this.#state = state;
    const timeout = this.#definition.timeouts.get(state);
    this.#arm(timeout && (record.deadlineAt ?? record.enteredAt + timeout.timeoutMs));
  }

  #freshDeadline(state: S): number | undefined {
    const timeout = this.#definition.timeouts.get(state);
    return timeout && this.#clock && this.#clock.now() + timeout.timeoutMs;
  }

  #arm(deadline: number | undefined): void {
    this.#cancelTimer();
    const stay = ++this.#stay;
    this.#deadline = this.#disposed ? undefined : deadline;
    if (this.#deadline === undefined || this.#clock === undefined) return;
    this.#cancelTimer = this.#clock.at(this.#deadline, () => void this.#expire(stay));
  }

  async #expire(stay: number): Promise<void> {
    try {
      await this.#serialise(async () => {
        const timeout = this.#definition.timeouts.get(this.#state);
        if (stay !== this.#stay || timeout === undefined || this.#disposed) return this.#state;
        return await this.#perform(timeout.on, undefined, "timeout");
      });
    } catch (error) {
      if (stay === this.#stay) this.#arm(this.#freshDeadline(this.#state));
      const isExpected = isAosError(error, "TRANSITION_ILLEGAL") || isAosError(error, "LEDGER_CONFLICT") || isAosError(error, "CLOSED");
      if (!isExpected) surface(error, this.#onError);
    }
  }

  #illegal(event: E, reason: "undeclared" | "guard"): AosError {
    const why = reason === "guard" ? "its guard refuses" : "no such transition is declared";
    return new AosError("TRANSITION_ILLEGAL", `${event} cannot leave the state ${this.#state}: ${why}`, {
      details: { state: this.#state, event, reason, allowed: this.events },
    });
  }
}

function closed(): AosError {
  return new AosError("CLOSED", "the state machine was disposed; make a new one");
}
