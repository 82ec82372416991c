import { randomUUID } from "node:crypto";
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
import { Connection } from "./connection.ts";
import { Gate } from "./gate.ts";
import { loadDriver, type MakeClient } from "./driver.ts";
import { isConnectionFault, isUnitFault, storeError, unitError } from "./faults.ts";
import { enterOwner, takeLock } from "./ownership.ts";
import * as agents from "./reads/agent-reads.ts";
import * as journal from "./reads/journal-reads.ts";
import * as ledger from "./reads/ledger-reads.ts";
import * as mail from "./reads/mail-reads.ts";
import * as records from "./reads/record-reads.ts";
import * as upkeep from "./reads/upkeep-reads.ts";
import { prune } from "./retention.ts";
import { prepareSchema } from "./schema.ts";
import { checkServer, demandSync } from "./server-check.ts";
import { explain, send, writesOf } from "./writes/apply.ts";
import { groupsOf, isRisky } from "./writes/group.ts";
import { Writer } from "./writer.ts";

/** How a store is made. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`, with the parameters of libpq, such as `sslmode`. */
  readonly url: string;
  /** After so long the server gives a statement up; 30 s unless told otherwise. */
  readonly statementTimeoutMs?: number | undefined;
  /** How long a commit waits for a server that cannot be reached before it fails; 5 s unless told otherwise. */
  readonly reconnectMs?: number | undefined;
  /** How long opening waits for the lock of an owner that died; 2 s unless told otherwise. */
  readonly lockWaitMs?: number | undefined;
}

const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 5_000;
const LOCK_WAIT_MS = 2_000;
/** From so many dropped rows on a table's room is given back. */
const VACUUM_ROWS = 100;

/**
 * Everything durable in one schema of a PostgreSQL database, owned by one process. A batch of units is one transaction with a
 * statement for each table, over a connection of its own; reads go over another one.
 */
export class PostgresStore implements Store {
  readonly #options: PostgresStoreOptions;
  readonly #incarnation = randomUUID();
  readonly #gate = new Gate();
  readonly #dropped = new Map<string, number>();
  #make: MakeClient | undefined;
  #writer: Writer | undefined;
  #reader: Promise<Connection> | undefined;
  #lastTrimmed = 0;

  constructor(options: PostgresStoreOptions) {
    this.#options = options;
  }

