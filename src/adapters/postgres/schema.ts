import { AosError } from "../../kernel/index.ts";
import type { Connection } from "./connection.ts";

/** Statements that take the schema from the version of their place (counted from 1) to the next one. */
export type Migration = string;

const MIGRATIONS: readonly Migration[] = [];

/**
 * Every text sorts by its bytes. A turn updates one row of `agents` in place, where its page has room, and appends one
 * to `journal`; neither touches an index with scattered keys.
 */
const SCHEMA = `
CREATE TABLE agents (
  no bigint PRIMARY KEY, address text COLLATE "C" NOT NULL, status smallint NOT NULL, turn bigint NOT NULL, head bigint NOT NULL,
  epoch bigint NOT NULL, state_version bigint NOT NULL, created_at bigint NOT NULL, last_at bigint NOT NULL,
  meta text, state text NOT NULL) WITH (fillfactor = 70);
CREATE UNIQUE INDEX agents_address ON agents (address);
CREATE INDEX agents_status ON agents (status, address) WHERE status <> 0;

CREATE TABLE journal (
  id bigint PRIMARY KEY, prev bigint NOT NULL, agent bigint NOT NULL, turn bigint NOT NULL, at bigint NOT NULL,
  body text NOT NULL, delta text);

CREATE TABLE mail (
  seq bigint PRIMARY KEY, agent bigint NOT NULL, priority bigint NOT NULL, due bigint, parked text, attempts bigint NOT NULL,
  marked bigint NOT NULL, timer text COLLATE "C", head text NOT NULL, data text NOT NULL);
CREATE INDEX mail_agent ON mail (agent);
CREATE INDEX mail_due ON mail (due, seq) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX mail_timer ON mail (agent, timer) WHERE timer IS NOT NULL;
CREATE INDEX mail_parked ON mail ((parked::json ->> 'kind')) WHERE parked IS NOT NULL;

CREATE TABLE effects (
  id text COLLATE "C" PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, agent bigint NOT NULL, envelope text COLLATE "C" NOT NULL,
  name text NOT NULL, state text NOT NULL, key text NOT NULL, attempts bigint NOT NULL, at bigint NOT NULL, input text NOT NULL,
  outcome text);
CREATE INDEX effects_envelope ON effects (envelope);
CREATE INDEX effects_doubt ON effects (n) WHERE state = 'in-doubt';

CREATE TABLE dead (
  id text COLLATE "C" PRIMARY KEY, agent bigint NOT NULL, at bigint NOT NULL, reason text NOT NULL, attempts bigint NOT NULL,
  head text NOT NULL, data text NOT NULL, error text NOT NULL);
CREATE TABLE replies (id text COLLATE "C" PRIMARY KEY, at bigint NOT NULL, body text NOT NULL);
CREATE INDEX replies_at ON replies (at);
CREATE TABLE subs (
  tenant text COLLATE "C" NOT NULL, pattern text COLLATE "C" NOT NULL, agent bigint NOT NULL, event text COLLATE "C" NOT NULL,
  filter text, PRIMARY KEY (tenant, pattern, agent, event));
CREATE INDEX subs_agent ON subs (agent);

CREATE TABLE dedupe (
  hash text COLLATE "C" PRIMARY KEY, id text NOT NULL, seq bigint NOT NULL, digest bigint NOT NULL, at bigint NOT NULL);
CREATE INDEX dedupe_at ON dedupe (at);
CREATE TABLE dedupe_chunks (
  agent bigint NOT NULL, chunk bigint NOT NULL, at bigint NOT NULL, keys bytea NOT NULL, PRIMARY KEY (agent, chunk));
CREATE INDEX dedupe_chunks_at ON dedupe_chunks (at);

CREATE TABLE ledger_entries (class bytea NOT NULL, key bytea NOT NULL, version bigint NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (class, key));
CREATE TABLE ledger_sums (class bytea NOT NULL, key bytea NOT NULL, value float8 NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
  PRIMARY KEY (class, key));
CREATE TABLE ledger_rows (class bytea NOT NULL, idx bigint NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (class, idx));
CREATE TABLE facts (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);
CREATE TABLE owners (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, incarnation text UNIQUE NOT NULL, token text NOT NULL);
CREATE TABLE aos_schema (one boolean PRIMARY KEY CHECK (one), version bigint NOT NULL);
`;

/**
 * Creates the schema in the connection's current one, or brings an older one up to date; in one transaction.
 * @throws AosError DATA_TOO_NEW where a newer AOS wrote the data.
 */
export async function prepareSchema(connection: Connection, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  const to = migrations.length + 1;
  const from = await storedVersion(connection);
  if (from > to) {
    throw new AosError(
      "DATA_TOO_NEW",
      `the data has schema version ${from}, and this AOS knows versions up to ${to}: start the newer AOS, or restore a backup`,
      { details: { found: from, supported: to } },
    );
  }
  if (from === to) return;
  const steps = [...(from === 0 ? [SCHEMA] : []), ...migrations.slice(Math.max(from, 1) - 1)];
  // Several statements in one text without values are one transaction.
  await connection
    .run({
      text: `BEGIN; ${steps.join(";\n")};
      INSERT INTO aos_schema VALUES (true, ${to}) ON CONFLICT (one) DO UPDATE SET version = excluded.version; COMMIT`,
    })
    .catch(async (thrown: unknown) => {
      await connection.run({ text: "ROLLBACK" });
      throw thrown;
    });
}

async function storedVersion(connection: Connection): Promise<number> {
  const found = await connection.run({
    text: "SELECT to_regclass(quote_ident(current_schema()) || '.aos_schema') IS NOT NULL AS is_there",
  });
  if (found.rows[0]?.["is_there"] !== true) return 0;
  const { rows } = await connection.run({ text: "SELECT version FROM aos_schema" });
  return Number(rows[0]?.["version"] ?? 0);
}
