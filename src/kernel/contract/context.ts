import type { CommandType, EffectType, EventType, QueryType } from "./messages.ts";
import type { Contract } from "./contract.ts";
import type { Input, Output, StandardSchema } from "./schema.ts";

/** Any class that `PurposeDrivenAgent.define` made, or one that extends it. */
export interface AgentClass {
  readonly contract: Contract;
}

type Named<T> = NonNullable<T>;
type StateOf<C extends Contract> = Output<C["state"]["schema"]>;
type Uses<C extends Contract> = C["uses"] extends readonly (infer E extends EffectType)[] ? E : never;
type Sends<C extends Contract> = C["sends"] extends readonly (infer E extends EventType)[] ? E : EventType;
type ConfigOf<C extends Contract> = C["config"] extends StandardSchema ? Output<C["config"]> : unknown;
type Accepts<A extends AgentClass> = Named<A["contract"]["on"]>[keyof Named<A["contract"]["on"]>];
type Commands<A extends AgentClass> = Named<A["contract"]["commands"]>;
type CommandName<A extends AgentClass> = keyof Commands<A> & string;

/** Who an agent is. */
export interface Self {
  readonly tenant: string;
  readonly type: string;
  readonly id: string;
  /** `tenant/type/id`. */
  readonly address: string;
}

/** An event as its handler sees it. */
export interface ReceivedEvent<D = unknown> {
  /** The CloudEvents id where the sender gave one, else the envelope's id. */
  readonly id: string;
  /** The event's name (CloudEvents `type`). */
  readonly type: string;
  readonly data: D;
  readonly source: string;
  readonly subject?: string | undefined;
  /** When it became durable, epoch ms. */
  readonly at: number;
  /** The sender's address where an agent sent it. */
  readonly from?: string | undefined;
  readonly correlation: string;
  /** All that a coalescing handler consumes in this turn, oldest first; just this one otherwise. */
  readonly batch: readonly D[];
}

/** A schedule's tick as its handler sees it. */
export interface Tick {
  readonly schedule: string;
  /** The planned time, epoch ms. */
  readonly scheduledAt: number;
  /** Occurrences that the misfire policy skipped since the last one that ran. */
  readonly missed: number;
}

/** How a message leaves. */
export interface SendOptions {
  /** 0 (last) to 9 (first); 5 unless given. */
  readonly priority?: number;
  /** Deduplicates at the receiver for a day. */
  readonly key?: string;
  /** A duration such as "5m", or epoch ms: when it joins the mailbox. */
  readonly after?: string | number;
  /** A duration such as "1h": an undelivered message is dropped, journaled, after it. */
  readonly expires?: string;
}

/** A decision with its reason, kept in the turn's journal row. */
export interface Decision {
  readonly choice: string;
  readonly because: string | readonly string[];
  readonly evidence?: readonly string[];
  readonly alternatives?: readonly string[];
  readonly confidence?: number;
  readonly risks?: readonly string[];
}

/** Another agent, as a handler addresses it. */
export interface AgentRef<A extends AgentClass> {
  readonly address: string;
  /**
   * Sends an event with the turn's commit.
   * @throws AosError MAILBOX_FULL, AGENT_NOT_FOUND, EVENT_NOT_ACCEPTED, PAYLOAD_INVALID, LIMIT_EXCEEDED; all can be caught.
   */
  tell<E extends Accepts<A>>(type: E, data: Input<E["data"]>, options?: SendOptions): void;
  /**
   * Runs a command there and waits for its reply; the work stands even if this turn then fails.
   * @throws AosError ASK_CYCLE, ASK_TIMEOUT, and whatever the command failed with.
   */
  ask<K extends CommandName<A>>(
    name: K,
    input: Input<Commands<A>[K]["input"]>,
    options?: { readonly timeoutMs?: number },
  ): Promise<Output<Commands<A>[K]["output"]>>;
}

/** What a handler works with during one attempt of one turn; dead afterwards (`TURN_ABORTED`). */
export interface TurnContext<C extends Contract = Contract> {
  readonly self: Self;
  /** A draft: change it in place; it is validated and committed when the handler returns. */
  state: StateOf<C>;
  readonly config: ConfigOf<C>;
  /** The turn's time, epoch ms; the same for the whole attempt. */
  readonly now: number;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly envelope: { readonly id: string; readonly chain: string; readonly depth: number };

