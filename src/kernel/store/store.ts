import type { AosError } from "../errors.ts";
import type { LedgerEntry, LedgerOp, LedgerRow } from "./ledger.ts";

/** A value, or a promise of it: an embedded store answers at once. */
export type MaybePromise<T> = T | Promise<T>;

/** The durable states of an agent; running and sleeping are derived from whether a turn is in flight. */
export type AgentStatus = "initialized" | "paused" | "quarantined" | "terminated";

/** An agent as stored. */
export interface AgentRow {
  /** The store's short name for the address; unique, never reused. */
  readonly no: number;
  /** `tenant/type/id`. */
  readonly address: string;
  readonly status: AgentStatus;
  /** The number of its last journal row; rows are dense from 1. */
  readonly turn: number;
  /** The id of its newest journal row; 0 for none. */
  readonly head: number;
  /** Raised by every fencing move (pause, kill, quarantine, terminate). */
  readonly epoch: number;
  readonly stateVersion: number;
  /** The state as JSON text. */
  readonly state: string;
  readonly createdAt: number;
  /** When its last turn was, epoch ms; 0 for never. */
  readonly lastAt: number;
  /** JSON of whatever is rare: configuration, tags, failures. */
  readonly meta?: string | undefined;
}

/** A new agent, with its first journal row. */
export interface NewAgent {
  readonly row: AgentRow;
  readonly journal?: JournalWrite | undefined;
}

/** A journal row to append. Ids rise in commit order; `prev` is the agent's row before it. */
export interface JournalWrite {
  readonly id: number;
  readonly prev: number;
  readonly agent: number;
  readonly turn: number;
  readonly at: number;
  /** The record's JSON without what the columns hold. */
  readonly body: string;
  /** How the state changed: a splice, or the full text (see `delta.ts`). */
  readonly delta?: string | undefined;
}

/** A stored journal row. */
export interface JournalRow extends JournalWrite {
  readonly address: string;
}

/** What a turn changes in its agent's row. Refused where the stored turn is not one before the first row's. */
export interface TurnWrite {
  /** Usually one row; the last one is the turn's own. */
  readonly journal: readonly JournalWrite[];
  readonly state?: string | undefined;
  readonly stateVersion?: number | undefined;
  readonly status?: AgentStatus | undefined;
  readonly epoch?: number | undefined;
  readonly meta?: string | undefined;
}

/** Mail as stored. Ready where neither `dueAt` nor `parked` is set. */
export interface MailRow {
  readonly seq: number;
  readonly agent: number;
  readonly priority: number;
  /** When it joins the mailbox, epoch ms. */
  readonly dueAt?: number | undefined;
  /** JSON of the condition that it waits for. */
  readonly parked?: string | undefined;
  readonly attempts: number;
  /** The start mark: 0 none, 1 an attempt began after an unclean death, 2 it began alone. */
  readonly marked: number;
  /** The timer's or schedule's name; unique per agent. */
  readonly timer?: string | undefined;
  /** The envelope as JSON. */
  readonly head: string;
  /** The payload as JSON text. */
  readonly data: string;
}

/** A change of stored mail; what is left out stays, `null` clears. */
export interface MailChange {
  readonly seq: number;
  readonly dueAt: number | null;
  readonly parked: string | null;
  readonly attempts: number;
  readonly marked: number;
}

/** How far an effect has come. */
export type EffectState = "intent" | "done" | "failed" | "retryable" | "in-doubt";

/** An effect's row: its intent, then its outcome. */
export interface EffectRow {
  /** The memo key: SHA-256 hex of envelope id, name, input and occurrence. */
  readonly id: string;
  readonly agent: number;
  readonly envelope: string;
  readonly name: string;
  readonly state: EffectState;
  /** The idempotency key it ran under. */
  readonly key: string;
  readonly attempts: number;
  readonly at: number;
  readonly input: string;
  /** JSON of the output, or of the error. */
  readonly outcome?: string | undefined;
}

/** Mail that will not be tried again by itself. */
export interface DeadRow {
  /** The envelope's id. */
  readonly id: string;
  readonly agent: number;
  readonly at: number;
  readonly reason: string;
  readonly attempts: number;
  readonly head: string;
  readonly data: string;
  /** JSON of the last error. */
  readonly error: string;
}

/** A remembered dedupe key. */
export interface DedupeRow {
  readonly hash: string;
  readonly id: string;
  readonly seq: number;
  readonly digest: number;
  readonly at: number;
}

/** A piece of an agent's list of dedupe keys; see `DedupeIndex`. */
export interface DedupeChunk {
  readonly agent: number;
  /** Rises from 0 per agent. */
  readonly chunk: number;
  /** When its newest key was added, epoch ms. */
  readonly at: number;
  readonly keys: Uint8Array;
  /** When writing: chunks of the agent up to this one are dropped. */
  readonly dropTo?: number | undefined;
}

