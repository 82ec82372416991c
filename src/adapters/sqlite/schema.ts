import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { AosError } from "../../kernel/index.ts";
import { storeError } from "./faults.ts";

/** Takes the schema from the version of its place (counted from 1) to the next one. */
export type Migration = (db: DatabaseSync) => void;

const MIGRATIONS: readonly Migration[] = [];

/** The version of the schema that this AOS writes. */
export const SCHEMA_VERSION = MIGRATIONS.length + 1;

/**
 * The hot path updates one row of `agents` by its integer key and appends one row to `journal`; neither touches an
 * index, since every index with scattered keys costs as much as the state itself. Wide columns stand last, so that
 * reading the narrow ones stays on one page. Mail is in one of two partial indexes, never in both.
 */
const SCHEMA = `
CREATE TABLE agents (
  no INTEGER PRIMARY KEY, address TEXT NOT NULL, status INTEGER NOT NULL, turn INTEGER NOT NULL, head INTEGER NOT NULL,
  epoch INTEGER NOT NULL, state_version INTEGER NOT NULL, created_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
  meta TEXT, state TEXT NOT NULL);
CREATE UNIQUE INDEX agents_address ON agents (address);
CREATE INDEX agents_status ON agents (status, address) WHERE status <> 0;

CREATE TABLE journal (
  id INTEGER PRIMARY KEY, prev INTEGER NOT NULL, agent INTEGER NOT NULL, turn INTEGER NOT NULL, at INTEGER NOT NULL,
  body TEXT NOT NULL, delta TEXT);

CREATE TABLE mail (
  seq INTEGER PRIMARY KEY, agent INTEGER NOT NULL, priority INTEGER NOT NULL, due INTEGER, parked TEXT,
  attempts INTEGER NOT NULL, marked INTEGER NOT NULL, timer TEXT, head TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX mail_ready ON mail (agent) WHERE due IS NULL AND parked IS NULL;
CREATE INDEX mail_waiting ON mail (agent) WHERE due IS NOT NULL OR parked IS NOT NULL;
CREATE INDEX mail_due ON mail (due) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX mail_timer ON mail (agent, timer) WHERE timer IS NOT NULL;
CREATE INDEX mail_parked ON mail (json_extract(parked, '$.kind')) WHERE parked IS NOT NULL;

CREATE TABLE effects (
  id TEXT NOT NULL UNIQUE, agent INTEGER NOT NULL, envelope TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
  key TEXT NOT NULL, attempts INTEGER NOT NULL, at INTEGER NOT NULL, input TEXT NOT NULL, outcome TEXT);
CREATE INDEX effects_envelope ON effects (envelope);
CREATE INDEX effects_doubt ON effects (state) WHERE state = 'in-doubt';

CREATE TABLE dead (
  id TEXT NOT NULL UNIQUE, agent INTEGER NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
  head TEXT NOT NULL, data TEXT NOT NULL, error TEXT NOT NULL);
CREATE TABLE replies (id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE subs (
  tenant TEXT NOT NULL, pattern TEXT NOT NULL, agent INTEGER NOT NULL, event TEXT NOT NULL, filter TEXT,
  PRIMARY KEY (tenant, pattern, agent, event)) WITHOUT ROWID;
CREATE INDEX subs_agent ON subs (agent);

CREATE TABLE dedupe_a (
  hash BLOB PRIMARY KEY, id TEXT NOT NULL, seq INTEGER NOT NULL, digest INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE dedupe_b (
  hash BLOB PRIMARY KEY, id TEXT NOT NULL, seq INTEGER NOT NULL, digest INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE dedupe_chunks (agent INTEGER NOT NULL, chunk INTEGER NOT NULL, at INTEGER NOT NULL, keys BLOB NOT NULL);
CREATE UNIQUE INDEX dedupe_chunks_agent ON dedupe_chunks (agent, chunk);

CREATE TABLE ledger_entries (class BLOB NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL, bytes BLOB, UNIQUE (class, key));
CREATE TABLE ledger_sums (
  class BLOB NOT NULL, key BLOB NOT NULL, value REAL NOT NULL, PRIMARY KEY (class, key)) WITHOUT ROWID;
CREATE TABLE ledger_rows (
  class BLOB NOT NULL, idx INTEGER NOT NULL, bytes BLOB, PRIMARY KEY (class, idx)) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

/**
 * The version of a stored schema, without changing anything; 0 where there is none yet.
 * @throws AosError STORE_FAILED.
 */
export function peekSchema(path: string): number {
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      return Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
    } finally {
      db.close();
    }
  } catch (thrown) {
    throw storeError(thrown, "reading the schema's version");
  }
}

/** What preparing the schema found. */
export interface Prepared {
  /** The version before; 0 for a new database. */
  readonly from: number;
  readonly to: number;
  /** Where the data as it was before the migration stands. */
  readonly backup?: string | undefined;
}

/**
 * Creates the schema, or brings an older one up to date after a copy beside it; in one transaction.
 * @throws AosError DATA_TOO_NEW where a newer AOS wrote the data.
 */
export function prepareSchema(db: DatabaseSync, path: string, migrations: readonly Migration[] = MIGRATIONS): Prepared {
  const to = migrations.length + 1;
  const from = Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  if (from > to) {
    throw new AosError(
      "DATA_TOO_NEW",
      `the data has schema version ${from}, and this AOS knows versions up to ${to}: start the newer AOS, or restore a backup`,
      { details: { found: from, supported: to } },
    );
  }
  if (from === to) return { from, to };
  const backup = from > 0 && path !== ":memory:" ? `${path}.v${from}.bak` : undefined;
  if (backup !== undefined) copyAside(db, backup);
  db.exec("BEGIN IMMEDIATE");
  try {
    if (from === 0) db.exec(SCHEMA);
    for (const migrate of migrations.slice(Math.max(from, 1) - 1)) migrate(db);
    db.exec(`PRAGMA user_version = ${to}`);
    db.exec("COMMIT");
  } catch (thrown) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw thrown;
  }
  return { from, to, backup };
}

/** A backup that an earlier, interrupted migration left is of the same version, and complete or refused by SQLite. */
function copyAside(db: DatabaseSync, backup: string): void {
  rmSync(backup, { force: true });
  db.prepare("VACUUM INTO ?").run(backup);
}
