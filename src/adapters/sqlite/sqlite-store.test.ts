import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { spawnSync } from "node:child_process";
import type { AgentRow, Commit, JournalWrite, MailRow, NewAgent } from "../../kernel/index.ts";
import { prepareSchema } from "./schema.ts";
import { memoryDatabase, SqliteStore } from "./index.ts";

function folder(): { readonly dir: string; readonly path: string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), "aos-sqlite-"));
  return {
    dir,
    path: join(dir, "aos.db"),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function journalRow(agent: number, id: number, turn: number, prev: number): JournalWrite {
  return {
    id,
    prev,
    agent,
    turn,
    at: 1_000 + id,
    body: JSON.stringify({ cause: { id: `e${id}` } }),
  };
}

function newAgent(no: number, change: Partial<AgentRow> = {}): NewAgent {
  const row = {
    no,
    address: `default/thing/t${no}`,
    status: "initialized",
    turn: 1,
    head: no,
    epoch: 0,
    stateVersion: 1,
    state: "{}",
    createdAt: 1,
    lastAt: 0,
  } as const;
  return { row: { ...row, ...change }, journal: journalRow(no, no, 1, 0) };
}

function mailRow(seq: number, agent: number): MailRow {
  return { seq, agent, priority: 5, attempts: 0, marked: 0, head: "{}", data: "1" };
}

async function pass(store: SqliteStore, ...units: readonly Commit[]): Promise<void> {
  assert.deepEqual(
    store.commit(units),
    units.map(() => undefined),
  );
}

test("what was committed is there after the process died, and the end is known as unclean", async () => {
  using place = folder();
  const store = new SqliteStore({ path: place.path });
  await store.open();
  await pass(store, { create: [newAgent(1)], mailIn: [mailRow(1, 1)] });
  // What a process that dies at this moment leaves on the disk.
  const left = join(place.dir, "left.db");
  for (const end of ["", "-wal"]) copyFileSync(place.path + end, left + end);
  await store.close();
  const next = new SqliteStore({ path: left });
  assert.equal((await next.open()).wasClean, false);
  assert.deepEqual(
    next.mail(1).map(({ seq }) => seq),
    [1],
  );
  await next.close();
  const last = new SqliteStore({ path: left });
  assert.equal((await last.open()).wasClean, true);
  await last.close();
});

test("a torn end of the log takes its whole transaction with it and none before it", async () => {
  using place = folder();
  const store = new SqliteStore({ path: place.path });
  await store.open();
  await pass(store, { create: [newAgent(1)] });
  await pass(store, { turn: { journal: [journalRow(1, 2, 2, 1)], state: '"durable"' } });
  const whole = readFileSync(`${place.path}-wal`).length;
  await pass(store, {
    turn: { journal: [journalRow(1, 3, 3, 2)], state: JSON.stringify("x".repeat(20_000)) },
  });
  const left = join(place.dir, "left.db");
  copyFileSync(place.path, left);
  const log = readFileSync(`${place.path}-wal`);
  await store.close();
  writeFileSync(`${left}-wal`, log.subarray(0, whole + Math.floor((log.length - whole) / 2)));
  const next = new SqliteStore({ path: left });
  await next.open();
  assert.deepEqual([next.agentByNo(1)?.state, next.agentByNo(1)?.turn], ['"durable"', 2]);
  assert.equal((await next.journalAfter(2, 9)).length, 0);
  await next.close();
});

test("a full disk refuses the whole batch, keeps what was there readable, and recovers", async () => {
  using place = folder();
  const store = new SqliteStore({ path: place.path, maxPageCount: 80 });
  await store.open();
  await pass(store, { create: [newAgent(1)] });
  const big = newAgent(2, { state: JSON.stringify("x".repeat(400_000)) });
  assert.throws(() => store.commit([{ turn: { journal: [journalRow(1, 10, 2, 1)], state: "1" } }, { create: [big] }]), {
    code: "DISK_FULL",
    retryable: true,
  });
  assert.equal(store.agentByNo(1)?.state, "{}");
  assert.equal(store.agentByNo(2), undefined);
  assert.deepEqual(await store.journalAfter(1, 9), []);
  await pass(store, { turn: { journal: [journalRow(1, 10, 2, 1)], state: "2" } });
  assert.equal(store.agentByNo(1)?.state, "2");
  await store.close();
  const roomy = new SqliteStore({ path: place.path });
  await roomy.open();
  await pass(roomy, { create: [big] });
  await roomy.close();
});

test("data of a newer AOS is refused and left as it is", async () => {
  using place = folder();
  const newer = new DatabaseSync(place.path);
  newer.exec("CREATE TABLE agents (x); PRAGMA user_version = 99");
  newer.close();
  await assert.rejects(new SqliteStore({ path: place.path }).open(), {
    code: "DATA_TOO_NEW",
    details: { found: 99, supported: 1 },
  });
});

test("older data is migrated once, after a copy of it was laid beside it", async () => {
  using place = folder();
  const store = new SqliteStore({ path: place.path });
  await store.open();
  await pass(store, { create: [newAgent(1)] });
  await store.close();
  const db = new DatabaseSync(place.path);
  const migrations = [(on: DatabaseSync): void => on.exec("ALTER TABLE agents ADD COLUMN extra TEXT DEFAULT 'new'")];
  assert.deepEqual(prepareSchema(db, place.path, migrations), {
    from: 1,
    to: 2,
    backup: `${place.path}.v1.bak`,
  });
  assert.deepEqual(prepareSchema(db, place.path, migrations), { from: 2, to: 2 });
  assert.equal(db.prepare("SELECT extra FROM agents").get()?.["extra"], "new");
  assert.throws(() =>
    prepareSchema(db, place.path, [...migrations, (on) => on.exec("ALTER TABLE agents ADD COLUMN more; SELECT nonsense")]),
  );
  assert.throws(() => db.prepare("SELECT more FROM agents"));
  db.close();
  const backup = new SqliteStore({ path: `${place.path}.v1.bak` });
  await backup.open();
  assert.equal(backup.agentByNo(1)?.no, 1);
  await backup.close();
});

test("no file of a closed store is left but the database itself", async () => {
  using place = folder();
  const store = new SqliteStore({ path: place.path });
  await store.open();
  await pass(store, { create: [newAgent(1)] });
  assert.ok(existsSync(`${place.path}-wal`));
  await store.close();
  assert.ok(!existsSync(`${place.path}-wal`));
});

const WRITE_PAST_LIMIT = `
  const { SqliteStore } = await import(process.argv[1]);
  const told = [];
  const store = new SqliteStore({ path: process.argv[2], onNotice: ({ event }) => told.push(event) });
  await store.open();
  const agent = (no, state) => ({ row: { no, address: "default/thing/t" + no, status: "initialized", turn: 1, head: no, epoch: 0, stateVersion: 1, state, createdAt: 1, lastAt: 0 } });
  store.commit([{ create: [agent(1, "{}")] }]);
  try {
    store.commit([{ create: [agent(2, "{}")] }, { create: [agent(3, "x".repeat(3_000_000))] }]);
    told.push("committed");
  } catch (error) {
    told.push(error.code);
  }
  told.push(store.agentByNo(1)?.no, store.agentByNo(2)?.no ?? "none");
  store.commit([{ create: [agent(4, "{}")] }]);
  told.push(store.agentByNo(2)?.no ?? "none", store.agentByNo(4)?.no);
  await store.close();
  console.log(told.join(" "));`;

test("after a failed write the store stays readable and begins anew with what the disk holds", () => {
  using place = folder();
  const index = new URL("index.ts", import.meta.url).href;
  // A file may not outgrow the shell's limit (in blocks of 512 or 1,024 bytes), so that a real write fails.
  const { stdout, stderr } = spawnSync(
    "sh",
    [
      "-c",
      `trap "" XFSZ; ulimit -f 2000; exec "$0" "$@"`,
      process.execPath,
      "--input-type=module",
      "-e",
      WRITE_PAST_LIMIT,
      index,
      place.path,
    ],
    { encoding: "utf8" },
  );
  assert.equal(stdout.trim(), "STORE_FAILED 1 none reopened none 4", stderr);
});

test("the latest time is told, although a turn that began earlier was written after it", async () => {
  using place = folder();
  const store = new SqliteStore({ path: place.path });
  await store.open();
  await pass(store, { create: [newAgent(1)] });
  await pass(
    store,
    { turn: { journal: [{ ...journalRow(1, 2, 2, 1), at: 9_000 }] } },
    { turn: { journal: [{ ...journalRow(1, 3, 3, 2), at: 5_000 }] } },
  );
  await store.close();
  const next = new SqliteStore({ path: place.path });
  assert.equal((await next.open()).lastAt, 9_000);
  await next.close();
});

test("a database in memory that was lent outlives its store", async () => {
  const lent = memoryDatabase();
  const store = new SqliteStore({ path: ":memory:", lent });
  await store.open();
  await pass(store, { create: [newAgent(1)] });
  const next = new SqliteStore({ path: ":memory:", lent });
  assert.equal((await next.open()).wasClean, false);
  assert.equal(next.agentByNo(1)?.address, "default/thing/t1");
  await next.close();
  assert.ok(lent.isOpen);
  lent.close();
});
