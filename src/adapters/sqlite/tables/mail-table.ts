import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { MailChange, MailRow } from "../../../kernel/index.ts";
import { all, first } from "./query.ts";

const COLUMNS = "seq, agent, priority, due, parked, attempts, marked, timer, head, data";
const WAITING = "(due IS NOT NULL OR parked IS NOT NULL)";

interface Stored {
  readonly seq: number;
  readonly agent: number;
  readonly priority: number;
  readonly due: number | null;
  readonly parked: string | null;
  readonly attempts: number;
  readonly marked: number;
  readonly timer: string | null;
  readonly head: string;
  readonly data: string;
}

/** Stored mail, by seq. */
export class MailTable {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteTimer: StatementSync;
  readonly #change: StatementSync;
  readonly #of: StatementSync;
  readonly #bySeq: StatementSync;
  readonly #delayed: StatementSync;
  readonly #due: StatementSync;
  readonly #nextDue: StatementSync;
  readonly #ready: StatementSync;
  readonly #parked: StatementSync;
  readonly #last: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(`INSERT INTO mail (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#delete = db.prepare("DELETE FROM mail WHERE seq = ?");
    this.#deleteTimer = db.prepare("DELETE FROM mail WHERE agent = ? AND timer = ?");
    this.#change = db.prepare("UPDATE mail SET due = ?, parked = ?, attempts = ?, marked = ? WHERE seq = ?");
    this.#of = db.prepare(
      `SELECT ${COLUMNS} FROM mail WHERE agent = ?1 AND due IS NULL AND parked IS NULL
       UNION ALL SELECT ${COLUMNS} FROM mail WHERE agent = ?1 AND ${WAITING} AND (attempts > 0 OR parked IS NOT NULL) ORDER BY seq`,
    );
    this.#bySeq = db.prepare(`SELECT ${COLUMNS} FROM mail WHERE seq = ?`);
    this.#delayed = db.prepare(
      `SELECT ${COLUMNS} FROM mail WHERE agent = ? AND ${WAITING} AND due IS NOT NULL AND parked IS NULL ORDER BY due, seq`,
    );
    this.#due = db.prepare(`SELECT ${COLUMNS} FROM mail WHERE due <= ? ORDER BY due, seq LIMIT ?`);
    this.#nextDue = db.prepare("SELECT min(due) AS due FROM mail WHERE due IS NOT NULL");
    this.#ready = db.prepare("SELECT agent FROM mail WHERE due IS NULL AND parked IS NULL GROUP BY agent ORDER BY min(seq)");
    this.#parked = db.prepare(`SELECT ${COLUMNS} FROM mail WHERE parked IS NOT NULL AND json_extract(parked, '$.kind') = ? ORDER BY seq`);
    this.#last = db.prepare("SELECT max(seq) AS seq FROM mail");
  }

  /** Adds mail; a timer takes the place of the one of its name. */
  add(row: MailRow): void {
    if (row.timer !== undefined) this.#deleteTimer.run(row.agent, row.timer);
    this.#insert.run(
      row.seq,
      row.agent,
      row.priority,
      row.dueAt ?? null,
      row.parked ?? null,
      row.attempts,
      row.marked,
      row.timer ?? null,
      row.head,
      row.data,
    );
  }

  remove(seq: number): void {
    this.#delete.run(seq);
  }

  removeTimer(agent: number, timer: string): void {
    this.#deleteTimer.run(agent, timer);
  }

  change(change: MailChange): void {
    this.#change.run(change.dueAt, change.parked, change.attempts, change.marked, change.seq);
  }

  of(agent: number): readonly MailRow[] {
    return all<Stored>(this.#of, agent).map(toMail);
  }

  bySeq(seq: number): MailRow | undefined {
    const found = first<Stored>(this.#bySeq, seq);
    return found === undefined ? undefined : toMail(found);
  }

  delayed(agent: number): readonly MailRow[] {
    return all<Stored>(this.#delayed, agent).map(toMail);
  }

  due(now: number, limit: number): readonly MailRow[] {
    return all<Stored>(this.#due, now, limit).map(toMail);
  }

  nextDue(): number | undefined {
    return first<{ readonly due: number | null }>(this.#nextDue)?.due ?? undefined;
  }

  readyAgents(): readonly number[] {
    return all<{ readonly agent: number }>(this.#ready).map(({ agent }) => agent);
  }

  parked(kind: string): readonly MailRow[] {
    return all<Stored>(this.#parked, kind).map(toMail);
  }

  lastSeq(): number {
    return first<{ readonly seq: number | null }>(this.#last)?.seq ?? 0;
  }
}

function toMail(stored: Stored): MailRow {
  return {
    seq: stored.seq,
    agent: stored.agent,
    priority: stored.priority,
    dueAt: stored.due ?? undefined,
    parked: stored.parked ?? undefined,
    attempts: stored.attempts,
    marked: stored.marked,
    timer: stored.timer ?? undefined,
    head: stored.head,
    data: stored.data,
  };
}
