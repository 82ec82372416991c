import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AgentOperatingSystem, isAosError } from "../../src/index.ts";
import { diagnoseStopped, restore } from "../../src/system/index.ts";
import { need, withTmpfs } from "../support/capabilities.ts";
import { run } from "../support/checkout.ts";
import { Note, Probe } from "../support/probe.ts";
import { folder, refused } from "../support/scene.ts";

const CHILD = fileURLToPath(new URL("./support/restore-child.ts", import.meta.url));
const SMALL = fileURLToPath(new URL("./support/small-disk-child.ts", import.meta.url));
const KILLS = process.env["AOS_TEST_SCALE"] === "full" ? 60 : 10;
const BULK = "x".repeat(100_000);

/** Runs the child and kills it so long after it began; whether it ended by itself before. */
async function killed(args: readonly string[], afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, ["--conditions=aosjs-source", CHILD, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const ended = once(child, "exit");
  await Promise.race([pause(afterMs), ended]);
  child.kill("SIGKILL");
  await ended;
  return child.exitCode === 0;
}

/** A data folder of some megabytes, and a backup of it. */
async function prepared(dir: string, file: string): Promise<void> {
  await using aos = await AgentOperatingSystem.boot({ dir });
  await Promise.all(Array.from({ length: 40 }, (_, at) => aos.register(Probe, `p${at}`)));
  await Promise.all(Array.from({ length: 200 }, (_, at) => aos.emit(Note, { text: BULK }, { to: `probe/p${at % 40}` })));
  await aos.shutdown();
  await using again = await AgentOperatingSystem.boot({ dir });
  await again.backup(file);
}

/** The notes of an agent, where the folder starts. */
async function notesIn(dir: string): Promise<number> {
  await using aos = await AgentOperatingSystem.boot({ dir });
  await aos.load(Probe);
  return (await aos.query(Probe, "p1", "read", {})).length;
}

test("a process that is killed while it takes backups leaves no file that looks whole and is not", async (t) => {
  const place = folder(t);
  const dir = join(place, "data");
  await prepared(dir, join(place, "first.aos"));
  const cuts = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const target = folder(t);
    await killed(["backup", dir, target], 60 + kill * 40);
    for (const name of readdirSync(target)) {
      const restored = join(target, `from-${name}`);
      if (name.endsWith(".aos")) assert.equal((await restore(join(target, name), restored)).agents, 40);
      else {
        cuts.add(name.replace(/^\d+\./, ""));
        // One that was killed between its last byte and its name is whole.
        const agents = await restore(join(target, name), restored).then(
          (done) => done.agents,
          (thrown: unknown) => assert.ok(isAosError(thrown, "BACKUP_INVALID"), String(thrown)),
        );
        assert.ok(agents === undefined || agents === 40);
      }
    }
  }
  assert.deepEqual(
    [...cuts].filter((name) => !name.startsWith("aos.partial")),
    [],
  );
  assert.equal(await notesIn(dir), 5);
});

test(
  "a disk that is too small for a backup or a restore is a clear error, and nothing is left on it",
  { skip: need("tmpfs") },
  async (t) => {
    const place = folder(t);
    const dir = join(place, "data");
    await prepared(dir, join(place, "first.aos"));
    const small = folder(t);
    const [command = "", ...before] = withTmpfs(small, 4);
    const ended = await run(command, [...before, process.execPath, "--conditions=aosjs-source", SMALL, small, dir], { timeout: 60_000 });
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(JSON.parse(ended.stdout), {
      backup: "DISK_FULL",
      left: [],
      restored: "DISK_FULL",
      leftByRestore: [],
      onFull: "DISK_FULL",
      leftOnFull: [],
      agents: 40,
    });
  },
);

test("a process that is killed under load leaves a folder in which the doctor finds nothing", async (t) => {
  const place = folder(t);
  const dir = join(place, "data");
  await prepared(dir, join(place, "first.aos"));
  for (let kill = 0; kill < 4; kill++) {
    await killed(["load", dir], 150 + kill * 130);
    assert.deepEqual(await diagnoseStopped(dir), { healthy: true, findings: [] });
  }
});

test("a restore that is killed leaves the folder as it was, or one that refuses to start until it is restored again", async (t) => {
  const place = folder(t);
  const file = join(place, "first.aos");
  await prepared(join(place, "data"), file);
  const seen = { untouched: 0, unfinished: 0, done: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    const isFresh = kill % 2 === 0;
    const dir = join(place, `target-${kill}`);
    if (!isFresh) {
      cpSync(join(place, "data"), dir, { recursive: true });
      await using old = await AgentOperatingSystem.boot({ dir });
      await old.load(Probe);
      await old.emit(Note, { text: "only here" }, { to: "probe/p1" });
    }
    const isDone = await killed(["restore", file, dir, ...(isFresh ? [] : ["replace"])], kill * 20);
    if (!existsSync(dir) || !existsSync(join(dir, "aos.db"))) {
      assert.ok(isFresh || existsSync(join(dir, "restore.json")));
      seen.unfinished++;
      if (existsSync(join(dir, "restore.json"))) await refused("RESTORE_UNFINISHED", AgentOperatingSystem.boot({ dir }));
    } else {
      const notes = await notesIn(dir).catch((thrown: unknown) => {
        assert.ok(isAosError(thrown, "RESTORE_UNFINISHED"), String(thrown));
        return undefined;
      });
      if (notes === undefined) seen.unfinished++;
      else if (notes === 5) seen.done++;
      else {
        assert.equal(notes, 6);
        assert.equal(isDone, false);
        seen.untouched++;
      }
    }
    await restore(file, dir, { replace: true });
    assert.equal(await notesIn(dir), 5);
    assert.equal(existsSync(join(dir, "restoring")), false);
  }
  assert.equal(seen.untouched + seen.unfinished + seen.done, KILLS);
  t.diagnostic(JSON.stringify(seen));
});
