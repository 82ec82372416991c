/** The history of agents: told, compared, gone back to, forked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { z } from "zod";
import { AosError, effect, event, PurposeDrivenAgent, state } from "../index.ts";
import { aged, AgedBefore, Older } from "../../test/support/aged.ts";
import { advance, afterCrash, ended, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Set = event("set", z.object({ key: z.string(), value: z.string(), fail: z.boolean().default(false) }));
const Later = event("later", z.object({}));
const Act = event("act", z.object({ n: z.number() }));
const calls: string[] = [];
const seen: string[] = [];
const effects = (["safe", "key", "never"] as const).map((repeat) =>
  effect(`act-${repeat}`, {
    input: z.object({ n: z.number() }),
    output: z.number(),
    repeat,
    run: ({ n }) => (calls.push(`${repeat}${n}`), n),
  }),
);

class Keeper extends PurposeDrivenAgent.define({
  type: "keeper",
  purpose: "Keep what it is told",
  state: state(1, z.record(z.string(), z.string()), { initial: () => ({}) }),
  on: { set: Set, act: Act, later: Later },
  uses: effects,
  retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
}) {
  readonly handlers = this.handle({
    set: (ctx, { data: { key, value, fail } }) => {
      ctx.state[key] = value;
      if (value === "") delete ctx.state[key];
      if (key === "timer") ctx.timer("t", "1h", Later, {});
      if (fail) throw new AosError("REFUSED", "told to fail");
    },
    later: (ctx) => void (ctx.state["later"] = "came"),
    act: async (ctx, { data: { n } }) => {
      for (const each of effects) {
        try {
          await ctx.effect(each, { n });
        } catch (thrown) {
          seen.push(thrown instanceof AosError ? `${thrown.code} ${String(thrown.retryable)}` : "?");
        }
      }
      ctx.state["acted"] = String(n);
    },
  });
}

const step = fc.record({
  key: fc.constantFrom("a", "b", "ü\u{1F600}"),
  value: fc.string({ unit: "grapheme", maxLength: 80 }),
  fail: fc.boolean(),
});

test("the state of every retained turn is what a model saw, before and after a crash, and rewinds stand among the turns", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 24 }), fc.nat(), async (steps, pick) => {
      const dir = folder(t);
      const aos = await onDisk(t, dir, { journal: { fullCopyEvery: 5 } });
      await aos.register(Keeper, "k");
      const model: unknown[] = [undefined, {}];
      const look = async (): Promise<void> => {
        await rest(aos);
        const { state: now, turn } = await aos.kernel.state("keeper/k");
        while (model.length <= turn) model.push(now);
      };
      for (const [at, data] of steps.entries()) {
        await aos.emit(Set, data, { to: [Keeper, "k"] });
        await look();
        if (at !== steps.length >> 1) continue;
        const to = 1 + (pick % (model.length - 1));
        const { turn } = await aos.kernel.timeline.rewind("keeper/k", to);
        await look();
        assert.equal(turn, model.length - 1);
        assert.deepEqual(model[turn], model[to]);
      }
      const again = await onDisk(t, afterCrash(t, dir), { journal: { fullCopyEvery: 5 } });
      for (const each of [aos, again])
        for (let turn = 1; turn < model.length; turn++)
          assert.deepEqual((await each.kernel.timeline.stateAt("keeper/k", turn)).state, model[turn], `turn ${turn}`);
      await Promise.all([aos.shutdown(), again.shutdown()]);
    }),
    { numRuns: process.env["AOS_TEST_SCALE"] === "full" ? 300 : 12 },
  );
});

test("a rewind is a new turn that keeps history, mail, timers and effects, and survives a crash", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Keeper, "k");
  for (const value of ["1", "2"]) await aos.emit(Set, { key: "a", value }, { to: [Keeper, "k"] });
  await aos.emit(Set, { key: "timer", value: "on" }, { to: [Keeper, "k"] });
  await rest(aos);
  await aos.kernel.move("keeper/k", "pause");
  await aos.emit(Set, { key: "b", value: "waits" }, { to: [Keeper, "k"] });
  await rest(aos);
  const before = await aos.kernel.journal("keeper/k");
  assert.deepEqual(await aos.kernel.timeline.rewind("keeper/k", 2, { reason: "a test", by: "me" }), {
    agent: "keeper/k",
    to: 2,
    from: 5,
    turn: 6,
  });
  const after = await aos.kernel.journal("keeper/k");
  assert.deepEqual(after.slice(0, -1), before, "nothing of the past changed");
  assert.deepEqual([after.at(-1)?.kind, after.at(-1)?.note, after.at(-1)?.cause.source], ["rewind", "rewound to turn 2: a test", "me"]);
  const crashed = await onDisk(t, afterCrash(t, dir));
  await crashed.load(Keeper);
  assert.deepEqual((await crashed.kernel.state("keeper/k")).state, { a: "1" });
  assert.equal((await crashed.kernel.mailbox("keeper/k")).length, 2, "the mail and the timer");
  await crashed.kernel.move("keeper/k", "resume");
  await advance(crashed, 3_600_000);
  assert.deepEqual((await crashed.kernel.state("keeper/k")).state, { a: "1", b: "waits", later: "came" });
});

test("a rewind across a migration brings back the old version, which is migrated anew", async (t) => {
  const dir = folder(t);
  const old = await onDisk(t, dir);
  await old.register(AgedBefore, "a");
  await old.emit(Older, {}, { to: "aged/a" });
  await rest(old);
  const aos = await onDisk(t, afterCrash(t, dir));
  await aos.load(aged());
  await aos.emit(Older, {}, { to: "aged/a" });
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("aged/a")).state, { days: 1_095 });
  await aos.kernel.timeline.rewind("aged/a", 2);
  const { timeline } = aos.kernel;
  const versions = await Promise.all([1, 2, 3, 4].map(async (turn) => (await timeline.stateAt("aged/a", turn)).version));
  assert.deepEqual(versions, [1, 1, 2, 1]);
  await aos.emit(Older, {}, { to: "aged/a" });
  await rest(aos);
  assert.deepEqual(await aos.kernel.state("aged/a"), { state: { days: 1_095 }, version: 2, turn: 5 });
});

test("turns that never were, turns no longer retained, agents in a turn and terminated ones are refused", async (t) => {
  const release = Promise.withResolvers<void>();
  class Slow extends PurposeDrivenAgent.define({
    type: "slow",
    purpose: "Take its time",
    state: state(1, z.object({}), { initial: () => ({}) }),
    on: { later: Later },
  }) {
    readonly handlers = this.handle({ later: () => release.promise });
  }
  const aos = await scene(t, { journal: { bytesPerAgent: "4KiB", fullCopyEvery: 4, days: 1 } });
  await aos.register(Keeper, "k");
  const { timeline } = aos.kernel;
  for (const turn of [0, -1, 2, 1.5, Number.NaN]) await refused("TURN_NOT_FOUND", timeline.stateAt("keeper/k", turn));
  await refused("AGENT_NOT_FOUND", timeline.rewind("keeper/nobody", 1));
  for (let at = 0; at < 80; at++) await aos.emit(Set, { key: "a", value: String(at).padEnd(200, "x") }, { to: [Keeper, "k"] });
  await rest(aos);
  await advance(aos, 2 * 86_400_000);
  for (const work of [timeline.stateAt("keeper/k", 2), timeline.rewind("keeper/k", 2), timeline.fork("keeper/k", "f", { turn: 2 })]) {
    const { details } = await refused("FOLDED", work);
    const nearest = Number(details["nearest"]);
    assert.ok(nearest > 2);
    await timeline.stateAt("keeper/k", nearest);
    await refused("FOLDED", timeline.stateAt("keeper/k", nearest - 1));
  }
  await aos.register(Slow, "s");
  await aos.emit(Later, {}, { to: [Slow, "s"] });
  await rest(aos);
  await refused("LIFECYCLE_ILLEGAL", timeline.rewind("slow/s", 1));
  release.resolve();
  await rest(aos);
  await timeline.rewind("slow/s", 1);
  await aos.kernel.move("keeper/k", "terminate");
  await refused("AGENT_TERMINATED", timeline.rewind("keeper/k", 80));
});

test("a diff is a JSON Patch that leads from one state to the other", async (t) => {
  const aos = await scene(t);
  await aos.register(Keeper, "k");
  for (const [key, value] of [
    ["a/b", "1"],
    ["a/b", "2"],
    ["c~d", "3"],
    ["a/b", ""],
  ] as const)
    await aos.emit(Set, { key, value }, { to: [Keeper, "k"] });
  await rest(aos);
  const patch = async (from: number, to: number): Promise<unknown> => (await aos.kernel.timeline.diff("keeper/k", from, to)).patch;
  assert.deepEqual(await patch(2, 3), [{ op: "replace", path: "/a~1b", value: "2", was: "1" }]);
  assert.deepEqual(await patch(3, 5), [
    { op: "remove", path: "/a~1b", was: "2" },
    { op: "add", path: "/c~0d", value: "3" },
  ]);
  assert.deepEqual(await patch(2, 2), []);
});

test("a fork is paused, has neither mail nor timers, and goes its own way; its origin is untouched", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Keeper, "k");
  for (const value of ["1", "2"]) await aos.emit(Set, { key: "a", value }, { to: [Keeper, "k"] });
  await aos.emit(Set, { key: "timer", value: "on" }, { to: [Keeper, "k"] });
  await rest(aos);
  const origin = await aos.kernel.journal("keeper/k");
  assert.deepEqual(await aos.kernel.timeline.fork("keeper/k", "f", { turn: 2 }), { agent: "keeper/f", from: "keeper/k", turn: 2 });
  await refused("AGENT_EXISTS", aos.kernel.timeline.fork("keeper/k", "f"));
  await refused("ADDRESS_INVALID", aos.kernel.timeline.fork("keeper/k", "not an id"));
  const crashed = await onDisk(t, afterCrash(t, dir));
  await crashed.load(Keeper);
  assert.equal((await crashed.kernel.agent("keeper/f")).state, "paused");
  assert.deepEqual(await crashed.kernel.mailbox("keeper/f"), []);
  await crashed.emit(Set, { key: "b", value: "own" }, { to: [Keeper, "f"] });
  await rest(crashed);
  assert.deepEqual((await crashed.kernel.state("keeper/f")).state, { a: "1" }, "it waits");
  await crashed.kernel.move("keeper/f", "resume");
  await rest(crashed);
  assert.deepEqual((await crashed.kernel.state("keeper/f")).state, { a: "1", b: "own" });
  assert.deepEqual(await crashed.kernel.journal("keeper/k"), origin);
  assert.deepEqual((await crashed.kernel.timeline.stateAt("keeper/f", 1)).state, { a: "1" });
});

test("of two forks to one id that race, one is made and the other refused", async (t) => {
  const aos = await scene(t);
  await aos.register(Keeper, "k");
  const { timeline } = aos.kernel;
  const settled = Promise.allSettled([timeline.fork("keeper/k", "f"), timeline.fork("keeper/k", "f"), timeline.rewind("keeper/k", 1)]);
  await rest(aos);
  const [first, second, rewound] = await settled;
  assert.deepEqual([first.status, second.status, rewound.status], ["fulfilled", "rejected", "fulfilled"]);
  assert.equal(second.status === "rejected" && (second.reason as AosError).code, "AGENT_EXISTS");
  assert.equal((await aos.kernel.journal("keeper/f")).length, 1);
  await aos.kernel.move("keeper/f", "resume");
  await aos.emit(Set, { key: "a", value: "1" }, { to: [Keeper, "f"] });
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("keeper/f")).state, { a: "1" });
});

test("the effects of a fork are dry until it is resumed, for each repeat class and across a crash", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Keeper, "k");
  await aos.kernel.timeline.fork("keeper/k", "f", { start: true });
  const crashed = await onDisk(t, afterCrash(t, dir));
  await crashed.load(Keeper);
  assert.match((await crashed.kernel.agent("keeper/f")).reason ?? "", /forked from keeper\/k at turn 1; its effects are dry/);
  for (const each of [aos, crashed]) {
    calls.length = 0;
    seen.length = 0;
    const record = await ended(each, await each.emit(Act, { n: 1 }, { to: [Keeper, "f"] }));
    assert.deepEqual(calls, []);
    assert.deepEqual(seen, Array(3).fill("EFFECT_DRY false"));
    assert.deepEqual(
      record.effects.map(({ name, state: how }) => `${name} ${how}`),
      ["act-safe dry", "act-key dry", "act-never dry"],
    );
    assert.deepEqual(await each.kernel.effects({}), [], "no intent is left");
  }
  await crashed.kernel.move("keeper/f", "resume");
  await crashed.emit(Act, { n: 2 }, { to: [Keeper, "f"] });
  await rest(crashed);
  assert.deepEqual(calls, ["safe2", "key2", "never2"]);
  assert.equal((await crashed.kernel.agent("keeper/f")).reason, undefined);
});
