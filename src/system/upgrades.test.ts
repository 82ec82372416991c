/** States that outlive their code: kept, ramped, stopped, put back. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { type AgentOperatingSystem, type BootOptions, PurposeDrivenAgent, state } from "../index.ts";
import { Aged, aged, AgedBefore, Older, Stumble } from "../../test/support/aged.ts";
import { advance, afterCrash, folder, onDisk, refused, rest } from "../../test/support/scene.ts";

const COUNT = 60;

/** A folder with agents of the old code, the first `old` of them 9 years old. */
async function fleet(t: TestContext, old = 0, count = COUNT): Promise<string> {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.load(AgedBefore);
  await aos.kernel.registerMany(
    "aged",
    Array.from({ length: count }, (_, at) => ({ id: `a${at}` })),
  );
  for (let at = 0; at < old; at++) for (let year = 1; year < 9; year++) await aos.emit(Older, {}, { to: `aged/a${at}` });
  await rest(aos);
  return afterCrash(t, dir);
}

async function upgraded(
  t: TestContext,
  dir: string,
  agent: Parameters<AgentOperatingSystem["load"]>[0],
  options: BootOptions = {},
): Promise<AgentOperatingSystem> {
  const aos = await onDisk(t, dir, options);
  await aos.load(agent);
  return aos;
}

async function versions(aos: AgentOperatingSystem): Promise<Readonly<Record<string, number>>> {
  return (await aos.kernel.upgradeStatus("aged"))[0]?.versions ?? {};
}

const held: BootOptions = { upgrade: { mode: "held" } };

test("an upgrade goes by stages of the agents' hashes; who is not reached keeps its mail and says so", async (t) => {
  const aos = await upgraded(t, await fleet(t), Aged, held);
  await aos.emit(Older, {}, { to: "aged/a0" });
  await rest(aos);
  assert.deepEqual(await versions(aos), { 1: COUNT });
  const waiting = await aos.kernel.agent("aged/a0");
  assert.deepEqual([waiting.mailbox, waiting.reason, waiting.state], [1, "waits for its upgrade from version 1 to 2", "sleeping"]);
  await aos.kernel.applyUpgrade("aged", { stages: [10, 50, 100], soakMs: 60_000 });
  await rest(aos);
  const first = (await versions(aos))[2] ?? 0;
  assert.ok(first > 0 && first < COUNT / 3, `${first} of ${COUNT} at 10 %`);
  await advance(aos, 60_000);
  const second = (await versions(aos))[2] ?? 0;
  assert.ok(second > COUNT / 4 && second < COUNT * 0.75, `${second} of ${COUNT} at 50 %`);
  await advance(aos, 60_000);
  assert.deepEqual(await versions(aos), { 2: COUNT });
  const [status] = await aos.kernel.upgradeStatus("aged");
  assert.deepEqual([status?.ramp?.status, status?.ramp?.migrated, status?.ramp?.failed], ["done", COUNT - 1, 0], "one had a turn");
  assert.deepEqual((await aos.kernel.state("aged/a0")).state, { days: 730 });
});

test("an upgrade that a crash cut off goes on where it was, and reaches everybody once", async (t) => {
  const dir = await fleet(t);
  const before = await upgraded(t, dir, Aged, held);
  await before.kernel.applyUpgrade("aged", { stages: [30, 100], soakMs: 60_000 });
  await rest(before);
  const reached = (await versions(before))[2] ?? 0;
  assert.ok(reached > 0 && reached < COUNT);
  const aos = await upgraded(t, afterCrash(t, dir), Aged, held);
  await rest(aos);
  assert.equal((await versions(aos))[2], reached);
  await advance(aos, 60_000);
  assert.deepEqual(await versions(aos), { 2: COUNT });
  for (let at = 0; at < COUNT; at++) {
    const notes = (await aos.kernel.journal(`aged/a${at}`)).filter(({ note }) => note === "state 1 → 2");
    assert.equal(notes.length, 1);
  }
});

test("agents whose migration fails stay behind, marked, while the fleet goes on; a fixed version takes them up with their mail", async (t) => {
  const dir = await fleet(t, 2);
  const aos = await upgraded(t, dir, aged(8), held);
  await aos.emit(Older, {}, { to: "aged/a0" });
  await aos.kernel.applyUpgrade("aged", { stopAt: 2 });
  await rest(aos);
  const [status] = await aos.kernel.upgradeStatus("aged");
  assert.deepEqual([status?.ramp?.status, status?.marked, status?.versions], ["done", 2, { 1: 2, 2: COUNT - 2 }]);
  assert.match(status?.examples[0]?.message ?? "", /9 years are too many/);
  assert.equal((await aos.kernel.agent("aged/a0")).upgrade?.status, "failed");
  const fixed = await upgraded(t, afterCrash(t, dir), Aged);
  await rest(fixed);
  assert.deepEqual((await fixed.kernel.state("aged/a0")).state, { days: 10 * 365 });
  await fixed.kernel.applyUpgrade("aged", {});
  await rest(fixed);
  assert.deepEqual(await versions(fixed), { 2: COUNT });
});

