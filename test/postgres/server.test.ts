/** Which servers and schemas are taken, and what texts they hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PostgresStore } from "../../src/adapters/postgres/index.ts";
import { testDatabase } from "../support/postgres-server.ts";

test("data of a newer schema is refused and left as it is", async (t) => {
  const database = await testDatabase();
  t.after(async () => database.drop());
  const store = new PostgresStore({ url: database.url });
  await store.open();
  await store.close();
  await database.query("UPDATE aos_schema SET version = 99");
  await assert.rejects(new PostgresStore({ url: database.url }).open(), { code: "DATA_TOO_NEW" });
  assert.deepEqual(await database.query("SELECT value FROM facts WHERE name = 'clean'"), [{ value: "1" }]);
});

test("a database that cannot hold every text is refused", async (t) => {
  const database = await testDatabase("SQL_ASCII");
  t.after(async () => database.drop());
  await assert.rejects(new PostgresStore({ url: database.url }).open(), { code: "CONFIG_INVALID" });
});

test("a server that is not there, and a database that is not there, are typed errors without the password", async (t) => {
  const database = await testDatabase();
  t.after(async () => database.drop());
  for (const change of [{ port: "1" }, { pathname: "/nowhere" }, { username: "nobody", password: "hunter2" }]) {
    const url = new URL(database.url);
    Object.assign(url, change);
    const thrown: unknown = await new PostgresStore({ url: url.href }).open().then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.equal((thrown as { code?: string }).code, "STORE_FAILED", JSON.stringify(change));
    assert.ok(!(thrown as Error).message.includes(url.password));
  }
});

test("commits are synced also where the role is set to acknowledge them before", async (t) => {
  const database = await testDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await database.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  const store = new PostgresStore({ url: database.url });
  await store.open();
  t.after(async () => {
    await store.close();
    await database.drop();
  });
  await store.commit([{ facts: { a: "1" } }]);
  await database.query("CREATE TABLE seen (setting text)");
  await database.query(
    `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$`,
  );
  await database.query("CREATE TRIGGER note AFTER INSERT OR UPDATE ON facts FOR EACH ROW EXECUTE FUNCTION note()");
  await store.commit([{ facts: { a: "2" } }]);
  assert.deepEqual(await database.query("SELECT setting FROM seen"), [{ setting: "on" }]);
});

test("names with U+0000 come back as they were and are told apart", async (t) => {
  const database = await testDatabase();
  const store = new PostgresStore({ url: database.url });
  await store.open();
  t.after(async () => {
    await store.close();
    await database.drop();
  });
  const names = ["a", "a\u0000", "a\u0000b", "\u0000", "\u0001", "\u0001\u0001", "\u0001\u0002"];
  await store.commit([{ facts: Object.fromEntries(names.map((name) => [name, `<${name}>`])) }]);
  for (const name of names) assert.equal(await store.fact(name), `<${name}>`);
  const rows = names.map((pattern, agent) => ({ tenant: "t\u0000", pattern, agent, event: "e" }));
  await store.commit([{ subscribe: rows }]);
  assert.deepEqual((await store.patterns("t\u0000")).toSorted(), names.toSorted());
});
