import type { Finding } from "./health/findings.ts";
import type { StorageReport } from "./health/storage.ts";
import type { Ack, Arrival } from "./mail/intake.ts";
import type { RecordKind, Outcome, TurnRecord } from "./turn/record.ts";
import type { AgentStatus, EffectState } from "./store/store.ts";
import type { ScheduleSpec } from "./time/schedule.ts";
import type { UpgradeMark } from "./agents/entry.ts";
import type { RolledBack, UpgradeStatus } from "./upgrade/ramper.ts";
import type { TimelineApi } from "./timeline/timeline.ts";
import type { TransferApi } from "./transfer/transfer.ts";
import type { Ramp, RampOptions } from "./upgrade/ramp.ts";
import type { AgentJournal } from "./replay/journal-file.ts";
import type { AgentSnapshot, SnapshotSelection } from "./upgrade/snapshot.ts";
import type { LoadableAgent } from "./agents/types.ts";

/** The state that a process list shows: the durable ones, and running or sleeping in place of `initialized`. */
export type AgentState = "running" | "sleeping" | "code-missing" | Exclude<AgentStatus, "initialized">;

/** One line of a process list. */
export interface AgentInfo {
  /** `type/id` for the default tenant, else `tenant/type/id`. */
  readonly address: string;
  readonly tenant: string;
  readonly type: string;
  readonly id: string;
  readonly state: AgentState;
  /** Mail that waits, without what is parked or not due. */
  readonly mailbox: number;
  readonly parked: number;
  /** Epoch ms; absent for never. */
  readonly lastTurnAt?: number | undefined;
  readonly nextWakeAt?: number | undefined;
  readonly turn: number;
  readonly revision: string;
  readonly node: string;
  readonly stateVersion: number;
  readonly createdAt: number;
  readonly tags: readonly string[];
  readonly config?: unknown;
  /** Why it is paused or quarantined, or which dependency it waits for: `waits for cfo/main (quarantined)`. */
  readonly reason?: string | undefined;
  /** Why its state stays at an older version than the code's. */
  readonly upgrade?: UpgradeMark | undefined;
}

/** Which agents to list or move. */
export interface AgentSelection {
  readonly tenant?: string | undefined;
  readonly type?: string | undefined;
  readonly state?: AgentState | undefined;
  /** Only those that a restore paused. */
  readonly restored?: boolean | undefined;
}

/** One piece of mail as it is listed. */
export interface MailInfo {
  readonly id: string;
  readonly seq: number;
  readonly kind: string;
  readonly name: string;
  readonly from: string;
  readonly priority: number;
  readonly attempts: number;
  readonly at: number;
  readonly dueAt?: number | undefined;
  /** What it is parked for. */
  readonly parked?: unknown;
  readonly timer?: string | undefined;
  readonly chain: string;
  readonly depth: number;
}

/** A dead letter as it is listed. */
export interface DeadLetterInfo {
  readonly id: string;
  readonly agent: string;
  readonly at: number;
  readonly reason: string;
  readonly attempts: number;
  readonly kind: string;
  readonly name: string;
  readonly chain: string;
  readonly depth: number;
  readonly data: unknown;
  readonly error: { readonly code: string; readonly message: string; readonly details?: unknown };
}

/** An effect as it is listed. */
export interface EffectInfo {
  readonly id: string;
  readonly agent: string;
  readonly envelope: string;
  readonly name: string;
  readonly state: EffectState;
  readonly key: string;
  readonly attempts: number;
  readonly at: number;
  readonly input: unknown;
  readonly outcome?: unknown;
}

/** What a human says became of an effect in doubt. */
export type Resolution =
  | { readonly outcome: "done"; readonly output: unknown }
  | { readonly outcome: "failed"; readonly message?: string | undefined }
  | { readonly outcome: "retry" };

/** A schedule of an agent with its next planned tick. */
export interface ScheduleInfo {
  readonly agent: string;
  readonly name: string;
  readonly spec: ScheduleSpec;
  /** Epoch ms, jitter included; absent where there is none ever again. */
  readonly nextAt?: number | undefined;
}