test("an upgrade stops by itself when more agents fail than it bears; who was not reached stays as it was", async (t) => {
  const aos = await upgraded(t, await fleet(t, 12), aged(8), held);
  await aos.kernel.applyUpgrade("aged", { stages: [50, 100], stopAt: "2%" });
  await rest(aos);
  const [status] = await aos.kernel.upgradeStatus("aged");
  assert.deepEqual([status?.ramp?.status, status?.ramp?.stage], ["stopped", 0]);
  assert.ok((status?.versions[1] ?? 0) > COUNT / 4);
  assert.match(status?.ramp?.why ?? "", /agents failed/);
});

test("turns that fail for good on the new version stop a ramp too, and their agents are put back to the old state", async (t) => {
  const aos = await upgraded(t, await fleet(t), Aged, held);
  await aos.kernel.applyUpgrade("aged", { stages: [99, 100], stopAt: 0, soakMs: 60_000 });
  await rest(aos);
  const one = (await aos.kernel.agents({ type: "aged" })).items.find(({ stateVersion }) => stateVersion === 2);
  assert.ok(one);
  await aos.emit(Stumble, {}, { to: one.address });
  await rest(aos);
  assert.equal((await aos.kernel.upgradeStatus("aged"))[0]?.ramp?.status, "stopped");
  const now = await aos.kernel.agent(one.address);
  assert.deepEqual([now.stateVersion, now.upgrade?.status], [1, "rolled-back"]);
});

test("a rollback puts back the states of before, says what it undid, and the old code goes on with them", async (t) => {
  const dir = await fleet(t, 0, 3);
  const aos = await upgraded(t, dir, Aged);
  for (let n = 0; n < 3; n++) await aos.emit(Older, {}, { to: "aged/a0" });
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("aged/a0")).state, { days: 4 * 365 });
  assert.deepEqual(await aos.kernel.rollbackUpgrade("aged"), { rolledBack: 1, skipped: 0, turnsUndone: 2 });
  await aos.emit(Older, {}, { to: "aged/a0" });
  await rest(aos);
  assert.deepEqual(await versions(aos), { 1: 3 }, "it is not taken up again by itself");
  const before = await upgraded(t, afterCrash(t, dir), AgedBefore);
  await rest(before);
  assert.deepEqual((await before.kernel.state("aged/a0")).state, { years: 2 });
  const again = await upgraded(t, afterCrash(t, dir), Aged);
  await again.kernel.applyUpgrade("aged", {});
  await rest(again);
  assert.deepEqual((await again.kernel.state("aged/a0")).state, { days: 2 * 365 });
});

test("a state whose schema answers later is migrated, or marked, all the same", async (t) => {
  const slow = (daysMax: number) =>
    class Slow extends PurposeDrivenAgent.define({
      type: "aged",
      purpose: "Grow old",
      state: state(2, z.object({ days: z.number().refine(async (days) => days < daysMax, "too old") }), {
        initial: () => ({ days: 0 }),
        migrate: { 1: (old: { years: number }) => ({ days: old.years * 365 }) },
      }),
      on: { older: Older },
    }) {
      readonly handlers = this.handle({ older: (ctx) => void (ctx.state.days += 365) });
    };
  const dir = await fleet(t, 1, 3);
  const aos = await upgraded(t, dir, slow(2_000));
  for (const id of ["a0", "a1"]) await aos.emit(Older, {}, { to: `aged/${id}` });
  await rest(aos);
  const marked = await aos.kernel.agent("aged/a0");
  assert.deepEqual([marked.upgrade?.status, marked.upgrade?.path, marked.mailbox], ["failed", "/days", 1]);
  assert.deepEqual((await aos.kernel.state("aged/a1")).state, { days: 730 });
  await aos.kernel.applyUpgrade("aged", {});
  await rest(aos);
  assert.deepEqual(await versions(aos), { 1: 1, 2: 2 });
  const fixed = await upgraded(t, afterCrash(t, dir), slow(10_000));
  await rest(fixed);
  assert.deepEqual((await fixed.kernel.state("aged/a0")).state, { days: 3_650 });
});

test("a ramp of code that was replaced runs no more, and says so", async (t) => {
  const dir = await fleet(t, 0, 20);
  const aos = await upgraded(t, dir, Aged, { ...held, codeVersion: "one" });
  await aos.kernel.applyUpgrade("aged", { stages: [30, 100], soakMs: 60_000 });
  await rest(aos);
  const reached = (await versions(aos))[2];
  const other = await upgraded(t, afterCrash(t, dir), Aged, { ...held, codeVersion: "two" });
  await advance(other, 120_000);
  assert.equal((await versions(other))[2], reached);
  const [status] = await other.kernel.upgradeStatus("aged");
  assert.deepEqual([status?.ramp?.status, status?.ramp?.why], ["stopped", "other code was loaded since; apply it again"]);
  await other.kernel.applyUpgrade("aged", {});
  await rest(other);
  assert.deepEqual(await versions(other), { 2: 20 });
});

test("what a ramp is asked with must make sense", async (t) => {
  const aos = await upgraded(t, await fleet(t, 0, 1), Aged, held);
  for (const stages of [[], [10], [50, 10, 100], [0, 100], [Number.NaN, 100]])
    await refused("USAGE", aos.kernel.applyUpgrade("aged", { stages }));
  for (const stopAt of [-1, 1.5, "x%", "101%", "2"]) await refused("USAGE", aos.kernel.applyUpgrade("aged", { stopAt }));
  await refused("USAGE", aos.kernel.applyUpgrade("aged", { soakMs: -1 }));
  await refused("TYPE_UNKNOWN", aos.kernel.applyUpgrade("nobody", {}));
});