/** A command's reply, kept so that a late caller gets the same one. */
export interface ReplyRow {
  /** The command's envelope id. */
  readonly id: string;
  readonly at: number;
  /** JSON: `{ok: output}` or `{error: {...}}`. */
  readonly body: string;
}

/** A durable subscription of an agent to a topic pattern. */
export interface SubscriptionRow {
  readonly tenant: string;
  readonly pattern: string;
  readonly agent: number;
  readonly event: string;
  /** JSON of the content filter. */
  readonly filter?: string | undefined;
}

/** One atomic unit of writing: all of it commits, or none. */
export interface Commit {
  readonly create?: readonly NewAgent[] | undefined;
  readonly turn?: TurnWrite | undefined;
  readonly mailIn?: readonly MailRow[] | undefined;
  readonly mailOut?: readonly number[] | undefined;
  readonly mailSet?: readonly MailChange[] | undefined;
  /** Timers to drop by agent and name, before `mailIn`. */
  readonly timersOut?: readonly { readonly agent: number; readonly timer: string }[] | undefined;
  readonly effects?: readonly EffectRow[] | undefined;
  /** Envelope ids whose effects' rows are no longer needed; what is in doubt stays until somebody resolves it. */
  readonly effectsOut?: readonly string[] | undefined;
  readonly deadIn?: readonly DeadRow[] | undefined;
  readonly deadOut?: readonly string[] | undefined;
  readonly replies?: readonly ReplyRow[] | undefined;
  readonly ledger?: readonly LedgerOp[] | undefined;
  readonly subscribe?: readonly SubscriptionRow[] | undefined;
  readonly unsubscribe?: readonly { readonly agent: number; readonly pattern?: string | undefined }[] | undefined;
  /** Dedupe keys to keep: shared ones by row (one that is there stays), agents' in chunks; and the journal id up to which no key is only in memory. */
  readonly dedupe?:
    | {
        readonly rows?: readonly DedupeRow[] | undefined;
        readonly chunks?: readonly DedupeChunk[] | undefined;
        readonly upTo?: number | undefined;
      }
    | undefined;
  /** Named facts of the whole system. */
  readonly facts?: Readonly<Record<string, string>> | undefined;
}

/** What opening a store tells. */
export interface Opened {
  /** Whether the last owner shut down in order. */
  readonly wasClean: boolean;
  readonly lastAgentNo: number;
  readonly lastJournalId: number;
  /** No seq up to this one may be used again. */
  readonly lastSeq: number;
  /** The latest time that anything was stored with, epoch ms. */
  readonly lastAt: number;
  readonly dedupeUpTo: number;
}

/** Which agents to list. */
export interface AgentFilter {
  readonly tenant?: string | undefined;
  readonly type?: string | undefined;
  readonly status?: AgentStatus | undefined;
  /** Addresses after this one. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** An agent with the counts that a process list shows. */
export interface AgentListing extends AgentRow {
  readonly mailbox: number;
  readonly parked: number;
  readonly nextDueAt?: number | undefined;
}

/**
 * Where everything durable lives. One owner at a time; ids and numbers come from the kernel.
 * `commit` answers one entry per unit: undefined, or the error that removed that unit alone.
 * @throws AosError DISK_FULL or STORE_FAILED from `commit`: then nothing of the batch is durable.
 */
export interface Store {
  open(): Promise<Opened>;
  /** Closes; an orderly end is marked unless told otherwise. */
  close(isOrderly?: boolean): Promise<void>;
  commit(units: readonly Commit[]): MaybePromise<readonly (AosError | undefined)[]>;

  agent(address: string): MaybePromise<AgentRow | undefined>;
  agentByNo(no: number): MaybePromise<AgentRow | undefined>;
  agents(filter: AgentFilter): Promise<readonly AgentListing[]>;
  /** Counts per type and status. */
  census(): Promise<readonly { readonly tenant: string; readonly type: string; readonly status: AgentStatus; readonly count: number }[]>;

  /** Ready, parked and retrying mail of an agent by seq; other mail that is not due yet is left out. */
  mail(agent: number): MaybePromise<readonly MailRow[]>;
  mailBySeq(seq: number): MaybePromise<MailRow | undefined>;
  /** Mail of an agent that is not due yet: timers, schedules, delayed and retrying mail. */
  delayed(agent: number): MaybePromise<readonly MailRow[]>;
  /** Mail that is due, earliest first. */
  due(now: number, limit: number): MaybePromise<readonly MailRow[]>;
  /** The earliest `dueAt`. */
  nextDue(): MaybePromise<number | undefined>;
  /** Agents with ready mail, oldest mail first. */
  readyAgents(): Promise<readonly number[]>;
  /** Parked mail whose condition has this kind. */
  parked(kind: string): Promise<readonly MailRow[]>;

