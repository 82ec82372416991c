import type { DatabaseSync } from "node:sqlite";
import {
  AosError,
  type AgentFilter,
  type AgentListing,
  type AgentRow,
  type Commit,
  type DeadRow,
  type DedupeChunk,
  type DedupeRow,
  type EffectRow,
  type JournalRow,
  type LedgerEntry,
  type LedgerRow,
  type MailRow,
  type Opened,
  type Orphans,
  type ReplyRow,
  type Retention,
  type Store,
  type StoreSize,
  type SubscriptionRow,
} from "../../kernel/index.ts";
import type { CensusRow } from "./tables/agents-table.ts";
import type { BackupManifest } from "./backup/manifest.ts";
import { type BackupOptions, writeBackup } from "./backup/writing.ts";
import { compact } from "./compaction.ts";
import { connect, type ConnectionOptions } from "./connection.ts";
import type { DeadFilter } from "./tables/dead-table.ts";
import type { EffectFilter } from "./tables/effects-table.ts";
import { IdleCheckpoint } from "./idle-checkpoint.ts";
import { findOrphans, inspect } from "./inspection.ts";
import { isDiskFault, isUnitFault, storeError, unitError } from "./faults.ts";
import { prepareSchema } from "./schema.ts";
import { isRisky, Tables } from "./tables/tables.ts";
import { measureSize, measureUsage } from "./usage.ts";

/** Something about the store that its owner should log. */
export type StoreNotice =
  | {
      readonly event: "migrated";
      readonly from: number;
      readonly to: number;
      readonly backup?: string | undefined;
    }
  | { readonly event: "reopened" }
  | { readonly event: "checkpoint-failed"; readonly error: AosError };

/** How a store is made. */
export interface SqliteStoreOptions extends ConnectionOptions {
  /** A connection that outlives the store: a simulated process that dies must not take a database in memory with it. */
  readonly lent?: DatabaseSync | undefined;
  readonly onNotice?: ((notice: StoreNotice) => void) | undefined;
}

/**
 * Everything durable in one SQLite database, owned by one process. Writes and hot reads answer at once and not with a
 * promise. A commit costs one sync of the write-ahead log.
 */
export class SqliteStore implements Store {
  readonly #options: SqliteStoreOptions;
  #db: DatabaseSync | undefined;
  #open: Tables | undefined;
  #idle: IdleCheckpoint | undefined;
  /** After an I/O error only a new connection can tell what the disk holds. */
  #isDoubtful = false;
  #isCopying = false;
  #inspecting: Promise<readonly string[]> | undefined;

  constructor(options: SqliteStoreOptions) {
    this.#options = options;
  }

  /** @throws AosError DATA_TOO_NEW, DISK_FULL, STORE_FAILED. */
  async open(): Promise<Opened> {
    if (this.#db !== undefined) throw new AosError("USAGE", "the store is open already");
    try {
      this.#connect();
      const { facts, journal, mail } = this.#tables;
      const clean = facts.get("clean");
      facts.put("clean", "0");
      const last = journal.last();
      return {
        wasClean: clean !== "0",
        lastAgentNo: this.#one("SELECT max(no) FROM agents"),
        lastJournalId: last.id,
        lastSeq: Math.max(facts.number("seq"), mail.lastSeq()),
        lastAt: Math.max(facts.number("lastAt"), last.at),
        dedupeUpTo: facts.number("dedupe.upTo"),
      };
    } catch (thrown) {
      this.#disconnect();
      throw storeError(thrown, "opening the data");
    }
  }

  async close(isOrderly = true): Promise<void> {
    const isDoubtful = this.#isDoubtful;
    this.#isDoubtful = false;
    if (this.#db === undefined) return;
    try {
      if (!isDoubtful) {
        this.#within((tables) => {
          if (isOrderly) tables.facts.put("clean", "1");
          tables.settle(true);
        });
        this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      }
    } catch (thrown) {
      throw storeError(thrown, "closing the data");
    } finally {
      this.#disconnect();
    }
  }

