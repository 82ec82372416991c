import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { JournalRow, JournalWrite, Retention } from "../../../kernel/index.ts";
import type { LateRows } from "./late-rows.ts";
import { all, first } from "./query.ts";

const COLUMNS = "j.id, j.prev, j.agent, j.turn, j.at, j.body, j.delta, a.address";
const FROM = "FROM journal j JOIN agents a ON a.no = j.agent";
/** Rows that a search looks at, newest first. */
const SEARCH_ROWS = 200_000;
/** What an agent's journal may grow by until it is looked at again. */
const GROWN_BYTES = 64 << 10;
const GROWN_MAX = 50_000;
/** Rows among which the latest time stands: more than there are turns in flight at once. */
const LATEST_ROWS = 2_000;

interface Stored {
  readonly id: number;
  readonly prev: number;
  readonly agent: number;
  readonly turn: number;
  readonly at: number;
  readonly body: string;
  readonly delta: string | null;
  readonly address: string;
}

/** The journal: append-only, without any index; an agent's rows are walked backwards from its newest one. */
export class JournalTable {
  readonly #insert: StatementSync;
  readonly #walk: StatementSync;
  readonly #after: StatementSync;
  readonly #search: StatementSync;
  readonly #byId: StatementSync;
  readonly #last: StatementSync;
  readonly #delete: StatementSync;
  readonly #agents: StatementSync;
  readonly #head: StatementSync;
  readonly #step: StatementSync;
  #trimmed = 0;
  /** Bytes that were appended to an agent's journal since it was looked at, or since this process began. */
  readonly #grown = new Map<number, Grown>();

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare("INSERT INTO journal (id, prev, agent, turn, at, body, delta) VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#walk = db.prepare(
      `WITH RECURSIVE walk (id, prev) AS (
         SELECT id, prev FROM journal WHERE id = ?1 AND turn > ?2
         UNION ALL SELECT back.id, back.prev FROM walk JOIN journal back ON back.id = walk.prev WHERE back.turn > ?2),
       page (id) AS MATERIALIZED (SELECT id FROM walk ORDER BY id LIMIT ?3)
       SELECT ${COLUMNS} FROM page CROSS JOIN journal j ON j.id = page.id JOIN agents a ON a.no = j.agent ORDER BY j.id`,
    );
    this.#after = db.prepare(`SELECT ${COLUMNS} ${FROM} WHERE j.id > ? ORDER BY j.id LIMIT ?`);
    this.#search = db.prepare(`SELECT ${COLUMNS} ${FROM} WHERE j.id > ? AND instr(j.body, ?) > 0 ORDER BY j.id DESC LIMIT ?`);
    this.#byId = db.prepare(`SELECT ${COLUMNS} ${FROM} WHERE j.id = ?`);
    // A turn bears the time at which it began, hence the newest row need not bear the latest time.
    this.#last = db.prepare(`SELECT max(id) AS id, max(at) AS at FROM (SELECT id, at FROM journal ORDER BY id DESC LIMIT ${LATEST_ROWS})`);
    this.#head = db.prepare("SELECT head FROM agents WHERE no = ?");
    this.#agents = db.prepare("SELECT no, head FROM agents WHERE no > ? ORDER BY no LIMIT ?");
    this.#step = db.prepare(
      "SELECT prev, at, octet_length(body) + ifnull(octet_length(delta), 0) AS bytes, substr(delta, 1, 1) AS mark FROM journal WHERE id = ?",
    );
    this.#delete = db.prepare("DELETE FROM journal WHERE id = ?");
  }

  append(row: JournalWrite): void {
    const bytes = row.body.length + (row.delta?.length ?? 0);
    const grown = this.#grown.get(row.agent);
    if (grown === undefined) this.#grown.set(row.agent, { bytes, until: GROWN_BYTES });
    else grown.bytes += bytes;
    this.#insert.run(row.id, row.prev, row.agent, row.turn, row.at, row.body, row.delta ?? null);
  }

  /** The newest row's id, and the latest time; zeros where there is no row. */
  last(): { readonly id: number; readonly at: number } {
    const found = first<{ readonly id: number | null; readonly at: number | null }>(this.#last);
    return { id: found?.id ?? 0, at: found?.at ?? 0 };
  }

  /** The oldest rows after a turn of the agent whose newest row is `head`, oldest first. Costs time for all of its rows after that turn. */
  of(head: number, after: number, limit: number): readonly JournalRow[] {
    return all<Stored>(this.#walk, head, after, limit).map(toRow);
  }

  after(id: number, limit: number): readonly JournalRow[] {
    return all<Stored>(this.#after, id, limit).map(toRow);
  }

  byId(id: number): JournalRow | undefined {
    const found = first<Stored>(this.#byId, id);
    return found === undefined ? undefined : toRow(found);
  }

  /** Rows whose body contains a text, newest first, among the newest 200,000. */
  containing(text: string, limit: number): readonly JournalRow[] {
    return all<Stored>(this.#search, this.last().id - SEARCH_ROWS, text, limit).map(toRow);
  }

  /**
   * Looks at further agents, until they had `limit` rows, and drops of each the oldest rows past its bytes or its age. True
   * where agents remain to be looked at.
   */
  trim(retention: Retention, limit: number, late: LateRows): boolean {
    if (retention.onlyGrown === true) return this.#trimGrown(retention, limit, late);
    const agents = all<{ readonly no: number; readonly head: number }>(this.#agents, this.#trimmed, limit);
    let looked = 0;
    for (const { no, head } of agents) {
      looked += this.#trimOne(late.get(no)?.head ?? head, retention, () => late.catchUp(no)).rows;
      this.#trimmed = no;
      if (looked >= limit) return true;
    }
    if (agents.length === limit) return true;
    this.#trimmed = 0;
    return false;
  }

  #trimGrown(retention: Retention, limit: number, late: LateRows): boolean {
    let looked = 0;
    for (const [no, grown] of this.#grown) {
      if (grown.bytes < grown.until) continue;
      if (looked >= limit) return true;
      grown.bytes = 0;
      const head = late.get(no)?.head ?? first<{ readonly head: number }>(this.#head, no)?.head;
      if (head === undefined) continue;
      const { rows, keptBytes } = this.#trimOne(head, retention, () => late.catchUp(no));
      looked += rows;
      // To look at all that is kept pays only once as much has come.
      grown.until = Math.max(GROWN_BYTES, keptBytes);
    }
    // Of agents that hardly grow nothing is lost: they are looked at with all the others.
    if (this.#grown.size > GROWN_MAX) this.#grown.clear();
    return false;
  }

  /** Walks back from an agent's newest row: what is kept begins, if it may, with a full copy of the state. */
  #trimOne(head: number, { journalBytes, journalBefore, dedupeBefore, dedupePerAgent }: Retention, beforeDropping: () => void): Trimmed {
    let kept = 0;
    let keptBytes = 0;
    let bytes = 0;
    let looked = 0;
    let isDropping = false;
    let lacksCopy = false;
    for (let id = head; ; looked++) {
      const row = first<Step>(this.#step, id);
      if (row === undefined) return { rows: looked, keptBytes };
      bytes += row.bytes;
      const isNeeded = kept === 0 || (row.at >= dedupeBefore && kept < dedupePerAgent);
      // A state that is never copied whole must not keep its journal for ever.
      isDropping ||= !isNeeded && (lacksCopy ? bytes > 2 * journalBytes : bytes > journalBytes || row.at < journalBefore);
      if (isDropping) {
        beforeDropping();
        this.#delete.run(id);
      } else {
        kept++;
        keptBytes += row.bytes;
      }
      if (row.mark !== null) lacksCopy = row.mark !== "=" && row.mark !== "~";
      id = row.prev;
    }
  }
}

/** What an agent's journal has grown by since it was looked at, and by what it may until it is again. */
interface Grown {
  bytes: number;
  until: number;
}

/** What a walk over an agent's journal saw. */
interface Trimmed {
  readonly rows: number;
  readonly keptBytes: number;
}

interface Step {
  readonly prev: number;
  readonly at: number;
  readonly bytes: number;
  /** `=` or `~` for a full copy, another character for a difference. */
  readonly mark: string | null;
}

function toRow(stored: Stored): JournalRow {
  return {
    id: stored.id,
    prev: stored.prev,
    agent: stored.agent,
    turn: stored.turn,
    at: stored.at,
    body: stored.body,
    delta: stored.delta ?? undefined,
    address: stored.address,
  };
}
