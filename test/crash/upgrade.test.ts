/** An upgrade by stages in processes that are killed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { AgentOperatingSystem } from "../../src/index.ts";
import { Aged, AgedBefore, Older } from "../support/aged.ts";
import { folder } from "../support/scene.ts";

const CHILD = fileURLToPath(new URL("support/upgrade-child.ts", import.meta.url));
const COUNT = process.env["AOS_TEST_SCALE"] === "full" ? 50_000 : 4_000;
const KILLS_MAX = 40;

/** Runs the child, killed so many milliseconds after it was ready; whether it was done before. */
async function runFor(dir: string, ms: number): Promise<boolean> {
  const child = spawn(process.execPath, ["--conditions=aosjs-source", CHILD, dir], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  let isDone = false;
  lines.on("line", (line) => {
    if (line === "ready") setTimeout(() => child.kill("SIGKILL"), ms);
    if (line === "done") isDone = true;
  });
  await once(child, "exit");
  return isDone;
}

async function waiting(aos: AgentOperatingSystem): Promise<number> {
  let count = 0;
  for (let at = 0; at < 50; at++) count += (await aos.kernel.agent(`aged/a${at * 7}`)).mailbox;
  return count;
}

test("an upgrade whose process is killed again and again migrates every agent exactly once, and loses no mail", async (t) => {
  const dir = folder(t);
  {
    await using aos = await AgentOperatingSystem.boot({ dir });
    await aos.load(AgedBefore);
    await aos.kernel.registerMany(
      "aged",
      Array.from({ length: COUNT }, (_, at) => ({ id: `a${at}` })),
    );
  }
  {
    // Under the new code, which holds them: this mail waits for the upgrade.
    await using aos = await AgentOperatingSystem.boot({ dir, upgrade: { mode: "held" } });
    await aos.load(Aged);
    for (let at = 0; at < 50; at++) await aos.emit(Older, {}, { to: `aged/a${at * 7}` });
  }
  let kills = 0;
  while (kills < KILLS_MAX && !(await runFor(dir, kills * 40))) kills++;
  assert.ok(kills > 0 && kills < KILLS_MAX, `${kills} kills`);
  await using aos = await AgentOperatingSystem.boot({ dir });
  await aos.load(Aged);
  const [status] = await aos.kernel.upgradeStatus("aged");
  assert.deepEqual([status?.versions, status?.marked, status?.ramp?.failed], [{ 2: COUNT }, 0, 0]);
  // Whoever was killed three times in a turn is quarantined, by no fault of its own here; its mail stays.
  await aos.kernel.moveAll({ type: "aged", state: "quarantined" }, "resume");
  for (let round = 0; round < 500 && (await waiting(aos)) > 0; round++) await new Promise((next) => setTimeout(next, 20));
  assert.deepEqual((await aos.kernel.deadLetters({})).items, []);
  const older = new Set(Array.from({ length: 50 }, (_, at) => at * 7));
  for (let at = 0; at < COUNT; at++) {
    if (at >= 400 && at % 10 > 0) continue;
    const { state } = await aos.kernel.state(`aged/a${at}`);
    assert.deepEqual(state, { days: older.has(at) ? 730 : 365 }, `a${at}`);
    const migrations = (await aos.kernel.journal(`aged/a${at}`)).filter(({ note }) => note === "state 1 → 2");
    assert.equal(migrations.length, 1, `a${at}`);
  }
  assert.equal((await aos.kernel.rollbackUpgrade("aged")).rolledBack, COUNT, "the state of before is kept of each");
});