/** How an agent is registered. */
export interface Registration {
  readonly id: string;
  readonly tenant?: string | undefined;
  readonly config?: unknown;
  readonly tags?: readonly string[] | undefined;
}

/** A lifecycle move that an operator may ask for. */
export type Move = "pause" | "resume" | "kill" | "quarantine" | "terminate";

/** What an accepted command gives: its output, or that it is still to come. */
export type CommandResult = { readonly id: string; readonly seq: number; readonly output: unknown };

/** Counts since the start of this process, and gauges. */
export interface KernelStats {
  readonly turns: Readonly<Record<Outcome, number>>;
  readonly kinds: Readonly<Partial<Record<RecordKind, number>>>;
  readonly wakes: number;
  readonly wastedWakes: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly commits: number;
  readonly committedUnits: number;
  readonly effects: number;
  readonly inFlight: number;
  readonly agentsInMemory: number;
  readonly queued: number;
  readonly storeIsDown: boolean;
  /** Breakers that are not closed. */
  readonly breakers: readonly { readonly name: string; readonly state: string; readonly openUntil: number }[];
}

/** A page of rows with a cursor for the next one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** The kernel as the rest of the system sees it. Addresses are `tenant/type/id` or `type/id` (default tenant). */
export interface KernelApi {
  /** The history of agents. */
  readonly timeline: TimelineApi;
  /** Agents taken out of the system, and into it. */
  readonly transfer: TransferApi;
  /** Loads a type's code. */
  load(agent: LoadableAgent): Promise<void>;
  /** @throws AosError TYPE_UNKNOWN, ADDRESS_INVALID, PAYLOAD_INVALID, AGENT_TERMINATED, DEPENDENCY_INVALID. */
  register(type: string, registration: Registration): Promise<{ readonly address: string; readonly created: boolean }>;
  /** Creates many at once; those that exist stay as they are. One that is refused leaves none created. */
  registerMany(
    type: string,
    registrations: readonly Registration[],
    progress?: (done: number) => void,
  ): Promise<{ readonly created: number; readonly existing: number }>;
  move(address: string, move: Move, options?: { readonly reason?: string; readonly by?: string }): Promise<AgentInfo>;
  /** Moves all that are selected; those that cannot make the move are counted, not moved. */
  moveAll(
    selection: AgentSelection,
    move: Move,
    options?: { readonly reason?: string; readonly by?: string },
  ): Promise<{ readonly moved: number; readonly refused: number }>;

  /** Resolves once durable. */
  accept(arrival: Arrival): Promise<Ack>;
  /** To every agent of the tenant whose contract accepts the event; one ack per agent. */
  route(tenant: string, arrival: Omit<Arrival, "target">): Promise<readonly (Ack & { readonly agent: string })[]>;
  /** To every agent subscribed to the topic, in one commit. */
  publish(
    tenant: string,
    topic: string,
    arrival: Omit<Arrival, "target" | "kind">,
  ): Promise<{ readonly id: string; readonly receivers: number; readonly duplicate: boolean }>;
  /** @throws AosError REPLY_PENDING with details {id} after `waitMs`; what the command failed with. */
  command(arrival: Omit<Arrival, "kind">, waitMs?: number): Promise<CommandResult>;
  /** The reply of a command; undefined while there is none. @throws what the command failed with. */
  reply(id: string): Promise<{ readonly output: unknown } | undefined>;
  /** @throws AosError AGENT_NOT_FOUND, EVENT_NOT_ACCEPTED, PAYLOAD_INVALID, QUERY_WROTE. */
  query(address: string, name: string, input: unknown): Promise<unknown>;
  /** Wakes an agent with an empty `wake` envelope: it takes its mail, or has a turn that does nothing. */
  wake(address: string): Promise<Ack>;
  /** The first final record (or parked one) of an envelope that was accepted in this process; waits for it. */
  outcome(id: string, timeoutMs: number): Promise<TurnRecord | undefined>;

