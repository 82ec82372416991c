import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  cpSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SqliteStore } from "../adapters/sqlite/index.ts";
import { AgentOperatingSystem, type BootOptions } from "../index.ts";
import type { FindingCodeName } from "../kernel/index.ts";
import { Fail, Note, Probe } from "../../test/support/probe.ts";
import { advance, afterCrash, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";
import { type Diagnosis, diagnose, diagnoseStopped } from "./doctor.ts";

const PAGE = 4_096;
const LOADED = fileURLToPath(new URL("../../test/crash/support/restore-child.ts", import.meta.url));

/** A stopped data folder in which agents had turns. */
async function healthy(t: TestContext): Promise<string> {
  const dir = join(folder(t), "data");
  const aos = await AgentOperatingSystem.boot({ dir });
  for (let at = 0; at < 5; at++) await aos.register(Probe, `p${at}`);
  for (let at = 0; at < 100; at++) await aos.emit(Note, { text: `note ${at}` }, { to: `probe/p${at % 5}` });
  await aos.kernel.subscribe("default/probe/p1", "news", Note.name);
  await aos.kernel.move("default/probe/p4", "pause");
  await aos.emit(Note, { text: "waits" }, { to: "probe/p4" });
  await aos.emit(Note, { text: "later" }, { to: "probe/p3", in: "1h" });
  await aos.shutdown();
  return dir;
}

function codes({ findings }: Diagnosis): readonly FindingCodeName[] {
  return findings.map(({ code }) => code);
}

function sql(dir: string, text: string): void {
  const db = new DatabaseSync(join(dir, "aos.db"));
  db.exec(text);
  db.close();
}

const EFFECT = "INSERT INTO effects (id, agent, envelope, name, state, key, attempts, at, input) VALUES";
const MAIL = "INSERT INTO mail (seq, agent, priority, attempts, marked, head, data) VALUES";

/** Code → what plants it into a stopped folder. */
const PLANTED: Readonly<Partial<Record<FindingCodeName, (dir: string) => void>>> = {
  DATABASE_CORRUPT: (dir) => {
    const db = new DatabaseSync(join(dir, "aos.db"));
    const page = Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'agents_address'").get()?.["rootpage"]);
    db.close();
    const file = openSync(join(dir, "aos.db"), "r+");
    writeSync(file, Buffer.alloc(PAGE, 0xa5), 0, PAGE, (page - 1) * PAGE);
    closeSync(file);
  },
  JOURNAL_BROKEN: (dir) => sql(dir, "DELETE FROM journal WHERE agent = 2 AND turn = 9"),
  STATE_DIVERGED: (dir) => sql(dir, `UPDATE agents SET state = '{"notes":["forged"]}' WHERE address = 'default/probe/p1'`),
  MAIL_ORPHANED: (dir) => sql(dir, `${MAIL} (900001, 4711, 5, 0, 0, '{"id":"x"}', '{}')`),
  EFFECT_ORPHANED: (dir) => sql(dir, `${EFFECT} ('e1', 2, 'gone', 'pay', 'done', 'k', 1, 1, '{}')`),
  EFFECTS_IN_DOUBT: (dir) => sql(dir, `${EFFECT} ('e1', 2, 'gone', 'pay', 'in-doubt', 'k', 1, 1, '{}')`),
  SUBSCRIPTION_ORPHANED: (dir) => sql(dir, "INSERT INTO subs VALUES ('default', 'news', 4711, 'note', NULL)"),
  AGENTS_QUARANTINED: (dir) => sql(dir, "UPDATE agents SET status = 2 WHERE address = 'default/probe/p2'"),
  AGENTS_RESTORED: (dir) =>
    sql(dir, `UPDATE agents SET status = 1, meta = '{"reason":"restored from the backup of then"}' WHERE address = 'default/probe/p2'`),
  DEAD_LETTERS: (dir) =>
    sql(
      dir,
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
       INSERT INTO dead SELECT 'd' || i, 2, 1, 'TURN_FAILED', 5, '{"id":"d"}', '{}', '{}' FROM n`,
    ),
  MAILBOX_NEARLY_FULL: (dir) =>
    sql(
      dir,
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
       INSERT INTO mail (seq, agent, priority, attempts, marked, head, data)
       SELECT 800000 + i, (SELECT no FROM agents WHERE address = 'default/probe/p4'), 5, 0, 0, '{"id":"m"}', '{}' FROM n`,
    ),
  CLOCK_BEHIND: (dir) => sql(dir, `INSERT OR REPLACE INTO facts VALUES ('lastAt', '${Date.now() + 3_600_000}')`),
  SCHEMA_NEWER: (dir) => sql(dir, "PRAGMA user_version = 999"),
  RESTORE_UNFINISHED: (dir) => writeFileSync(join(dir, "restore.json"), '{"file":"/backups/one"}'),
  FILES_LEFT_OVER: (dir) => {
    writeFileSync(join(dir, "run.json.new"), "");
    mkdirSync(join(dir, "restoring"));
  },
  PERMISSIONS_OPEN: (dir) => {
    writeFileSync(join(dir, "operator.token"), "aosop_x");
    chmodSync(join(dir, "operator.token"), 0o644);
  },
  LOG_TOO_LONG: (dir) => {
    const log = openSync(join(dir, "aos.db-wal"), "w");
    ftruncateSync(log, 300 << 20);
    closeSync(log);
  },
};

test("a healthy folder has no findings, nor has a copy of it that a crash left", async (t) => {
  const dir = await healthy(t);
  assert.deepEqual(await diagnoseStopped(dir), { healthy: true, findings: [] });
  const aos = await onDisk(t, dir);
  await aos.load(Probe);
  for (let at = 0; at < 50; at++) await aos.emit(Note, { text: `more ${at}` }, { to: `probe/p${at % 3}` });
  const crashed = afterCrash(t, dir);
  assert.deepEqual(await diagnoseStopped(crashed), { healthy: true, findings: [] });
});

for (const [code, plant] of Object.entries(PLANTED)) {
  test(`a planted ${code} is found by that code alone, with the command that mends it`, async (t) => {
    const dir = await healthy(t);
    plant(dir);
    const found = await diagnoseStopped(dir);
    assert.deepEqual(codes(found), [code], JSON.stringify(found.findings));
    assert.match(found.findings[0]?.mend ?? "", /^(?:aos|chmod|rm|npm|timedatectl|kill) /);
    assert.ok((found.findings[0]?.count ?? 0) > 0);
  });
}

test("a folder that is not there, an invalid configuration and a disk with too little room are found", async (t) => {
  assert.deepEqual(codes(await diagnoseStopped(join(folder(t), "nowhere"))), ["DATA_MISSING"]);
  const dir = await healthy(t);
  const { env } = process;
  const withVariable = async (name: string, value: string): Promise<readonly string[]> => {
    env[name] = value;
    try {
      return codes(await diagnoseStopped(dir));
    } finally {
      delete env[name];
    }
  };
  assert.deepEqual(await withVariable("AOS_HTTP_PROT", "1"), ["CONFIG_INVALID"]);
  assert.deepEqual(await withVariable("AOS_DISK_FREE_BYTES_MIN", "1000000GiB"), ["DISK_NEARLY_FULL"]);
});

test("a process that owns the folder and does not answer is found with its number", async (t) => {
  const dir = await healthy(t);
  const child = spawn(process.execPath, ["--conditions=aosjs-source", LOADED, "backup", dir, folder(t)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await until(() => readFileSync(join(dir, "owner.json"), "utf8").includes(String(child.pid)));
  const found = await diagnoseStopped(dir);
  assert.deepEqual(codes(found), ["SYSTEM_UNREACHABLE"]);
  assert.equal(found.findings[0]?.mend, `kill ${child.pid}`);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.deepEqual(codes(await diagnoseStopped(dir)), []);
});

test("a backup into the data folder that is being taken is not left over, and an old one is", async (t) => {
  const dir = await healthy(t);
  const aos = await AgentOperatingSystem.boot({ dir });
  t.after(() => aos.shutdown());
  await aos.load(Probe);
  const partial = join(dir, "one.aos.partial");
  writeFileSync(partial, "");
  assert.deepEqual(codes(await diagnose(aos)), []);
  utimesSync(partial, 0, 0);
  assert.deepEqual(codes(await diagnose(aos)), ["FILES_LEFT_OVER"]);
});

test("two who examine a large system at once get the same answer", async (t) => {
  const dir = await healthy(t);
  sql(
    dir,
    "CREATE TABLE bulk AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT zeroblob(40000) FROM n",
  );
  const aos = await AgentOperatingSystem.boot({ dir });
  t.after(() => aos.shutdown());
  await aos.load(Probe);
  assert.deepEqual((await Promise.all([diagnose(aos), diagnose(aos), diagnose(aos)])).map(codes), [[], [], []]);
});

test("a running system is examined while it works, and finds nothing", async (t) => {
  const dir = await healthy(t);
  const aos = await AgentOperatingSystem.boot({ dir });
  t.after(() => aos.shutdown());
  await aos.load(Probe);
  const state = { isOver: false };
  const load = (async () => {
    for (let at = 0; !state.isOver; at++)
      await Promise.all(Array.from({ length: 20 }, (_, n) => aos.emit(Note, { text: `${at}` }, { to: `probe/p${n % 4}` })));
  })();
  for (let round = 0; round < 5; round++) assert.deepEqual(await diagnose(aos), { healthy: true, findings: [] });
  state.isOver = true;
  await load;
});

/** A system whose clock stands still. */
async function running(t: TestContext, options: BootOptions = {}): Promise<AgentOperatingSystem> {
  const aos = await scene(t, { dir: folder(t), store: "sqlite", ...options });
  await aos.register(Probe, "main");
  await rest(aos);
  return aos;
}

test("timers that a running system missed are found", async (t) => {
  const aos = await running(t);
  await aos.emit(Note, { text: "" }, { to: "probe/main", in: "30d" });
  await rest(aos);
  const no = (await aos.store.agent("default/probe/main"))?.no ?? 0;
  const [mail] = (await aos.store.delayed(no)).filter(({ timer }) => timer === undefined);
  assert.ok(mail);
  await advance(aos, 60_000);
  // Past the kernel, which therefore waits for the old time.
  await aos.store.commit([{ mailSet: [{ seq: mail.seq, dueAt: 1, parked: null, attempts: 0, marked: 0 }] }]);
  assert.deepEqual(codes(await diagnose(aos)), ["TIMERS_OVERDUE"]);
});

test("mail for agents whose code is not loaded is found while the system runs, and not where nothing runs", async (t) => {
  const dir = await healthy(t);
  sql(dir, `${MAIL} (900001, (SELECT no FROM agents WHERE address = 'default/probe/p1'), 5, 0, 0, '{"id":"x"}', '{}')`);
  assert.deepEqual(codes(await diagnoseStopped(dir)), []);
  const aos = await AgentOperatingSystem.boot({ dir });
  t.after(() => aos.shutdown());
  await aos.loadAll([]);
  assert.deepEqual(codes(await diagnose(aos)), ["CODE_MISSING"]);
});

test("dead letters and agents in quarantine are found as they come about, and are gone once they are settled", async (t) => {
  const aos = await running(t, { retry: { attempts: 1 } });
  // One failure each, so that nobody is set aside for failing too often.
  for (let at = 0; at < 100; at++) {
    await aos.register(Probe, `f${at}`);
    await aos.emit(Fail, {}, { to: `probe/f${at}` });
  }
  await rest(aos);
  await aos.kernel.move("default/probe/main", "quarantine");
  assert.deepEqual(codes(await diagnose(aos)).toSorted(), ["AGENTS_QUARANTINED", "DEAD_LETTERS"]);
  for (const { id } of (await aos.kernel.deadLetters({}, { limit: 1_000 })).items) await aos.kernel.drop(id);
  await aos.kernel.move("default/probe/main", "resume");
  assert.deepEqual(codes(await diagnose(aos)), []);
});

test("a store that fails is found while it does", async (t) => {
  const dir = folder(t);
  const aos = await running(t, { dir });
  assert.ok(aos.store instanceof SqliteStore);
  aos.store.limitPages(1);
  await refused("DISK_FULL", aos.emit(Note, { text: "x".repeat(200_000) }, { to: "probe/main" }));
  assert.deepEqual(codes(await diagnose(aos)), ["STORE_FAILING"]);
  aos.store.limitPages(1_000_000);
  await advance(aos, 2_000);
  assert.deepEqual(codes(await diagnose(aos)), []);
});

test("what belongs to nobody is dropped when it is asked for, and nothing else", async (t) => {
  const dir = await healthy(t);
  for (const code of ["MAIL_ORPHANED", "EFFECT_ORPHANED", "SUBSCRIPTION_ORPHANED"] as const) PLANTED[code]?.(dir);
  assert.deepEqual(codes(await diagnoseStopped(dir)).toSorted(), ["EFFECT_ORPHANED", "MAIL_ORPHANED", "SUBSCRIPTION_ORPHANED"]);
  assert.deepEqual(await diagnoseStopped(dir, true), { healthy: true, findings: [], mended: { mail: 1, effects: 1, subscriptions: 1 } });
  const aos = await onDisk(t, dir);
  await aos.load(Probe);
  await aos.kernel.move("default/probe/p4", "resume");
  await rest(aos);
  assert.equal((await aos.query(Probe, "p4", "read", {})).at(-1), "waits");
});

test("a large database is checked as a copy by another thread, and the copy does not stay", async (t) => {
  const dir = await healthy(t);
  sql(
    dir,
    "CREATE TABLE bulk (x BLOB); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO bulk SELECT zeroblob(40000) FROM n",
  );
  assert.deepEqual(codes(await diagnoseStopped(dir)), []);
  const broken = join(folder(t), "data");
  cpSync(dir, broken, { recursive: true });
  PLANTED.DATABASE_CORRUPT?.(broken);
  assert.deepEqual(codes(await diagnoseStopped(broken)), ["DATABASE_CORRUPT"]);
});

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 400; round++) {
    try {
      if (holds()) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail("it did not come about");
}