  commit(units: readonly Commit[]): readonly (AosError | undefined)[] {
    try {
      if (this.#isDoubtful) this.#reconnect();
      try {
        return this.#transact(units, false);
      } catch (thrown) {
        if (!isUnitFault(thrown) || units.length === 0) throw thrown;
        return this.#transact(units, true);
      }
    } catch (thrown) {
      if (isDiskFault(thrown)) this.#isDoubtful = true;
      throw storeError(thrown, "committing");
    }
  }

  /** Lets the file have this many pages of 4,096 bytes from now on, until the store is connected anew. */
  limitPages(count: number): void {
    this.#database.exec(`PRAGMA max_page_count = ${Math.trunc(count)}`);
  }

  agent(address: string): AgentRow | undefined {
    return this.#read(({ agents }) => agents.byAddress(address));
  }

  agentByNo(no: number): AgentRow | undefined {
    return this.#read(({ agents }) => agents.byNo(no));
  }

  async agents(filter: AgentFilter): Promise<readonly AgentListing[]> {
    return this.#read(({ agents }) => agents.list(filter));
  }

  async census(): Promise<readonly CensusRow[]> {
    return this.#read(({ agents }) => agents.census());
  }

  mail(agent: number): readonly MailRow[] {
    return this.#read(({ mail }) => mail.of(agent));
  }

  mailBySeq(seq: number): MailRow | undefined {
    return this.#read(({ mail }) => mail.bySeq(seq));
  }

  delayed(agent: number): readonly MailRow[] {
    return this.#read(({ mail }) => mail.delayed(agent));
  }

  due(now: number, limit: number): readonly MailRow[] {
    return this.#read(({ mail }) => mail.due(now, limit));
  }

  nextDue(): number | undefined {
    return this.#read(({ mail }) => mail.nextDue());
  }

  async readyAgents(): Promise<readonly number[]> {
    return this.#read(({ mail }) => mail.readyAgents());
  }

  async parked(kind: string): Promise<readonly MailRow[]> {
    return this.#read(({ mail }) => mail.parked(kind));
  }

  effects(envelope: string): readonly EffectRow[] {
    return this.#read(({ effects }) => effects.of(envelope));
  }

  async effect(id: string): Promise<EffectRow | undefined> {
    return this.#read(({ effects }) => effects.get(id));
  }

  async listEffects(filter: EffectFilter): Promise<readonly EffectRow[]> {
    return this.#read(({ effects }) => effects.list(filter));
  }

  async dead(id: string): Promise<DeadRow | undefined> {
    return this.#read(({ dead }) => dead.get(id));
  }

  async listDead(filter: DeadFilter): Promise<readonly DeadRow[]> {
    return this.#read(({ dead }) => dead.list(filter));
  }

  dedupe(hash: string): DedupeRow | undefined {
    return this.#read(({ dedupe }) => dedupe.get(hash));
  }

  dedupeChunks(agent: number): readonly DedupeChunk[] {
    return this.#read(({ chunks }) => chunks.of(agent));
  }

  lastDedupeChunk(agent: number): DedupeChunk | undefined {
    return this.#read(({ chunks }) => chunks.last(agent));
  }

  reply(id: string): ReplyRow | undefined {
    return this.#read(({ replies }) => replies.get(id));
  }

  patterns(tenant: string): readonly string[] {
    return this.#read(({ subscriptions }) => subscriptions.patterns(tenant));
  }

  subscribers(tenant: string, pattern: string): readonly SubscriptionRow[] {
    return this.#read(({ subscriptions }) => subscriptions.subscribers(tenant, pattern));
  }

  async journal(agent: number, after: number, limit: number): Promise<readonly JournalRow[]> {
    return this.#read(({ agents, journal }) => journal.of(agents.head(agent), after, limit));
  }

  async journalAfter(id: number, limit: number): Promise<readonly JournalRow[]> {
    return this.#read(({ journal }) => journal.after(id, limit));
  }

  journalById(id: number): JournalRow | undefined {
    return this.#read(({ journal }) => journal.byId(id));
  }

  async journalWith(text: string, limit: number): Promise<readonly JournalRow[]> {
    return this.#read(({ journal }) => journal.containing(text, limit));
  }

  async fact(name: string): Promise<string | undefined> {
    return this.#read(({ facts }) => facts.get(name));
  }

  async ledgerGet(cls: string, key: string): Promise<LedgerEntry | undefined> {
    return this.#read(({ ledger }) => ledger.get(cls, key));
  }

  async ledgerList(cls: string, after: string | undefined, limit: number): Promise<readonly LedgerEntry[]> {
    return this.#read(({ ledger }) => ledger.list(cls, after, limit));
  }

  async ledgerSum(cls: string, key: string): Promise<number> {
    return this.#read(({ ledger }) => ledger.sum(cls, key));
  }

  async ledgerRows(cls: string, after: number, limit: number): Promise<readonly LedgerRow[]> {
    return this.#read(({ ledger }) => ledger.rows(cls, after, limit));
  }

  async prune(retention: Retention, limit: number): Promise<boolean> {
    try {
      if (this.#isDoubtful) this.#reconnect();
      const isMore = this.#within(({ agents, journal, replies, dedupe, chunks, ledger }) => {
        const moreReplies = replies.prune(retention.repliesBefore, limit) === limit;
        dedupe.prune(retention.dedupeBefore);
        const moreTrimmed = journal.trim(retention, limit, agents.late);
        const moreChunks = chunks.prune(retention.dedupeBefore, limit);
        const { sums } = retention;
        const moreSums = sums !== undefined && ledger.pruneSums(sums.class, sums.keysBefore, limit) === limit;
        return moreTrimmed || moreReplies || moreChunks || moreSums;
      });
      return isMore || compact(this.#database);
    } catch (thrown) {
      if (isDiskFault(thrown)) this.#isDoubtful = true;
      throw storeError(thrown, "pruning");
    }
  }

  inspect(): Promise<readonly string[]> {
    // Whoever asks meanwhile gets the same answer: there is one copy to look at.
    this.#inspecting ??= this.#inspect().finally(() => {
      this.#inspecting = undefined;
    });
    return this.#inspecting;
  }

  async #inspect(): Promise<readonly string[]> {
    try {
      const db = this.#database;
      const faults = await inspect(db, this.#options.path);
      // Closing a database ends its copies as if they were whole.
      if (this.#db !== db) throw new AosError("SHUTTING_DOWN", "the store was closed while it was checked");
      return faults;
    } catch (thrown) {
      throw storeError(thrown, "checking the database");
    }
  }

  async orphans(limit: number): Promise<Orphans> {
    return this.#read(() => findOrphans(this.#database, limit));
  }

  size(): StoreSize {
    return this.#read(() => measureSize(this.#database, this.#options.path));
  }

  async usage(): Promise<Readonly<Record<string, number>>> {
    return this.#read(() => measureUsage(this.#database, this.#options.path));
  }

  /**
   * Writes a copy to a file while turns go on; see `writeBackup`. One at a time.
   * @throws AosError BACKUP_RUNNING, FILE_EXISTS, USAGE, DISK_FULL, STORE_FAILED, SHUTTING_DOWN.
   */
  async backup(file: string, options: BackupOptions, about: { readonly version: string; readonly at: string }): Promise<BackupManifest> {
    const db = this.#database;
    if (this.#isCopying) throw new AosError("BACKUP_RUNNING", "another backup of this system is being taken; wait until it has ended");
    this.#isCopying = true;
    try {
      return await writeBackup(db, file, options, { ...about, isCurrent: () => this.#db === db });
    } finally {
      this.#isCopying = false;
    }
  }

  get #database(): DatabaseSync {
    if (this.#db === undefined) throw new AosError("CLOSED", "the store is closed");
    return this.#db;
  }

  get #tables(): Tables {
    if (this.#open === undefined) throw new AosError("CLOSED", "the store is closed");
    return this.#open;
  }

  #read<T>(look: (tables: Tables) => T): T {
    try {
      // What was not rolled back would be read as if it were stored.
      if (this.#isDoubtful && this.#db?.isTransaction !== false) this.#reconnect();
      return look(this.#tables);
    } catch (thrown) {
      throw storeError(thrown, "reading");
    }
  }

  /** Where a unit fails, all of it is rolled back, and the same units are tried again with a savepoint for each. */
  #transact(units: readonly Commit[], isCareful: boolean): readonly (AosError | undefined)[] {
    return this.#within((tables) => {
      const outcomes: (AosError | undefined)[] = [];
      for (const unit of units) {
        if (isCareful || isRisky(unit)) outcomes.push(this.#guarded(tables, unit));
        else {
          tables.apply(unit);
          outcomes.push(undefined);
        }
      }
      return outcomes;
    });
  }

  #guarded(tables: Tables, unit: Commit): AosError | undefined {
    tables.save.run();
    const point = tables.agents.late.point;
    try {
      tables.apply(unit);
    } catch (thrown) {
      if (!isUnitFault(thrown)) throw thrown;
      tables.undo.run();
      tables.release.run();
      tables.dedupe.reload();
      tables.agents.late.undoTo(point);
      return unitError(thrown);
    }
    tables.release.run();
    return undefined;
  }

  #within<T>(work: (tables: Tables) => T): T {
    const tables = this.#tables;
    tables.begin.run();
    try {
      const answer = work(tables);
      tables.settle();
      tables.commit.run();
      tables.agents.late.committed();
      this.#idle?.written();
      return answer;
    } catch (thrown) {
      this.#rollBack(tables);
      throw thrown;
    }
  }

  /** Where rolling back fails too, only a new connection knows what is stored. */
  #rollBack(tables: Tables): void {
    try {
      // SQLite has rolled back by itself after some errors.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      tables.dedupe.reload();
      tables.agents.late.undoTo(0);
    } catch {
      this.#isDoubtful = true;
    }
  }

  #connect(): void {
    this.#db = this.#options.lent ?? connect(this.#options);
    const prepared = prepareSchema(this.#db, this.#options.path);
    if (prepared.from > 0 && prepared.from < prepared.to) this.#options.onNotice?.({ event: "migrated", ...prepared });
    this.#open = new Tables(this.#db);
    this.#isDoubtful = false;
    if (this.#options.path !== ":memory:")
      this.#idle = new IdleCheckpoint(this.#db, this.#options.path, (thrown) => this.#checkpointFailed(thrown));
  }

  #checkpointFailed(thrown: unknown): void {
    if (isDiskFault(thrown)) this.#isDoubtful = true;
    this.#options.onNotice?.({
      event: "checkpoint-failed",
      error: storeError(thrown, "copying the log into the database"),
    });
  }

  #disconnect(): void {
    const db = this.#db;
    this.#idle?.stop();
    this.#idle = undefined;
    this.#db = undefined;
    this.#open = undefined;
    if (db?.isOpen === true && db !== this.#options.lent) db.close();
  }

  #reconnect(): void {
    if (this.#options.path === ":memory:") return;
    this.#disconnect();
    try {
      this.#connect();
    } catch (thrown) {
      this.#disconnect();
      throw thrown;
    }
    this.#options.onNotice?.({ event: "reopened" });
  }

  #one(sql: string): number {
    return Number(Object.values(this.#database.prepare(sql).get() ?? {})[0] ?? 0);
  }
}
