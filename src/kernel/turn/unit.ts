import type { Pending } from "../store/committer.ts";
import type { Core } from "../core.ts";
import { encodeBoth, encodeFull } from "./delta.ts";
import type { AgentEntry, AgentMeta } from "../agents/entry.ts";
import type { AosError } from "../errors.ts";
import type { Mail } from "../mail/mailbox.ts";
import { encodeBody, type RecordBody } from "./record.ts";
import type { AgentStatus, Commit, JournalWrite } from "../store/store.ts";

/** A journal row before it has its place. */
export interface RowDraft {
  readonly at: number;
  readonly body: RecordBody;
  readonly delta?: string | undefined;
}

/** What an agent's unit writes beside its rows. */
export interface UnitParts {
  readonly rows: readonly RowDraft[];
  /** Which of the rows is the turn's own; the last one unless given. */
  readonly own?: number | undefined;
  readonly state?: string | undefined;
  readonly stateVersion?: number | undefined;
  readonly status?: AgentStatus | undefined;
  readonly epoch?: number | undefined;
  readonly meta?: AgentMeta | undefined;
  /** What is written beside the agent; it is the unit's own, which completes it. */
  readonly commit: Mutable<Commit>;
  /** After it is durable. */
  onDurable?(rows: readonly JournalWrite[]): void;
  /** After it failed, or was dropped (`undefined`) because something before it had failed. */
  onFailure?(error: AosError | undefined, isWhole: boolean): void;
}

/** Something under construction. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Told of mail whose unit did not commit, after the unit's own parts were. */
export type Undone = (entry: AgentEntry, mail: Mail, error: AosError | undefined, isWhole: boolean, ledger: Commit["ledger"]) => void;

const NO_ROWS: readonly JournalWrite[] = [];
const SETTLED: UnitParts = { rows: [], commit: {} };

/**
 * One atomic change of an agent: its row, its journal, and whatever must be atomic with them. Numbers are given at the
 * last moment, in commit order. What is built on a unit that failed is dropped.
 */
export class AgentUnit implements Pending {
  readonly #core: Core;
  readonly #entry: AgentEntry;
  #parts: UnitParts;
  readonly #generation: number;
  readonly #version: number;
  /** The state after this unit. */
  readonly #whole: string;
  readonly #mail: Mail | undefined;
  readonly #undone: Undone | undefined;
  #rows = NO_ROWS;
  #isDropped = false;

  constructor(core: Core, entry: AgentEntry, parts: UnitParts, mail?: Mail, undone?: Undone) {
    this.#core = core;
    this.#mail = mail;
    this.#undone = undone;
    this.#entry = entry;
    this.#parts = parts;
    this.#generation = entry.generation;
    this.#whole = parts.state ?? entry.state;
    this.#version = parts.stateVersion ?? entry.stateVersion;
    entry.pending++;
    entry.turnsPending++;
  }

  build(): Commit | undefined {
    const entry = this.#entry;
    const parts = this.#parts;
    // An entry that went stale has been read anew: what an attempt on the old one still leaves has no foundation.
    if (entry.isStale || entry.generation !== this.#generation) {
      this.#isDropped = true;
      return undefined;
    }
    // A full copy is due where the unit's turns reach or pass a multiple, whether the state changed or not.
    const every = this.#core.limits.fullCopyEvery;
    const last = entry.turn + parts.rows.length;
    // The first turn keeps the state before it too: an agent that never turned is stored once.
    const isFirst = entry.turn === 1;
    const isFull = !isFirst && Math.floor(last / every) > Math.floor(entry.turn / every);
    const own = parts.own ?? parts.rows.length - 1;
    const [only] = parts.rows;
    const rows =
      parts.rows.length === 1 && only !== undefined
        ? [this.#place(only, isFull && own === 0)]
        : parts.rows.map((draft, at) => this.#place(draft, isFull && at === own));
    const first = isFirst ? rows[own] : undefined;
    if (first !== undefined) rows[own] = { ...first, delta: encodeBoth(entry.durableState, this.#whole) };
    this.#rows = rows;
    const { commit, state, stateVersion, status, epoch, meta } = parts;
    commit.turn = { journal: rows, state, stateVersion, status, epoch, meta: meta === undefined ? undefined : JSON.stringify(meta) };
    return commit;
  }

  settled(error: AosError | undefined, isWhole: boolean): void {
    const entry = this.#entry;
    entry.turnsPending--;
    if (error === undefined && !this.#isDropped) {
      if (this.#parts.state !== undefined) {
        entry.durableState = this.#parts.state;
        entry.durableVersion = this.#version;
      }
      this.#core.published(this.#rows, entry.address);
      this.#parts.onDurable?.(this.#rows);
    } else {
      // What was built on a unit of the same batch that failed fails with it, by no fault of its own.
      const isFollower = entry.isStale;
      if (!isFollower) entry.invalidate();
      const own = isFollower && !isWhole ? undefined : error;
      this.#parts.onFailure?.(own, isWhole);
      if (this.#mail === undefined) this.#core.reread(entry);
      else this.#undone?.(entry, this.#mail, own, isWhole, this.#parts.commit.ledger);
    }
    // Whoever still holds the unit must not hold what it wrote: a collection of young objects would keep all of it.
    this.#parts = SETTLED;
    this.#rows = NO_ROWS;
    entry.settle();
  }

  #place(draft: RowDraft, isFull: boolean): JournalWrite {
    const entry = this.#entry;
    const prev = entry.head;
    entry.turn++;
    entry.head = ++this.#core.numbers.journalId;
    return {
      id: entry.head,
      prev,
      agent: entry.no,
      turn: entry.turn,
      at: draft.at,
      body: encodeBody(draft.body),
      delta: isFull ? encodeFull(this.#whole) : draft.delta,
    };
  }
}