  effects(envelope: string): MaybePromise<readonly EffectRow[]>;
  effect(id: string): Promise<EffectRow | undefined>;
  listEffects(filter: {
    readonly state?: EffectState | undefined;
    readonly agent?: number | undefined;
    readonly limit: number;
  }): Promise<readonly EffectRow[]>;

  dead(id: string): Promise<DeadRow | undefined>;
  listDead(filter: {
    readonly agent?: number | undefined;
    readonly tenant?: string | undefined;
    readonly reason?: string | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly DeadRow[]>;

  dedupe(hash: string): MaybePromise<DedupeRow | undefined>;
  /** An agent's chunks of dedupe keys, oldest first. */
  dedupeChunks(agent: number): MaybePromise<readonly DedupeChunk[]>;
  lastDedupeChunk(agent: number): MaybePromise<DedupeChunk | undefined>;
  reply(id: string): MaybePromise<ReplyRow | undefined>;
  /** Patterns in use by a tenant. */
  patterns(tenant: string): MaybePromise<readonly string[]>;
  subscribers(tenant: string, pattern: string): MaybePromise<readonly SubscriptionRow[]>;

  /** An agent's rows after a turn, oldest first. */
  journal(agent: number, after: number, limit: number): Promise<readonly JournalRow[]>;
  journalById(id: number): MaybePromise<JournalRow | undefined>;
  /** All rows after an id, oldest first. */
  journalAfter(id: number, limit: number): Promise<readonly JournalRow[]>;
  /** Rows whose body contains a text, newest first, among the newest 200,000. */
  journalWith(text: string, limit: number): Promise<readonly JournalRow[]>;

  fact(name: string): Promise<string | undefined>;
  ledgerGet(cls: string, key: string): Promise<LedgerEntry | undefined>;
  ledgerList(cls: string, after: string | undefined, limit: number): Promise<readonly LedgerEntry[]>;
  ledgerSum(cls: string, key: string): Promise<number>;
  ledgerRows(cls: string, after: number, limit: number): Promise<readonly LedgerRow[]>;

  /**
   * Drops what retention no longer keeps, at most `limit` rows, and then gives back a little of the room that is free; true where more
   * remains. What is kept of a journal begins with a full copy of the state, unless one agent's would then be twice its bytes.
   */
  prune(limits: Retention, limit: number): Promise<boolean>;
  /** What the store does not keep of its own rules, in its own words; empty where it is sound. Turns go on meanwhile. */
  inspect(): Promise<readonly string[]>;
  /** The first of what belongs to nobody. */
  orphans(limit: number): Promise<Orphans>;
  /** How much room the store takes and has left; cheap. */
  size(): MaybePromise<StoreSize>;
  /**
   * Bytes by class: state, journal, mail, effects, deadLetters, replies, subscriptions, dedupe, ledger, indexes, other; `free` is room to
   * be used again, `log` what was not written to its place yet.
   */
  usage(): Promise<Readonly<Record<string, number>>>;
}

/** What belongs to nobody; a system that only ever committed its own units has none. */
export interface Orphans {
  /** Mail for agents that do not exist. */
  readonly mail: readonly { readonly seq: number; readonly agent: number }[];
  /** Effects whose envelope is neither in its agent's mailbox nor dead; what is in doubt is nobody's but a human's. */
  readonly effects: readonly { readonly id: string; readonly envelope: string; readonly name: string }[];
  /** Subscriptions of agents that do not exist or were terminated. */
  readonly subscriptions: readonly { readonly agent: number; readonly pattern: string }[];
}

/** How much room a store takes. */
export interface StoreSize {
  /** All of it, without its log. */
  readonly bytes: number;
  /** What of it is free to be used again. */
  readonly freeBytes: number;
  readonly logBytes: number;
  /** What is left where it lies; undefined where nobody can tell. */
  readonly leftBytes?: number | undefined;
}

/** What retention keeps. */
export interface Retention {
  readonly now: number;
  readonly journalBefore: number;
  readonly repliesBefore: number;
  readonly dedupeBefore: number;
  /** Ledger sums of a class to drop: those whose keys sort before a text, which begin with a time. */
  readonly sums?: { readonly class: string; readonly keysBefore: string } | undefined;
  /** UTF-8 bytes of journal that one agent keeps: older rows go, but for the newest and those that carry dedupe keys still in force. */
  readonly journalBytes: number;
  /** An agent's newest rows that may carry such keys. */
  readonly dedupePerAgent: number;
  /** Whether a store that knows whose journal has grown since may leave the others' alone. */
  readonly onlyGrown?: boolean | undefined;
}
