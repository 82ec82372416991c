import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Commit } from "../../../kernel/index.ts";
import { AgentsTable } from "./agents-table.ts";
import { ChunksTable } from "./chunks-table.ts";
import { DeadTable } from "./dead-table.ts";
import { DedupeTable } from "./dedupe-table.ts";
import { EffectsTable } from "./effects-table.ts";
import { FactsTable } from "./facts-table.ts";
import { JournalTable } from "./journal-table.ts";
import { isConditional, LedgerTables } from "./ledger-tables.ts";
import { MailTable } from "./mail-table.ts";
import { RepliesTable } from "./replies-table.ts";
import { SubscriptionsTable } from "./subscriptions-table.ts";

/** All tables of one connection, their statements prepared. */
export class Tables {
  readonly journal: JournalTable;
  readonly agents: AgentsTable;
  readonly mail: MailTable;
  readonly effects: EffectsTable;
  readonly dead: DeadTable;
  readonly replies: RepliesTable;
  readonly subscriptions: SubscriptionsTable;
  readonly facts: FactsTable;
  readonly dedupe: DedupeTable;
  readonly chunks: ChunksTable;
  readonly ledger: LedgerTables;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly save: StatementSync;
  readonly release: StatementSync;
  readonly undo: StatementSync;

  constructor(db: DatabaseSync) {
    this.journal = new JournalTable(db);
    this.mail = new MailTable(db);
    this.effects = new EffectsTable(db);
    this.dead = new DeadTable(db);
    this.replies = new RepliesTable(db);
    this.subscriptions = new SubscriptionsTable(db);
    this.facts = new FactsTable(db);
    this.agents = new AgentsTable(db, this.journal, this.facts.number(MARK));
    this.dedupe = new DedupeTable(db, this.facts);
    this.chunks = new ChunksTable(db);
    this.ledger = new LedgerTables(db);
    this.begin = db.prepare("BEGIN IMMEDIATE");
    this.commit = db.prepare("COMMIT");
    this.save = db.prepare("SAVEPOINT unit");
    this.release = db.prepare("RELEASE unit");
    this.undo = db.prepare("ROLLBACK TO unit");
  }

  /** Before a commit: writes agents' rows that are too far behind; all of them where `isLast`. */
  settle(isLast = false): void {
    const mark = this.agents.late.settle(isLast ? 0 : undefined);
    if (mark !== undefined) this.facts.put(MARK, String(mark));
  }

  /** Writes a unit inside of the open transaction; it may throw half-way. What leaves goes before what comes. */
  apply(unit: Commit): void {
    for (const agent of unit.create ?? NONE) this.agents.create(agent);
    if (unit.turn !== undefined) this.agents.turn(unit.turn);
    for (const { agent, timer } of unit.timersOut ?? NONE) this.mail.removeTimer(agent, timer);
    for (const row of unit.mailIn ?? NONE) this.mail.add(row);
    for (const seq of unit.mailOut ?? NONE) this.mail.remove(seq);
    for (const change of unit.mailSet ?? NONE) this.mail.change(change);
    for (const row of unit.effects ?? NONE) this.effects.put(row);
    for (const envelope of unit.effectsOut ?? NONE) this.effects.drop(envelope);
    for (const id of unit.deadOut ?? NONE) this.dead.drop(id);
    for (const row of unit.deadIn ?? NONE) this.dead.put(row);
    for (const row of unit.replies ?? NONE) this.replies.put(row);
    for (const op of unit.ledger ?? NONE) this.ledger.apply(op);
    for (const { agent, pattern } of unit.unsubscribe ?? NONE) this.subscriptions.drop(agent, pattern);
    for (const row of unit.subscribe ?? NONE) this.subscriptions.put(row);
    if (unit.dedupe !== undefined) {
      if (unit.dedupe.rows !== undefined) this.dedupe.put(unit.dedupe.rows);
      for (const chunk of unit.dedupe.chunks ?? NONE) this.chunks.put(chunk);
      if (unit.dedupe.upTo !== undefined) this.facts.put("dedupe.upTo", String(unit.dedupe.upTo));
    }
    if (unit.facts !== undefined) for (const [name, value] of Object.entries(unit.facts)) this.facts.put(name, value);
  }
}

const NONE: readonly never[] = [];
/** The fact that says up to which journal row the agents' rows are written. */
const MARK = "agents.upTo";

/** Whether a unit is likely enough to be refused that it gets a savepoint at once. */
export function isRisky(unit: Commit): boolean {
  return unit.ledger?.some(isConditional) === true;
}