  /** @throws AosError CONFIG_INVALID, DATA_LOCKED, DATA_TOO_NEW, STORE_FAILED. */
  async open(): Promise<Opened> {
    if (this.#writer !== undefined) throw new AosError("USAGE", "the store is open already");
    this.#make = await loadDriver();
    let connection: Connection | undefined;
    try {
      connection = await this.#connect();
      await checkServer(connection);
      await takeLock(connection, this.#options.lockWaitMs ?? LOCK_WAIT_MS);
      await prepareSchema(connection);
      await enterOwner(connection, this.#incarnation);
      const opened = await beginIncarnation(connection);
      const { lockWaitMs = LOCK_WAIT_MS, reconnectMs = RECONNECT_MS } = this.#options;
      const settings = { connect: async () => this.#connect(), incarnation: this.#incarnation, reconnectMs, lockWaitMs };
      this.#writer = new Writer(settings, connection);
      return opened;
    } catch (thrown) {
      await connection?.close();
      throw storeError(thrown, "opening the data");
    }
  }

  async close(isOrderly = true): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    const reader = this.#reader;
    this.#reader = undefined;
    try {
      if (isOrderly) await writer.transact(async (db) => db.run({ text: "UPDATE facts SET value = '1' WHERE name = 'clean'" }));
    } catch (thrown) {
      throw storeError(thrown, "closing the data");
    } finally {
      await writer.close();
      await (await reader?.catch(() => undefined))?.close();
    }
  }

  async commit(units: readonly Commit[]): Promise<readonly (AosError | undefined)[]> {
    const writer = this.#opened;
    if (units.length === 0) return [];
    try {
      return await this.#gate.commit(async () =>
        writer
          .transact(async (db) => writeGroups(db, units))
          .catch(async (thrown: unknown) => {
            if (!isUnitFault(thrown)) throw thrown;
            return writer.transact(async (db) => writeSingly(db, units));
          }),
      );
    } catch (thrown) {
      throw storeError(thrown, "committing");
    }
  }

  async agent(address: string): Promise<AgentRow | undefined> {
    return this.#between(async (db) => agents.agentByAddress(db, address));
  }

  async agentByNo(no: number): Promise<AgentRow | undefined> {
    return this.#between(async (db) => agents.agentByNo(db, no));
  }

  async agents(filter: AgentFilter): Promise<readonly AgentListing[]> {
    return this.#read(async (db) => agents.listAgents(db, filter));
  }

  async census(): Promise<readonly agents.CensusRow[]> {
    return this.#read(agents.census);
  }

  async mail(agent: number): Promise<readonly MailRow[]> {
    return this.#between(async (db) => mail.readMail(db, "ofAgent", agent));
  }

  async mailBySeq(seq: number): Promise<MailRow | undefined> {
    return this.#between(async (db) => (await mail.readMail(db, "bySeq", seq))[0]);
  }

  async delayed(agent: number): Promise<readonly MailRow[]> {
    return this.#between(async (db) => mail.readMail(db, "delayed", agent));
  }

  async due(now: number, limit: number): Promise<readonly MailRow[]> {
    return this.#between(async (db) => mail.readMail(db, "due", now, limit));
  }

  async nextDue(): Promise<number | undefined> {
    return this.#between(mail.nextDue);
  }

  async readyAgents(): Promise<readonly number[]> {
    return this.#between(mail.readyAgents);
  }

  async parked(kind: string): Promise<readonly MailRow[]> {
    return this.#between(async (db) => mail.readMail(db, "parked", kind));
  }

  async effects(envelope: string): Promise<readonly EffectRow[]> {
    return this.#between(async (db) => records.effectsOf(db, envelope));
  }

  async effect(id: string): Promise<EffectRow | undefined> {
    return this.#read(async (db) => records.effectById(db, id));
  }

  async listEffects(filter: records.EffectFilter): Promise<readonly EffectRow[]> {
    return this.#read(async (db) => records.listEffects(db, filter));
  }

  async dead(id: string): Promise<DeadRow | undefined> {
    return this.#read(async (db) => records.deadById(db, id));
  }

  async listDead(filter: records.DeadFilter): Promise<readonly DeadRow[]> {
    return this.#read(async (db) => records.listDead(db, filter));
  }

  async dedupe(hash: string): Promise<DedupeRow | undefined> {
    return this.#between(async (db) => records.dedupeRow(db, hash));
  }

  async dedupeChunks(agent: number): Promise<readonly DedupeChunk[]> {
    return this.#between(async (db) => records.dedupeChunks(db, agent));
  }

  async lastDedupeChunk(agent: number): Promise<DedupeChunk | undefined> {
    return this.#between(async (db) => records.lastDedupeChunk(db, agent));
  }

  async reply(id: string): Promise<ReplyRow | undefined> {
    return this.#between(async (db) => records.replyById(db, id));
  }

  async patterns(tenant: string): Promise<readonly string[]> {
    return this.#between(async (db) => records.patterns(db, tenant));
  }

  async subscribers(tenant: string, pattern: string): Promise<readonly SubscriptionRow[]> {
    return this.#between(async (db) => records.subscribers(db, tenant, pattern));
  }

  async journal(agent: number, after: number, limit: number): Promise<readonly JournalRow[]> {
    return this.#read(async (db) => journal.journalOf(db, agent, after, limit));
  }

  async journalById(id: number): Promise<JournalRow | undefined> {
    return this.#between(async (db) => journal.journalById(db, id));
  }

  async journalAfter(id: number, limit: number): Promise<readonly JournalRow[]> {
    return this.#read(async (db) => journal.journalAfter(db, id, limit));
  }

  async journalWith(text: string, limit: number): Promise<readonly JournalRow[]> {
    return this.#read(async (db) => journal.journalWith(db, text, limit));
  }

  async fact(name: string): Promise<string | undefined> {
    return this.#read(async (db) => records.fact(db, name));
  }

  async ledgerGet(cls: string, key: string): Promise<LedgerEntry | undefined> {
    return this.#read(async (db) => ledger.ledgerGet(db, cls, key));
  }

  async ledgerList(cls: string, after: string | undefined, limit: number): Promise<readonly LedgerEntry[]> {
    return this.#read(async (db) => ledger.ledgerList(db, cls, after, limit));
  }

  async ledgerSum(cls: string, key: string): Promise<number> {
    return this.#read(async (db) => ledger.ledgerSum(db, cls, key));
  }

  async ledgerRows(cls: string, after: number, limit: number): Promise<readonly LedgerRow[]> {
    return this.#read(async (db) => ledger.ledgerRows(db, cls, after, limit));
  }

  async prune(retention: Retention, limit: number): Promise<boolean> {
    try {
      const { isMore, dropped, lastAgent } = await this.#opened.transact(async (db) => prune(db, retention, limit, this.#lastTrimmed));
      this.#lastTrimmed = lastAgent;
      for (const [table, count] of Object.entries(dropped)) this.#dropped.set(table, (this.#dropped.get(table) ?? 0) + count);
      if (!isMore) await this.#vacuum();
      return isMore;
    } catch (thrown) {
      throw storeError(thrown, "pruning");
    }
  }

  async inspect(): Promise<readonly string[]> {
    return this.#read(upkeep.inspect);
  }

  async orphans(limit: number): Promise<Orphans> {
    return this.#read(async (db) => upkeep.orphans(db, limit));
  }

  async size(): Promise<StoreSize> {
    return this.#read(upkeep.size);
  }

  async usage(): Promise<Readonly<Record<string, number>>> {
    return this.#read(upkeep.usage);
  }

  get #opened(): Writer {
    if (this.#writer === undefined) throw new AosError("CLOSED", "the store is closed");
    return this.#writer;
  }

  async #connect(statementTimeoutMs = this.#options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS): Promise<Connection> {
    if (this.#make === undefined) throw new AosError("CLOSED", "the store is closed");
    const settings = { url: this.#options.url, name: "aos", statementTimeoutMs, connectTimeoutMs: CONNECT_TIMEOUT_MS };
    const connection = await Connection.open(this.#make, settings);
    await demandSync(connection);
    return connection;
  }

  /** Reads what turns are decided by, so that no commit comes in between. */
  async #between<T>(look: (db: Connection) => Promise<T>): Promise<T> {
    return this.#gate.read(async () => this.#read(look));
  }

  /** A read that lost its connection is done again over a new one. */
  async #read<T>(look: (db: Connection) => Promise<T>): Promise<T> {
    try {
      try {
        return await look(await this.#readable());
      } catch (thrown) {
        if (!isConnectionFault(thrown)) throw thrown;
        return await look(await this.#readable());
      }
    } catch (thrown) {
      throw storeError(thrown, "reading");
    }
  }

  async #readable(): Promise<Connection> {
    if (this.#writer === undefined) throw new AosError("CLOSED", "the store is closed");
    const known = this.#reader;
    const reader = await known?.catch(() => undefined);
    if (reader?.isLost === false) return reader;
    // Whoever finds it lost at the same time shares the new one.
    if (this.#reader === known) this.#reader = this.#connect();
    return this.#reader ?? this.#connect();
  }

  /** Over a connection of its own: turns go on meanwhile. */
  async #vacuum(): Promise<void> {
    const tables = [...this.#dropped].filter(([, count]) => count >= VACUUM_ROWS).map(([table]) => table);
    if (tables.length === 0) return;
    for (const table of tables) this.#dropped.delete(table);
    const connection = await this.#connect(0);
    try {
      await connection.run({ text: `VACUUM ${tables.join(", ")}` });
    } finally {
      await connection.close();
    }
  }
}

/** Marks that an owner is at work, and tells what the one before left. */
async function beginIncarnation(db: Connection): Promise<Opened> {
  const facts = new Map(
    (
      await db.all<{ readonly name: string; readonly value: string }>(
        "SELECT name, value FROM facts WHERE name IN ('clean', 'seq', 'lastAt', 'dedupe.upTo')",
      )
    ).map(({ name, value }) => [name, value]),
  );
  const number = (name: string): number => {
    const value = Number(facts.get(name) ?? 0);
    return Number.isFinite(value) ? value : 0;
  };
  await db.run({ text: "INSERT INTO facts (name, value) VALUES ('clean', '0') ON CONFLICT (name) DO UPDATE SET value = '0'" });
  const [last] = await db.all<Record<"no" | "id" | "at" | "seq", number>>(
    `SELECT (SELECT coalesce(max(no), 0) FROM agents) AS no, (SELECT coalesce(max(id), 0) FROM journal) AS id,
     coalesce((SELECT at FROM journal ORDER BY id DESC LIMIT 1), 0) AS at, (SELECT coalesce(max(seq), 0) FROM mail) AS seq`,
  );
  return {
    wasClean: facts.get("clean") !== "0",
    lastAgentNo: last?.no ?? 0,
    lastJournalId: last?.id ?? 0,
    lastSeq: Math.max(number("seq"), last?.seq ?? 0),
    lastAt: Math.max(number("lastAt"), last?.at ?? 0),
    dedupeUpTo: number("dedupe.upTo"),
  };
}

/** Group by group; only what is likely to be refused gets a savepoint. */
async function writeGroups(db: Connection, units: readonly Commit[]): Promise<readonly (AosError | undefined)[]> {
  const outcomes: (AosError | undefined)[] = units.map(() => undefined);
  for (const group of groupsOf(units)) {
    const members = group.flatMap((at) => units[at] ?? []);
    const [first] = members;
    if (members.length === 1 && first !== undefined && isRisky(first)) outcomes[group[0] ?? 0] = await writeGuarded(db, first);
    else await send(db, writesOf(members));
  }
  return outcomes;
}

/** One by one, each with a savepoint, after one of them was refused. */
async function writeSingly(db: Connection, units: readonly Commit[]): Promise<readonly (AosError | undefined)[]> {
  const outcomes: (AosError | undefined)[] = [];
  for (const unit of units) outcomes.push(await writeGuarded(db, unit));
  return outcomes;
}

async function writeGuarded(db: Connection, unit: Commit): Promise<AosError | undefined> {
  await db.run({ text: "SAVEPOINT unit" });
  try {
    await send(db, writesOf([unit]));
  } catch (thrown) {
    if (!isUnitFault(thrown)) throw thrown;
    await db.run({ text: "ROLLBACK TO unit" });
    await db.run({ text: "RELEASE unit" });
    return unitError(await explain(db, unit, thrown));
  }
  await db.run({ text: "RELEASE unit" });
  return undefined;
}
