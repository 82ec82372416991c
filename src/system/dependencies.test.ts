import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { type AgentOperatingSystem, event, PurposeDrivenAgent, state } from "../index.ts";
import { afterCrash, ended, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Work = event("work", z.object({}));
const counted = state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) });
const after = (...dependsOn: string[]) => ({ restarts: 3, within: "1m", dependsOn });

class Base extends PurposeDrivenAgent.define({
  type: "base",
  purpose: "Be there",
  state: counted,
  on: { work: Work },
}) {
  readonly handlers = this.handle({ work: (ctx) => void ctx.state.n++ });
}
class Middle extends PurposeDrivenAgent.define({
  type: "middle",
  purpose: "Stand on base",
  state: counted,
  on: { work: Work },
  supervise: after("base/main"),
}) {
  readonly handlers = this.handle({ work: (ctx) => void ctx.state.n++ });
}
class Top extends PurposeDrivenAgent.define({
  type: "top",
  purpose: "Stand on middle",
  state: counted,
  on: { work: Work },
  supervise: after("middle/main"),
}) {
  readonly handlers = this.handle({ work: (ctx) => void ctx.state.n++ });
}

const count = async (aos: AgentOperatingSystem, address: string): Promise<number> =>
  ((await aos.kernel.state(address)).state as { n: number }).n;

test("dependencies that close a cycle are refused when the last of them is loaded, and it is not loaded", async (t) => {
  class Egg extends PurposeDrivenAgent.define({
    type: "egg",
    purpose: "",
    state: counted,
    supervise: after("hen/a"),
  }) {
    readonly handlers = this.handle({});
  }
  class Cock extends PurposeDrivenAgent.define({
    type: "cock",
    purpose: "",
    state: counted,
    supervise: after("egg/a"),
  }) {
    readonly handlers = this.handle({});
  }
  class Hen extends PurposeDrivenAgent.define({
    type: "hen",
    purpose: "",
    state: counted,
    supervise: after("cock/a"),
  }) {
    readonly handlers = this.handle({});
  }
  class Narcissus extends PurposeDrivenAgent.define({
    type: "narcissus",
    purpose: "",
    state: counted,
    supervise: after("narcissus/a"),
  }) {
    readonly handlers = this.handle({});
  }
  const aos = await scene(t);
  await aos.load(Egg);
  await aos.load(Cock);
  const error = await refused("DEPENDENCY_INVALID", aos.load(Hen));
  assert.deepEqual(error.details["path"], ["hen", "cock", "egg", "hen"]);
  await refused("TYPE_UNKNOWN", aos.kernel.register("hen", { id: "a" }));
  await refused("DEPENDENCY_INVALID", aos.load(Narcissus));
});

test("an agent whose dependency's type nobody knows is refused with the path, alone and in bulk; nothing is left", async (t) => {
  const aos = await scene(t);
  await aos.load(Middle);
  await aos.load(Top);
  const error = await refused("DEPENDENCY_INVALID", aos.register(Top, "main"));
  assert.deepEqual(error.details["path"], ["top", "middle", "base"]);
  await refused("DEPENDENCY_INVALID", aos.kernel.registerMany("top", [{ id: "main" }]));
  assert.deepEqual(await aos.agents({ type: "top" }), []);
  await aos.load(Base);
  assert.equal((await aos.register(Top, "main")).created, true);
});

test("an agent waits until what it depends on is registered, through others too, and says so", async (t) => {
  const aos = await scene(t);
  await aos.loadAll([Base, Middle, Top]);
  await aos.register(Top, "main");
  await aos.register(Middle, "main");
  await aos.emit(Work, {}, { to: [Top, "main"] });
  await rest(aos);
  const waiting = await aos.kernel.agent("top/main");
  assert.equal(waiting.state, "sleeping");
  assert.equal(waiting.reason, "waits for middle/main → base/main (not registered)");
  assert.equal(waiting.mailbox, 1);
  assert.deepEqual(await aos.agents({ state: "running" }), []);
  await aos.register(Base, "main");
  await rest(aos);
  assert.equal(await count(aos, "top/main"), 1);
  assert.equal((await aos.kernel.agent("top/main")).reason, undefined);
});

