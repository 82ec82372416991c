import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { AgentOperatingSystem, BootOptions } from "../index.ts";
import { Note, Probe } from "../../test/support/probe.ts";
import { folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";
import { restore } from "./restore.ts";

const MAIN = "default/probe/main";

/** A system on disk with a few agents that had some turns. */
async function busy(t: TestContext, options: BootOptions = {}): Promise<{ readonly aos: AgentOperatingSystem; readonly dir: string }> {
  const dir = join(folder(t), "data");
  const aos = await onDisk(t, dir, options);
  for (const id of ["main", "other", "held"]) await aos.register(Probe, id);
  await aos.emit(Note, { text: "first" }, { to: "probe/main" });
  await rest(aos);
  await aos.kernel.move("default/probe/held", "quarantine", { reason: "before" });
  return { aos, dir };
}

test("a backup that is taken under load holds every event acknowledged before it, and restores to just what it holds", async (t) => {
  const { aos } = await busy(t);
  const acked = new Set<string>();
  for (let at = 0; at < 20; at++) {
    await aos.emit(Note, { text: `before ${at}` }, { to: "probe/main" });
    acked.add(`before ${at}`);
  }
  const file = join(folder(t), "one.backup");
  const steps: string[] = [];
  const state = { isTaken: false };
  const taking = aos.backup(file, { onProgress: ({ step }) => steps.push(step) }).finally(() => (state.isTaken = true));
  let during = 0;
  while (!state.isTaken) await aos.emit(Note, { text: `during ${during++}` }, { to: "probe/main" });
  const manifest = await taking;
  await rest(aos);
  assert.ok(during > 0);
  assert.equal(steps.at(-1), "checking");
  assert.equal(manifest.counts["agents"], 3);
  const dir = join(folder(t), "restored");
  const restored = await restore(file, dir);
  assert.deepEqual([restored.agents, restored.paused], [3, 2]);
  const copy = await onDisk(t, dir);
  await copy.load(Probe);
  const notes = await copy.query(Probe, "main", "read", {});
  for (const text of acked) assert.ok(notes.includes(text), text);
  // What came meanwhile is there in order, without a gap.
  assert.deepEqual(
    notes.filter((text) => text.startsWith("during")),
    notes.filter((text) => text.startsWith("during")).map((_, at) => `during ${at}`),
  );
  const rows = await copy.kernel.journal(MAIN, 0, 1_000);
  assert.deepEqual(
    rows.map(({ turn }) => turn),
    rows.map((_, at) => at + 1),
  );
});

test("a restored system begins paused, fenced and under a new incarnation, and goes on once it is resumed", async (t) => {
  const { aos } = await busy(t);
  await aos.kernel.move(MAIN, "pause");
  await aos.emit(Note, { text: "waits" }, { to: "probe/main" });
  await aos.kernel.move("default/probe/other", "pause");
  await aos.kernel.move("default/probe/other", "resume");
  await aos.emit(Note, { text: "waits" }, { to: "probe/main" });
  const epochs = async (of: AgentOperatingSystem): Promise<readonly (number | undefined)[]> =>
    Promise.all(["main", "other", "held"].map(async (id) => (await of.store.agent(`default/probe/${id}`))?.epoch));
  const before = await epochs(aos);
  const incarnation = await aos.store.fact("incarnation");
  const file = join(folder(t), "one.backup");
  const manifest = await aos.backup(file);
  assert.equal(manifest.incarnation, JSON.parse(incarnation ?? "{}").id);
  await aos.shutdown();
  const dir = join(folder(t), "restored");
  await restore(file, dir);
  const copy = await onDisk(t, dir);
  await copy.load(Probe);
  await rest(copy);
  assert.deepEqual(
    await epochs(copy),
    before.map((epoch) => (epoch ?? 0) + 1),
  );
  const told = JSON.parse((await copy.store.fact("incarnation")) ?? "{}");
  assert.equal(told.from, manifest.incarnation);
  assert.notEqual(told.id, manifest.incarnation);
  const other = await copy.kernel.agent("default/probe/other");
  assert.equal(other.state, "paused");
  assert.match(other.reason ?? "", /^restored from the backup of \d{4}-/);
  assert.equal((await copy.kernel.agent("default/probe/held")).reason, "before");
  await copy.emit(Note, { text: "to the copy" }, { to: "probe/other" });
  await rest(copy);
  assert.deepEqual(await copy.query(Probe, "other", "read", {}), []);
  await copy.kernel.moveAll({ restored: true }, "resume");
  await rest(copy);
  // Whoever was set aside before stays so.
  assert.equal((await copy.kernel.agent("default/probe/held")).state, "quarantined");
  assert.deepEqual(await copy.query(Probe, "other", "read", {}), ["to the copy"]);
  assert.equal((await copy.kernel.agent(MAIN)).state, "paused");
  await copy.kernel.moveAll({}, "resume");
  await rest(copy);
  assert.deepEqual((await copy.query(Probe, "main", "read", {})).slice(-2), ["waits", "waits"]);
});

test("a call that may never repeat and had no outcome is in doubt after a restore", async (t) => {
  const { aos } = await busy(t);
  const no = (await aos.store.agent(MAIN))?.no ?? 0;
  const id = "f".repeat(64);
  const intent = { id, agent: no, envelope: "e1", name: "nothing", state: "intent", key: "k", attempts: 1, at: 1, input: "{}" } as const;
  await aos.store.commit([{ effects: [intent] }]);
  const file = join(folder(t), "one.backup");
  await aos.backup(file);
  const dir = join(folder(t), "restored");
  await restore(file, dir);
  const copy = await onDisk(t, dir);
  await copy.load(Probe);
  assert.deepEqual(
    (await copy.kernel.effects({ state: "in-doubt" })).map((effect) => effect.id),
    [id],
  );
});

test("a folder that a system runs in is not restored over, nor is a file taken for a folder", async (t) => {
  const { aos, dir } = await busy(t);
  const file = join(folder(t), "one.backup");
  await aos.backup(file);
  await refused("DATA_LOCKED", restore(file, dir, { replace: true }));
  await refused("USAGE", restore(file, file));
  await refused("USAGE", restore(file, file, { replace: true }));
  assert.deepEqual(await aos.query(Probe, "main", "read", {}), ["first"]);
});

test("a system that is kept in memory can be backed up, and goes on in a folder", async (t) => {
  const aos = await scene(t);
  await aos.register(Probe, "main");
  await aos.emit(Note, { text: "in memory" }, { to: "probe/main" });
  await rest(aos);
  const file = join(folder(t), "one.backup");
  await aos.backup(file);
  const dir = join(folder(t), "restored");
  await restore(file, dir);
  const copy = await onDisk(t, dir);
  await copy.load(Probe);
  assert.deepEqual(await copy.query(Probe, "main", "read", {}), ["in memory"]);
});

test("a file that is not a whole, sound backup is refused and costs nothing", async (t) => {
  const { aos, dir: source } = await busy(t);
  const place = folder(t);
  const file = join(place, "one.backup");
  await aos.backup(file);
  const whole = readFileSync(file);
  const flipped = Buffer.from(whole);
  flipped[5_000] = (flipped[5_000] ?? 0) ^ 1;
  const faults = {
    "cut off": whole.subarray(0, whole.length - 10),
    half: whole.subarray(0, whole.length / 2),
    flipped,
    empty: Buffer.alloc(0),
    longer: Buffer.concat([whole, Buffer.from("x")]),
    "a database": readFileSync(join(source, "aos.db")),
  };
  for (const [name, bytes] of Object.entries(faults)) {
    const bad = join(place, name);
    writeFileSync(bad, bytes);
    const dir = join(place, `from ${name}`);
    await refused("BACKUP_INVALID", restore(bad, dir));
    assert.equal(existsSync(dir), false, name);
  }
  await refused("NOT_FOUND", restore(join(place, "nothing"), join(place, "x")));
  assert.equal(existsSync(join(place, "x")), false);
});

test("a folder that holds something is refused unless it may be replaced, and then its database stays beside", async (t) => {
  const { aos, dir } = await busy(t);
  const file = join(folder(t), "one.backup");
  await aos.backup(file);
  await refused("FILE_EXISTS", aos.backup(file));
  await aos.backup(file, { replace: true });
  await aos.emit(Note, { text: "later" }, { to: "probe/main" });
  await rest(aos);
  await refused("FOLDER_NOT_EMPTY", restore(file, dir));
  await aos.shutdown();
  await refused("FOLDER_NOT_EMPTY", restore(file, dir));
  await restore(file, dir, { replace: true });
  assert.ok(readdirSync(dir).includes("aos.db.before-restore"));
  const copy = await onDisk(t, dir);
  await copy.load(Probe);
  assert.deepEqual(await copy.query(Probe, "main", "read", {}), ["first"]);
});

test("a restore that was cut between two names starts nothing until it is run again, and keeps the old database", async (t) => {
  const { aos, dir } = await busy(t);
  const file = join(folder(t), "one.backup");
  await aos.backup(file);
  await aos.emit(Note, { text: "only before" }, { to: "probe/main" });
  await rest(aos);
  await aos.shutdown();
  renameSync(join(dir, "aos.db"), join(dir, "aos.db.before-restore"));
  writeFileSync(join(dir, "restore.json"), JSON.stringify({ file }));
  const error = await refused("RESTORE_UNFINISHED", onDisk(t, dir));
  assert.match(error.message, /`aos restore .*one\.backup --dir .* --replace`/);
  await refused("FOLDER_NOT_EMPTY", restore(file, dir));
  await refused("NOT_FOUND", restore(`${file}.gone`, dir, { replace: true }));
  await refused("RESTORE_UNFINISHED", onDisk(t, dir));
  await restore(file, dir, { replace: true });
  renameSync(join(dir, "aos.db"), join(dir, "aos.db.new"));
  renameSync(join(dir, "aos.db.before-restore"), join(dir, "aos.db"));
  const old = await onDisk(t, dir);
  await old.load(Probe);
  assert.deepEqual(await old.query(Probe, "main", "read", {}), ["first", "only before"]);
});

test("a second backup at the same time is refused, and one that the shutdown cut off leaves nothing", async (t) => {
  const { aos } = await busy(t);
  for (let at = 0; at < 60; at++) await aos.emit(Note, { text: "x".repeat(60_000) }, { to: "probe/other" });
  const place = folder(t);
  const taking = aos.backup(join(place, "one.backup"));
  await refused("BACKUP_RUNNING", aos.backup(join(place, "two.backup")));
  await taking;
  const cut = refused("SHUTTING_DOWN", aos.backup(join(place, "two.backup")));
  await aos.store.close();
  await cut;
  assert.deepEqual(readdirSync(place), ["one.backup"]);
});

test("a backup into a folder that is not there is refused", async (t) => {
  const { aos } = await busy(t);
  await refused("USAGE", aos.backup(join(folder(t), "no", "one.backup")));
});