  agents(
    selection: AgentSelection,
    page?: { readonly cursor?: string | undefined; readonly limit?: number | undefined },
  ): Promise<Page<AgentInfo>>;
  agent(address: string): Promise<AgentInfo>;
  state(address: string): Promise<{ readonly state: unknown; readonly version: number; readonly turn: number }>;
  journal(address: string, after?: number, limit?: number): Promise<readonly TurnRecord[]>;
  /** Rows after an id over all agents (or one), then live; ends when the signal aborts. A slow reader gets no gap: it reads from the store. */
  stream(options: {
    readonly after?: number | undefined;
    readonly agent?: string | undefined;
    readonly tenant?: string | undefined;
    readonly signal: AbortSignal;
  }): AsyncIterable<TurnRecord>;
  /** The id of the newest row. */
  lastRecord(): number;
  /** All that is known of an id (envelope, chain or correlation): records over all agents, oldest first. */
  why(id: string): Promise<readonly TurnRecord[]>;
  mailbox(address: string): Promise<readonly MailInfo[]>;

  deadLetters(
    filter: { readonly agent?: string | undefined; readonly tenant?: string | undefined; readonly reason?: string | undefined },
    page?: { readonly cursor?: string | undefined; readonly limit?: number | undefined },
  ): Promise<Page<DeadLetterInfo>>;
  deadLetter(id: string): Promise<DeadLetterInfo>;
  /** Puts a dead letter back; `fresh` gives it a new id, so that its effects run again. */
  redrive(id: string, options?: { readonly fresh?: boolean }): Promise<{ readonly id: string; readonly agent: string }>;
  redriveAll(
    filter: { readonly agent?: string | undefined; readonly reason?: string | undefined },
    options?: { readonly fresh?: boolean },
  ): Promise<number>;
  drop(id: string): Promise<void>;

  effects(filter: {
    readonly state?: EffectState | undefined;
    readonly agent?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly EffectInfo[]>;
  resolveEffect(id: string, resolution: Resolution): Promise<EffectInfo>;

  schedules(address?: string): Promise<readonly ScheduleInfo[]>;
  previewSchedule(address: string, name: string, count: number): Promise<readonly number[]>;
  runSchedule(address: string, name: string): Promise<Ack>;

  types(): readonly { readonly name: string; readonly revision: string; readonly contract: Readonly<Record<string, unknown>> }[];
  /** An agent's retained turns with what it takes to run them again; undefined where no state before one is retained. @throws AosError AGENT_NOT_FOUND. */
  replayable(address: string, turnsMax?: number): Promise<AgentJournal | undefined>;
  /** A page of stored agents with their mail and last turns, for a plan of an upgrade. @throws AosError LIMIT_EXCEEDED. */
  snapshots(selection: SnapshotSelection): Promise<Page<AgentSnapshot>>;
  /** The contracts of all types that have agents, as they were loaded last. */
  storedContracts(): Promise<readonly { readonly name: string; readonly contract: unknown }[]>;
  /** Takes a type's agents to the version of the loaded code by stages; it goes on by itself. @throws AosError TYPE_UNKNOWN, USAGE, LIFECYCLE_ILLEGAL. */
  applyUpgrade(type: string, options: RampOptions): Promise<Ramp>;
  /** Puts a type's agents back to the states before their last migration. */
  rollbackUpgrade(type: string): Promise<RolledBack>;
  /** How the upgrades of a type, or of all loaded types, stand. @throws AosError TYPE_UNKNOWN. */
  upgradeStatus(type?: string): Promise<readonly UpgradeStatus[]>;
  stats(): KernelStats;
  usage(): Promise<Readonly<Record<string, number>>>;
  /** What the store holds by class, what bounds it, how it grows and where that leads. */
  storage(): Promise<StorageReport>;
  /** What is wrong with what the system holds; turns go on meanwhile. */
  examine(): Promise<readonly Finding[]>;
  /** Drops what belongs to nobody; how much of each. */
  mend(): Promise<Readonly<Record<"mail" | "effects" | "subscriptions", number>>>;
}
