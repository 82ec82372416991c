import type { DatabaseSync, StatementSync } from "node:sqlite";
import { AosError, applyDelta, type JournalWrite } from "../../../kernel/index.ts";
import { all, first } from "./query.ts";

/** What an agent's row will say once it is written again. */
export interface LateRow {
  readonly turn: number;
  readonly head: number;
  readonly lastAt: number;
  /** Undefined where the stored state is still the latest. */
  readonly state: string | undefined;
}

/**
 * An agent that is or was behind. It is changed in place, since objects and tables that come and go with each turn are
 * promoted by the collector, and keep every state that they held alive.
 */
interface Kept extends LateRow {
  readonly no: number;
  turn: number;
  head: number;
  lastAt: number;
  state: string | undefined;
  isLate: boolean;
  /** Its oldest journal row that the agent's row does not contain. */
  from: number;
  /** Where the journal stood, in units of cost, at that row. */
  since: number;
}

/**
 * Journal that the agents' rows may lag behind, in bytes: it is read again when a store is opened after an unclean end.
 * Each row counts `ROW_COST` more than its texts.
 */
const LAG_BYTES = 16 << 20;
const ROW_COST = 512;
/** States above this are written at once: what they cost is not the page that they stand on. */
const STATE_MAX = 32_768;
/** Journal rows after which it is written down anew how far the agents' rows have come. */
const MARK_ROWS = 1_024;
/** Agents that may be remembered although they are not late, beside as many as are. */
const FORGET_AT = 1_024;

/**
 * Agents whose row is behind their journal. A turn appends its journal row, which holds how the state changed; the
 * agent's row, whose page nobody else shares, is written again only when its oldest such journal row falls behind by
 * `LAG_BYTES`, so that an agent that turns often costs one page for many turns. The journal up to `mark` is in the
 * agents' rows; what comes after it is applied to them when the store is opened.
 */
export class LateRows {
  readonly #turn: StatementSync;
  readonly #stored: StatementSync;
  readonly #write: StatementSync;
  readonly #writeTurn: StatementSync;
  readonly #journal: StatementSync;
  #rows = new Map<number, Kept>();
  #late = 0;
  /** Those that are late in the order of `from`; an entry whose agent was written since is skipped. */
  #queue: (readonly [kept: Kept, from: number])[] = [];
  #first = 0;
  #position = 0;
  #newest: number;
  #mark: number;
  #markInCommit: number | undefined;
  /** What the open transaction changed, and how it was, to be taken back with it. */
  readonly #undo: Kept[] = [];

  constructor(db: DatabaseSync, mark: number) {
    this.#turn = db.prepare("SELECT turn FROM agents WHERE no = ?");
    this.#stored = db.prepare("SELECT turn, state FROM agents WHERE no = ?");
    this.#write = db.prepare("UPDATE agents SET turn = ?, head = ?, last_at = ?, state = ? WHERE no = ?");
    this.#writeTurn = db.prepare("UPDATE agents SET turn = ?, head = ?, last_at = ? WHERE no = ?");
    this.#journal = db.prepare("SELECT id, agent, turn, at, octet_length(body) AS bytes, delta FROM journal WHERE id > ? ORDER BY id");
    this.#mark = mark;
    this.#newest = mark;
    this.#recover();
  }

  get(no: number): LateRow | undefined {
    const kept = this.#rows.get(no);
    return kept?.isLate === true ? kept : undefined;
  }

  /** Whether a turn's row may wait: where the journal holds all that it changes, and that is little. */
  static mayWait(journal: readonly JournalWrite[], state: string | undefined): boolean {
    if (journal.length !== 1) return false;
    return state === undefined ? true : journal[0]?.delta !== undefined && state.length <= STATE_MAX;
  }