  /** Calls the outside world through the gate. */
  effect<E extends Uses<C>>(type: E, input: Input<E["input"]>): Promise<Output<E["output"]>>;
  agent<A extends AgentClass>(type: A, id: string): AgentRef<A>;
  /** Sends an event to an address that is only known at run time. */
  tell<E extends Sends<C>>(to: string, type: E, data: Input<E["data"]>, options?: SendOptions): void;
  /** Sends an event to whoever sent the one at hand. */
  reply<E extends Sends<C>>(type: E, data: Input<E["data"]>, options?: SendOptions): void;
  /** Sends an event to every agent of a type or tag, but not to itself; at most 1,000. Resolves to how many. */
  broadcast<E extends Sends<C>>(
    type: E,
    data: Input<E["data"]>,
    filter?: { readonly type?: string; readonly tag?: string },
  ): Promise<number>;
  /** Publishes to a topic with the turn's commit. Resolves to how many subscribers get it. */
  publish<E extends Sends<C>>(topic: string, type: E, data: Input<E["data"]>): Promise<number>;
  /** Creates an agent with the turn's commit; nothing where it exists. */
  spawn<A extends AgentClass>(type: A, id: string, config?: unknown): AgentRef<A>;
  /** Sends an event to itself later; a timer of the same name is replaced. `after`: duration, or epoch ms. */
  timer<E extends EventType>(name: string, after: string | number, type: E, data: Input<E["data"]>): void;
  cancelTimer(name: string): void;
  /** Brings a schedule's next tick forward; never later than the schedule itself says. */
  wakeEarlier(schedule: string, after: string | number): void;
  decide(decision: Decision): void;
  /** A UUID that is the same on every attempt of this envelope. */
  uuid(): string;
  /** A number in [0, 1) that is the same on every attempt of this envelope. */
  random(): number;
  /** Tells liveness that a long handler makes progress. */
  progress(): void;
  /** @throws AosError MODEL_NOT_CONFIGURED until a model is configured. */
  think(name: string, request: { readonly input: unknown; readonly output?: StandardSchema }): Promise<never>;
}

/** How an event's handler may be declared: a function, or a function with a gate before it. */
export type EventHandler<C extends Contract, D> =
  | ((ctx: TurnContext<C>, e: ReceivedEvent<D>) => void | Promise<void>)
  | {
      /** Decides without waking whether this is worth a turn; false consumes it. Pure and synchronous; a throw wakes. */
      readonly wakeIf?: (state: Readonly<StateOf<C>>, e: ReceivedEvent<D>) => boolean;
      /** Consumes everything of this event that waits, in one turn: `e.batch`. At most 100. */
      readonly coalesce?: boolean;
      /** Waits until this event has been quiet for a duration, then handles all in one turn. */
      readonly debounce?: string;
      readonly run: (ctx: TurnContext<C>, e: ReceivedEvent<D>) => void | Promise<void>;
    };

type HandlersOf<C extends Contract> = {
  readonly [K in keyof Named<C["on"]>]: Named<C["on"]>[K] extends EventType<string, infer S> ? EventHandler<C, Output<S>> : never;
} & {
  readonly [K in keyof Named<C["commands"]>]: Named<C["commands"]>[K] extends CommandType<infer I, infer O>
    ? (ctx: TurnContext<C>, input: Output<I>) => Input<O> | Promise<Input<O>>
    : never;
} & {
  readonly [K in keyof Named<C["queries"]>]: Named<C["queries"]>[K] extends QueryType<infer I, infer O>
    ? (state: Readonly<StateOf<C>>, input: Output<I>) => Input<O>
    : never;
} & {
  readonly [K in keyof Named<C["schedules"]>]: (ctx: TurnContext<C>, tick: Tick) => void | Promise<void>;
};

/** The handler map that a contract asks for: every event, command, query and schedule, and nothing else. */
export type Handlers<C extends Contract> = HandlersOf<C>;
