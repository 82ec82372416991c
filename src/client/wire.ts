/** A moment as JSON holds it: RFC 3339, or milliseconds since 1970. */
export type Moment = string | number;

/** What a sender gets once its event is durable. */
export interface Ack {
  readonly id: string;
  /** Rises per sender; unique, not dense. */
  readonly seq: number;
  readonly duplicate: boolean;
}

/** What became of a routed event at one agent. */
export interface RoutedAck extends Ack {
  readonly agent: string;
}

/** What a publisher gets once its message is durable for all receivers. */
export interface Published {
  readonly id: string;
  readonly receivers: number;
  readonly duplicate: boolean;
}

/** A page of rows with a cursor for the next one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** One line of a process list. */
export interface Agent {
  readonly address: string;
  readonly type: string;
  readonly id: string;
  readonly state: string;
  /** Mail that waits, without what is parked or not due. */
  readonly mailbox: number;
  readonly parked: number;
  readonly lastTurnAt?: Moment | null | undefined;
  readonly nextWakeAt?: Moment | null | undefined;
  readonly revision: string;
  readonly node: string;
  readonly reason?: string | undefined;
  /** Why its state stays at an older version than the code's. */
  readonly upgrade?:
    | {
        readonly status: string;
        readonly from: number;
        readonly to: number;
        readonly at: string;
        readonly code: string;
        readonly message: string;
      }
    | undefined;
  readonly [more: string]: unknown;
}

/** What woke a turn. */
export interface Cause {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly chain: string;
  readonly depth: number;
  readonly from?: string | undefined;
}

/** How a turn ended. */
export type Outcome = "done" | "retry" | "parked" | "dead" | "skipped" | "refused";

/** What a journal row, a stream event and `aos log` show. */
export interface TurnRecord {
  /** Rises in commit order over all agents. */
  readonly seq: number;
  readonly agent: string;
  /** Dense per agent. */
  readonly turn: number;
  readonly at: Moment;
  readonly kind: string;
  readonly cause: Cause;
  readonly outcome: Outcome;
  readonly attempts: number;
  readonly effects: readonly {
    readonly name: string;
    readonly key: string;
    readonly state: string;
  }[];
  readonly sent: number;
  readonly decisions: readonly unknown[];
  readonly costMs: number;
  readonly revision: string;
  readonly note?: string | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  readonly [more: string]: unknown;
}

/** A dead letter. */
export interface DeadLetter {
  readonly id: string;
  readonly agent: string;
  readonly at: Moment;
  readonly reason: string;
  readonly attempts: number;
  readonly kind: string;
  readonly name: string;
  readonly data?: unknown;
  readonly error: { readonly code: string; readonly message: string };
  readonly [more: string]: unknown;
}

/** An effect that a turn called. */
export interface Effect {
  readonly id: string;
  readonly agent: string;
  readonly name: string;
  readonly state: string;
  readonly key: string;
  readonly attempts: number;
  readonly at: Moment;
  readonly [more: string]: unknown;
}

/** What a human says became of an effect in doubt. */
export type EffectResolution =
  | { readonly outcome: "done"; readonly output: unknown }
  | { readonly outcome: "failed"; readonly message?: string | undefined }
  | { readonly outcome: "retry" };

/** A schedule of an agent. */
export interface Schedule {
  readonly agent: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Absent where there is none ever again. */
  readonly nextAt?: Moment | null | undefined;
  readonly [more: string]: unknown;
}

/** An agent type whose code is loaded. */
export interface AgentType {
  readonly name: string;
  readonly revision: string;
  readonly contract: Readonly<Record<string, unknown>>;
}

/** An agent's last committed state. */
export interface AgentState {
  readonly state: unknown;
  readonly version: number;
  readonly turn: number;
}

/** A lifecycle move that an operator may ask for. */
export type AgentMove = "pause" | "resume" | "kill" | "quarantine";

/** Which agents a move is for. */
export interface AgentChoice {
  readonly type?: string | undefined;
  readonly tenant?: string | undefined;
  /** Every agent of the credential's tenant. */
  readonly all?: boolean | undefined;
  /** Of those, only agents that a restore paused. */
  readonly restored?: boolean | undefined;
}
