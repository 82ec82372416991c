import type { RetryPolicy } from "../retry.ts";
import type { ScheduleSpec } from "../time/schedule.ts";
import type { CommandType, EffectType, EventType, QueryType, StateType } from "./messages.ts";
import type { StandardSchema } from "./schema.ts";

/** The periods that a counter may be limited by. */
export type Period = "turn" | "chain" | "minute" | "hour" | "day" | "month";

/** Limits by quantity and period, such as `{ wakes: { hour: 12 } }`. */
export type Budget = Readonly<Record<string, Readonly<Partial<Record<Period, number>>>>>;

/** What happens to an agent that fails more often than its restart intensity allows (OTP's term). */
export interface Supervision {
  /** Failures allowed within the window; one more triggers `then`. */
  readonly restarts: number;
  /** The window, a duration such as "10m". */
  readonly within: string;
  readonly then?: "quarantine" | "pause" | "dead-letter";
  /** `type/id` of the agent that is told (`aos.agent.failed`). */
  readonly escalate?: string;
  /** Agents (`type/id`) that must be able to run before this one does. */
  readonly dependsOn?: readonly string[];
}

/** A durable subscription that comes with registration: `*` is one word, `>` the rest. */
export interface Subscription {
  readonly topic: string;
  readonly event: EventType;
  /** Equality on dotted paths of the payload, all must hold, such as `{ "order.status": "paid" }`. */
  readonly where?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Everything that an agent type declares: what it takes, keeps, does and may spend. */
export interface Contract {
  readonly type: string;
  readonly purpose: string;
  readonly adapter?: string;
  /** Words by which agents are found and broadcasts are addressed. */
  readonly tags?: readonly string[];
  readonly capabilities?: readonly string[];
  /** The settings that one agent is registered with (`aos register … --config`). */
  readonly config?: StandardSchema;
  readonly state: StateType;
  readonly on?: Readonly<Record<string, EventType>>;
  readonly commands?: Readonly<Record<string, CommandType>>;
  readonly queries?: Readonly<Record<string, QueryType>>;
  readonly uses?: readonly EffectType[];
  /** Events that its handlers may send; left out: any. */
  readonly sends?: readonly EventType[];
  readonly topics?: readonly Subscription[];
  readonly schedules?: Readonly<Record<string, ScheduleSpec>>;
  readonly budget?: Budget;
  readonly supervise?: Supervision;
  readonly retry?: RetryPolicy;
  /** Milliseconds without progress until an attempt is aborted; the system's `turn.deadlineMs` unless given. */
  readonly turnDeadlineMs?: number;
}
