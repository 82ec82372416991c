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

interface Kept extends LateRow {
  /** Its oldest journal row that the agent's row does not contain. */
  readonly from: number;
  /** Where the journal stood, in units of cost, at that row. */
  readonly since: number;
}

/**
 * Journal that the agents' rows may lag behind, in bytes: it is read again when a store is opened after an unclean end.
 * Each row counts `ROW_COST` more than its texts.
 */
const LAG_BYTES = 8 << 20;
const ROW_COST = 512;
/** States above this are written at once: what they cost is not the page that they stand on. */
const STATE_MAX = 32_768;
/** Journal rows after which it is written down anew how far the agents' rows have come. */
const MARK_ROWS = 1_024;

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
  /** In the order of `from`. */
  #rows = new Map<number, Kept>();
  #position = 0;
  #newest: number;
  #mark: number;
  #markInCommit: number | undefined;
  /** What the open transaction changed, to be taken back with it. */
  readonly #undo: [no: number, before: Kept | undefined][] = [];

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
    return this.#rows.get(no);
  }

  /** Whether a turn's row may wait: where the journal holds all that it changes, and that is little. */
  static mayWait(journal: readonly JournalWrite[], state: string | undefined): boolean {
    if (journal.length !== 1) return false;
    return state === undefined ? true : journal[0]?.delta !== undefined && state.length <= STATE_MAX;
  }

  /** Takes in a turn whose row waits; false where it does not follow the agent's last one. */
  take(row: JournalWrite, state: string | undefined): boolean {
    const known = this.#rows.get(row.agent);
    const turn = known === undefined ? this.#storedTurn(row.agent) : known.turn;
    if (turn !== row.turn - 1) return false;
    this.#note(row.agent, known);
    this.#rows.set(row.agent, {
      turn: row.turn,
      head: row.id,
      lastAt: row.at,
      state: state ?? known?.state,
      from: known?.from ?? row.id,
      since: known?.since ?? this.#position,
    });
    return true;
  }

  /** Forgets what was waiting of an agent, since its row is being written. */
  drop(no: number): void {
    const known = this.#rows.get(no);
    if (known === undefined) return;
    this.#note(no, known);
    this.#rows.delete(no);
  }

  /** Writes an agent's row now if it is behind. */
  catchUp(no: number): void {
    const late = this.#rows.get(no);
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
    for (const [no, { since }] of this.#rows) {
      if (since + lagBytes > this.#position) break;
      this.catchUp(no);
    }
    const [oldest] = this.#rows.values();
    const mark = oldest === undefined ? this.#newest : oldest.from - 1;
    if (mark - this.#mark < (lagBytes === 0 ? 1 : MARK_ROWS)) return undefined;
    this.#markInCommit = mark;
    return mark;
  }

  committed(): void {
    this.#undo.length = 0;
    if (this.#markInCommit !== undefined) this.#mark = this.#markInCommit;
    this.#markInCommit = undefined;
  }

  /** Where the open transaction stands, for `undoTo`. */
  get point(): number {
    return this.#undo.length;
  }

  /** Takes back what came after a point of the open transaction; all of it from 0. */
  undoTo(point: number): void {
    if (this.#undo.length > point) {
      for (const [no, before] of this.#undo.splice(point).toReversed()) {
        if (before === undefined) this.#rows.delete(no);
        else this.#rows.set(no, before);
      }
      this.#rows = new Map([...this.#rows].toSorted(([, left], [, right]) => left.from - right.from));
    }
    if (point === 0) this.#markInCommit = undefined;
  }

  #note(no: number, before: Kept | undefined): void {
    this.#undo.push([no, before]);
  }

  #storedTurn(no: number): number | undefined {
    return first<{ readonly turn: number }>(this.#turn, no)?.turn;
  }

  /** Applies the journal after the mark to what is stored. */
  #recover(): void {
    const states = new Map<number, { turn: number; state: string }>();
    for (const row of all<Journaled>(this.#journal, this.#mark)) {
      const { id, agent, turn, at, bytes, delta } = row;
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
      const known = this.#rows.get(agent);
      const isSame = delta === null && known?.state === undefined;
      this.#rows.set(agent, {
        turn,
        head: id,
        lastAt: at,
        state: isSame ? undefined : state,
        from: known?.from ?? id,
        since: known?.since ?? this.#position,
      });
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