for (const move of ["pause", "kill", "quarantine"] as const) {
  test(`an agent waits while a dependency is held by ${move}, and wakes by itself when that is resumed`, async (t) => {
    const aos = await scene(t);
    for (const agent of [Base, Middle, Top]) await aos.register(agent, "main");
    const { state: held } = await aos.kernel.move("base/main", move);
    for (const agent of [Middle, Top]) await aos.emit(Work, {}, { to: [agent, "main"] });
    await rest(aos);
    assert.equal((await aos.kernel.agent("middle/main")).reason, `waits for base/main (${held})`);
    assert.deepEqual([await count(aos, "middle/main"), await count(aos, "top/main")], [0, 0]);
    await aos.kernel.move("base/main", "resume");
    await rest(aos);
    assert.deepEqual([await count(aos, "middle/main"), await count(aos, "top/main")], [1, 1]);
  });
}

test("a terminated dependency holds its dependents for good; they can still be moved and read", async (t) => {
  const aos = await scene(t);
  await aos.register(Base, "main");
  await aos.register(Middle, "main");
  await aos.kernel.move("base/main", "terminate");
  await aos.emit(Work, {}, { to: [Middle, "main"] });
  await rest(aos);
  assert.equal((await aos.kernel.agent("middle/main")).reason, "waits for base/main (terminated)");
  assert.equal((await aos.kernel.move("middle/main", "pause", { reason: "given up" })).reason, "given up");
});

test("mail that was stored before a restart waits for its dependency's code, though its agent is not in memory", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  for (const agent of [Base, Middle]) await before.register(agent, "main");
  await before.kernel.move("base/main", "pause");
  await before.emit(Work, {}, { to: [Middle, "main"] });
  await rest(before);
  const aos = await onDisk(t, afterCrash(t, dir));
  // The type of the dependency is known to the store, so registering again changes nothing.
  assert.equal((await aos.register(Middle, "main")).created, false);
  await rest(aos);
  assert.equal((await aos.kernel.agent("middle/main")).reason, "waits for base/main (paused)");
  await aos.kernel.move("base/main", "resume");
  await rest(aos);
  assert.equal((await aos.kernel.agent("middle/main")).reason, "waits for base/main (code-missing)");
  assert.equal(await count(aos, "middle/main"), 0);
  await aos.load(Base);
  await rest(aos);
  assert.equal(await count(aos, "middle/main"), 1);
});

test("agents that were dropped from memory while they waited wake when their dependency can run", async (t) => {
  const aos = await scene(t, { cache: { bytes: 1 } });
  await aos.register(Base, "main");
  await aos.kernel.move("base/main", "pause");
  for (let n = 0; n < 20; n++) await aos.register(Middle, `m${n}`);
  for (let n = 0; n < 20; n++) await aos.emit(Work, {}, { to: [Middle, `m${n}`] });
  await rest(aos);
  assert.ok(aos.kernel.stats().agentsInMemory < 20);
  await aos.kernel.move("base/main", "resume");
  await rest(aos);
  for (let n = 0; n < 20; n++) assert.equal(await count(aos, `middle/m${n}`), 1);
});

test("a dependency is one of the agent's own tenant", async (t) => {
  const aos = await scene(t);
  await aos.register(Base, "main");
  await aos.register(Middle, "main", { tenant: "other" });
  const [ack] = await aos.emit(Work, {}, { to: "other/middle/main" });
  assert.ok(ack);
  await rest(aos);
  assert.equal((await aos.kernel.agent("other/middle/main")).reason, "waits for other/base/main (not registered)");
  await aos.register(Base, "main", { tenant: "other" });
  assert.equal((await ended(aos, [ack])).outcome, "done");
});
