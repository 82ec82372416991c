/** One owner at a time, and no commit lost, doubled or acknowledged wrongly when connections end. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { PostgresStore } from "../../src/adapters/postgres/index.ts";
import type { Commit } from "../../src/kernel/index.ts";
import { testDatabase, type TestDatabase } from "../support/postgres-server.ts";
import { tcpProxy } from "./tcp-proxy.ts";

const append = (text: string): Commit => ({ ledger: [{ op: "append", class: "log", bytes: Buffer.from(text) }] });

async function databaseOf(t: TestContext): Promise<TestDatabase> {
  const database = await testDatabase();
  t.after(async () => database.drop());
  return database;
}

async function opened(t: TestContext, url: string, change: { readonly reconnectMs?: number } = {}): Promise<PostgresStore> {
  const store = new PostgresStore({ url, lockWaitMs: 300, ...change });
  await store.open();
  t.after(async () => store.close(false).catch(() => undefined));
  return store;
}

const log = async (store: PostgresStore): Promise<readonly string[]> =>
  (await store.ledgerRows("log", 0, 100)).map(({ bytes }) => Buffer.from(bytes).toString());

const endWriters = async (database: TestDatabase): Promise<unknown> =>
  database.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'aos'`,
  );

test("a second owner is refused while the first lives, and may follow it", async (t) => {
  const { url } = await databaseOf(t);
  const first = await opened(t, url);
  await assert.rejects(new PostgresStore({ url, lockWaitMs: 0 }).open(), { code: "DATA_LOCKED" });
  await first.commit([append("a")]);
  await first.close();
  const second = await opened(t, url);
  assert.deepEqual(await log(second), ["a"]);
});

test("an owner that did not close in order is told of", async (t) => {
  const { url } = await databaseOf(t);
  await (await opened(t, url)).close(false);
  const store = new PostgresStore({ url });
  assert.equal((await store.open()).wasClean, false);
  await store.close();
});

test("a commit and a read whose connections were ended go on over new ones", async (t) => {
  const database = await databaseOf(t);
  const store = await opened(t, database.url);
  await store.commit([append("a")]);
  assert.deepEqual(await log(store), ["a"]);
  await endWriters(database);
  assert.deepEqual(await store.commit([append("b")]), [undefined]);
  assert.deepEqual(await log(store), ["a", "b"]);
});

test("an owner that lost its connection and was followed cannot commit any more", async (t) => {
  const database = await databaseOf(t);
  const zombie = await opened(t, database.url);
  await zombie.commit([append("old")]);
  await endWriters(database);
  const next = await opened(t, database.url);
  await assert.rejects(async () => zombie.commit([append("late")]), { code: "DATA_LOCKED" });
  await next.close();
  await assert.rejects(async () => zombie.commit([append("later")]), { code: "DATA_LOCKED" });
  const last = await opened(t, database.url);
  assert.deepEqual(await log(last), ["old"]);
});

test("whether a commit stands whose answer was lost is told by its token", async (t) => {
  const { url } = await databaseOf(t);
  const proxy = await tcpProxy(url);
  t.after(async () => proxy.close());
  const store = await opened(t, proxy.url);
  for (const [at, fate] of (["cut-after", "cut-before", "cut-after", "cut-before"] as const).entries()) {
    let cuts = 0;
    proxy.onSent = (bytes) => {
      if (cuts > 0 || !bytes.includes("COMMIT\0")) return "pass";
      cuts++;
      return fate;
    };
    assert.deepEqual(await store.commit([append(String(at)), append(`${at}'`)]), [undefined, undefined]);
    assert.equal(cuts, 1);
  }
  assert.deepEqual(await log(store), ["0", "0'", "1", "1'", "2", "2'", "3", "3'"]);
});

test("a commit cut at any of its messages is there once", async (t) => {
  const { url } = await databaseOf(t);
  const proxy = await tcpProxy(url);
  t.after(async () => proxy.close());
  const store = await opened(t, proxy.url);
  const expected: string[] = [];
  for (let cutAt = 1; cutAt <= 12; cutAt++) {
    let left = cutAt;
    proxy.onSent = () => {
      left--;
      if (left !== 0) return "pass";
      return cutAt % 2 === 0 ? "cut-before" : "cut-after";
    };
    assert.deepEqual(await store.commit([append(`${cutAt}`)]), [undefined]);
    proxy.onSent = () => "pass";
    expected.push(`${cutAt}`);
    assert.deepEqual(await log(store), expected);
  }
});

test("a server that stays away fails commits and reads with a typed error, and nothing of them stands", async (t) => {
  const { url } = await databaseOf(t);
  const proxy = await tcpProxy(url);
  t.after(async () => proxy.close());
  const store = await opened(t, proxy.url, { reconnectMs: 300 });
  proxy.onSent = () => "cut-before";
  await assert.rejects(async () => store.commit([append("lost")]), { code: "STORE_FAILED", retryable: true });
  await assert.rejects(async () => store.agentByNo(1), { code: "STORE_FAILED" });
  proxy.onSent = () => "pass";
  await store.commit([append("kept")]);
  assert.deepEqual(await log(store), ["kept"]);
});
