import type { AosError } from "../errors.ts";
import { type Mail, Mailbox } from "../mail/mailbox.ts";
import type { AgentRow, AgentStatus } from "../store/store.ts";
import { tenantOf, typeOf } from "../address.ts";

/** What an agent keeps beside its state: rare things, stored as one JSON text. */
export interface AgentMeta {
  readonly config?: unknown;
  readonly tags?: readonly string[] | undefined;
  readonly spawnedBy?: string | undefined;
  /** Times of recent failures, newest last; for restart intensity. */
  readonly failures?: readonly number[] | undefined;
  /** Attempts in a row that had to be aborted for want of progress. */
  readonly stuck?: number | undefined;
  /** Times that the whole process died in this agent's turn. */
  readonly crashes?: number | undefined;
  /** Why it is paused or quarantined. */
  readonly reason?: string | undefined;
  /** Why its state stays at an older version than the code's. */
  readonly upgrade?: UpgradeMark | undefined;
  /** Whether its effects are answered with EFFECT_DRY: a fork that was not resumed yet. */
  readonly dry?: boolean | undefined;
  /** What it is a fork of. */
  readonly forkedFrom?: { readonly agent: string; readonly turn: number } | undefined;
  /** The export that it came with. */
  readonly importedFrom?: { readonly agent: string; readonly export: string; readonly signer: string } | undefined;
  /** The export that took it away: its tombstone. */
  readonly movedBy?: { readonly export: string; readonly sha256: string; readonly at: number } | undefined;
}

/** Marks an agent that stays on its old state. */
export interface UpgradeMark {
  readonly status: "failed" | "too-new" | "rolled-back";
  /** The version of its state, and the one that the code wants. */
  readonly from: number;
  readonly to: number;
  /** The revision of the code. */
  readonly revision: string;
  /** Epoch ms. */
  readonly at: number;
  readonly code: string;
  readonly message: string;
  /** JSON Pointer of the fault in the migrated state. */
  readonly path?: string | undefined;
}

/** The attempt in flight, as far as the agent's entry must know it. */
export interface RunningAttempt {
  readonly mail: Mail;
  readonly startedAt: number;
  /** Ends the attempt at once: its context is dead, what it leaves is dropped. */
  abort(error: AosError): void;
}

/** An agent in memory. What turns leave is applied here at once and to the store by the next group commit. */
export class AgentEntry {
  readonly no: number;
  readonly address: string;
  readonly tenant: string;
  readonly type: string;
  readonly createdAt: number;
  readonly mailbox = new Mailbox();
  status: AgentStatus;
  epoch: number;
  stateVersion: number;
  /** The latest state, which may not be durable yet. */
  state: string;
  /** The state of the last commit: what queries and readers see. */
  durableState: string;
  durableVersion: number;
  turn: number;
  head: number;
  lastAt: number;
  meta: AgentMeta;
  attempt: RunningAttempt | undefined;
  /** Units of this agent that wait for a commit. */
  pending = 0;
  /** Turns among them. */
  turnsPending = 0;
  /** Acceptances up to this seq stand before its last turn in the queue: a later turn that joined one would overtake it. */
  turnsUpTo = 0;
  /** Raised when a commit failed: what was built on it is dropped. */
  generation = 0;
  isQueued = false;
  /** The wake that it is in, and whether a turn of it left anything yet; undefined where the agent rests. */
  wake: "wasted" | "useful" | undefined;
  /** Until when it waits for its budget, epoch ms; undefined where its mail was not asked yet. */
  heldUntil: number | undefined;
  /** The generation of the dedupe filter that knows this agent's keys; 0 for none. */
  filterGeneration = 0;
  /** Where the agent stands while its rows are read again after a failed commit. */
  isStale = false;
  whenSettled: (() => void)[] = [];

  constructor(row: AgentRow) {
    this.no = row.no;
    this.address = row.address;
    this.tenant = tenantOf(row.address);
    this.type = typeOf(row.address);
    this.createdAt = row.createdAt;
    this.status = row.status;
    this.epoch = row.epoch;
    this.stateVersion = row.stateVersion;
    this.durableVersion = row.stateVersion;
    this.state = row.state;
    this.durableState = row.state;
    this.turn = row.turn;
    this.head = row.head;
    this.lastAt = row.lastAt;
    this.meta = row.meta === undefined ? {} : (JSON.parse(row.meta) as AgentMeta);
  }

  /** Whether nothing is lost when it leaves memory. */
  get isIdle(): boolean {
    return this.attempt === undefined && this.pending === 0 && !this.isQueued;
  }

  /** What builds on an agent's uncommitted turns is void: a commit failed. Its rows are read again. */
  invalidate(): void {
    this.generation++;
    this.isStale = true;
  }

  /** Bytes that it takes in memory, roughly. */
  get bytes(): number {
    return 500 + this.state.length + this.mailbox.depth * 500;
  }

  settle(): void {
    this.pending--;
    if (this.pending === 0 && this.whenSettled.length > 0) {
      for (const resolve of this.whenSettled.splice(0)) resolve();
    }
  }

  /** Resolves when nothing of this agent waits for a commit. */
  settled(): Promise<void> {
    return this.pending === 0 ? Promise.resolve() : new Promise((resolve) => this.whenSettled.push(resolve));
  }
}