  /** Takes in a turn whose row waits; false where it does not follow the agent's last one. */
  take(row: JournalWrite, state: string | undefined): boolean {
    const known = this.#rows.get(row.agent);
    const turn = known?.isLate === true ? known.turn : first<{ readonly turn: number }>(this.#turn, row.agent)?.turn;
    if (turn !== row.turn - 1) return false;
    const kept = known ?? this.#add(row.agent);
    this.#undo.push({ ...kept });
    this.#put(kept, row, state);
    return true;
  }

  /** Forgets what was waiting of an agent, since its row is being written. */
  drop(no: number): void {
    const kept = this.#rows.get(no);
    if (kept?.isLate !== true) return;
    this.#undo.push({ ...kept });
    kept.isLate = false;
    kept.state = undefined;
    this.#late--;
  }

  /** Writes an agent's row now if it is behind. */
  catchUp(no: number): void {
    const late = this.get(no);
    if (late === undefined) return;
    if (late.state === undefined) this.#writeTurn.run(late.turn, late.head, late.lastAt, no);
    else this.#write.run(late.turn, late.head, late.lastAt, late.state, no);
    this.drop(no);
  }

  /** Notes a journal row that was appended. */
  appended(row: JournalWrite): void {
    this.#newest = row.id;
    this.#position += ROW_COST + row.body.length + (row.delta?.length ?? 0);
  }

  /** Before a commit: writes the rows that are too far behind. Gives the mark where it is time to store it. */
  settle(lagBytes: number = LAG_BYTES): number | undefined {
    for (let oldest = this.#oldest(); oldest !== undefined && oldest.since + lagBytes <= this.#position; oldest = this.#oldest()) {
      this.catchUp(oldest.no);
    }
    const oldest = this.#oldest();
    const mark = oldest === undefined ? this.#newest : oldest.from - 1;
    if (mark - this.#mark < (lagBytes === 0 ? 1 : MARK_ROWS)) return undefined;
    this.#markInCommit = mark;
    return mark;
  }

  committed(): void {
    this.#undo.length = 0;
    if (this.#markInCommit !== undefined) this.#mark = this.#markInCommit;
    this.#markInCommit = undefined;
    if (this.#rows.size > 2 * this.#late + FORGET_AT) this.#forget();
  }

  /** Where the open transaction stands, for `undoTo`. */
  get point(): number {
    return this.#undo.length;
  }

  /** Takes back what came after a point of the open transaction; all of it from 0. */
  undoTo(point: number): void {
    if (point === 0) this.#markInCommit = undefined;
    if (this.#undo.length <= point) return;
    for (const before of this.#undo.splice(point).toReversed()) Object.assign(this.#rows.get(before.no) ?? {}, before);
    this.#forget();
    this.#queue = [...this.#rows.values()].toSorted((left, right) => left.from - right.from).map((kept) => [kept, kept.from]);
    this.#first = 0;
  }

  #add(no: number): Kept {
    const kept: Kept = { no, turn: 0, head: 0, lastAt: 0, state: undefined, isLate: false, from: 0, since: 0 };
    this.#rows.set(no, kept);
    return kept;
  }

  #put(kept: Kept, row: { readonly id: number; readonly turn: number; readonly at: number }, state: string | undefined): void {
    kept.turn = row.turn;
    kept.head = row.id;
    kept.lastAt = row.at;
    if (state !== undefined) kept.state = state;
    if (kept.isLate) return;
    kept.isLate = true;
    kept.from = row.id;
    kept.since = this.#position;
    this.#late++;
    this.#queue.push([kept, row.id]);
  }

  #oldest(): Kept | undefined {
    for (; this.#first < this.#queue.length; this.#first++) {
      const [kept, from] = this.#queue[this.#first] ?? [];
      if (kept?.isLate === true && kept.from === from) break;
    }
    if (this.#first > FORGET_AT) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
    return this.#queue[this.#first]?.[0];
  }

  /** Lets go of agents that are not late any more, all at once. */
  #forget(): void {
    this.#rows = new Map([...this.#rows].filter(([, { isLate }]) => isLate));
    this.#late = this.#rows.size;
  }

  /** Applies the journal after the mark to what is stored. */
  #recover(): void {
    const states = new Map<number, { readonly turn: number; readonly state: string }>();
    for (const row of all<Journaled>(this.#journal, this.#mark)) {
      const { id, agent, turn, bytes, delta } = row;
      this.#newest = id;
      this.#position += ROW_COST + bytes + (delta?.length ?? 0);
      const stored = states.get(agent) ?? first<{ turn: number; state: string }>(this.#stored, agent);
      if (stored === undefined || turn <= stored.turn) continue;
      if (turn !== stored.turn + 1) {
        throw new AosError("STORE_FAILED", `the journal of agent number ${agent} has turn ${turn} after ${stored.turn}: rows are missing`, {
          details: { agent, turn },
        });
      }
      const state = delta === null ? stored.state : applyDelta(stored.state, delta);
      states.set(agent, { turn, state });
      this.#put(this.#rows.get(agent) ?? this.#add(agent), row, delta === null ? undefined : state);
    }
  }
}

interface Journaled {
  readonly id: number;
  readonly agent: number;
  readonly turn: number;
  readonly at: number;
  readonly bytes: number;
  readonly delta: string | null;
}
