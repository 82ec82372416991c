import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { type AgentOperatingSystem, event, PurposeDrivenAgent, state } from "../index.ts";
import {
  advance,
  afterCrash,
  ended,
  folder,
  onDisk,
  refused,
  rest,
  scene,
} from "../../test/support/scene.ts";

const Job = event("job", z.object({ isHanging: z.boolean().default(false) }));

class Worker extends PurposeDrivenAgent.define({
  type: "worker",
  purpose: "Work",
  config: z.object({ speed: z.number().default(1) }),
  state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) }),
  on: { job: Job },
  topics: [{ topic: "jobs", event: Job }],
}) {
  readonly handlers = this.handle({
    job: async (ctx, { data }) => {
      if (data.isHanging && !isFreed) await new Promise(() => undefined);
      ctx.state.n++;
    },
  });
}

let isFreed = false;
const count = async (aos: AgentOperatingSystem, address = "worker/a"): Promise<number> =>
  ((await aos.kernel.state(address)).state as { n: number }).n;
const moves = async (aos: AgentOperatingSystem): Promise<unknown> =>
  (await aos.kernel.journal("worker/a"))
    .filter(({ kind }) => kind === "lifecycle")
    .map(({ note, cause }) => [note, cause.source]);

test("a paused agent accepts mail and handles it when it is resumed; each move is journaled with who made it and why", async (t) => {
  const aos = await scene(t);
  await aos.register(Worker, "a");
  await aos.kernel.move("worker/a", "pause", { reason: "audit", by: "ann" });
  await aos.emit(Job, {}, { to: [Worker, "a"] });
  await rest(aos);
  const info = await aos.kernel.agent("worker/a");
  assert.deepEqual([info.state, info.reason, info.mailbox], ["paused", "audit", 1]);
  assert.equal(await count(aos), 0);
  await aos.kernel.move("worker/a", "pause");
  await aos.kernel.move("worker/a", "resume", { by: "ann" });
  await rest(aos);
  assert.equal(await count(aos), 1);
  assert.deepEqual(await moves(aos), [
    ["created → initialized", "operator"],
    ["initialized → paused: audit", "ann"],
    ["paused → initialized", "ann"],
  ]);
});

for (const move of ["kill", "quarantine"] as const) {
  test(`${move} ends the turn in flight at once; its mail stays and counts no attempt`, async (t) => {
    isFreed = false;
    const aos = await scene(t);
    await aos.register(Worker, "a");
    await aos.emit(Job, { isHanging: true }, { to: [Worker, "a"] });
    await rest(aos);
    assert.equal((await aos.kernel.agent("worker/a")).state, "running");
    await aos.kernel.move("worker/a", move);
    assert.equal(aos.kernel.stats().inFlight, 0);
    const [waiting] = await aos.kernel.mailbox("worker/a");
    assert.equal(waiting?.attempts, 0);
    isFreed = true;
    await aos.kernel.move("worker/a", "resume");
    await rest(aos);
    assert.equal(await count(aos), 1);
  });
}

test("a paused or quarantined agent stays so over a crash", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(Worker, "a");
  await before.register(Worker, "b");
  await before.kernel.move("worker/a", "pause");
  await before.kernel.move("worker/b", "quarantine", { reason: "odd" });
  await before.emit(Job, {}, { to: [Worker, "a"] });
  const aos = await onDisk(t, afterCrash(t, dir));
  await aos.load(Worker);
  await rest(aos);
  assert.equal((await aos.kernel.agent("worker/a")).state, "paused");
  assert.equal((await aos.kernel.agent("worker/b")).reason, "odd");
  assert.equal(await count(aos), 0);
  await aos.kernel.move("worker/a", "resume");
  await rest(aos);
  assert.equal(await count(aos), 1);
});

test("a terminated agent is a tombstone: no mail, no move, no new agent at its address, but its journal", async (t) => {
  const aos = await scene(t);
  await aos.register(Worker, "a");
  const receivers = async (): Promise<number> =>
    (await aos.messageBus.publish("jobs", {}, { type: "job" })).receivers;
  assert.equal(await receivers(), 1);
  await rest(aos);
  await aos.unregister([Worker, "a"]);
  await refused("AGENT_TERMINATED", aos.emit(Job, {}, { to: [Worker, "a"] }));
  await refused("LIFECYCLE_ILLEGAL", aos.kernel.move("worker/a", "resume"));
  await refused("LIFECYCLE_ILLEGAL", aos.kernel.move("worker/a", "pause"));
  await refused("AGENT_TERMINATED", aos.register(Worker, "a"));
  await refused("AGENT_TERMINATED", aos.kernel.registerMany("worker", [{ id: "b" }, { id: "a" }]));
  await refused("AGENT_NOT_FOUND", aos.kernel.agent("worker/b"));
  assert.equal(await receivers(), 0);
  assert.equal((await aos.unregister([Worker, "a"])).state, "terminated");
  assert.equal(await count(aos), 1);
  assert.equal((await aos.agents({ state: "terminated" })).length, 1);
});

test("moving all of a type counts those that cannot make the move", async (t) => {
  const aos = await scene(t);
  for (const id of ["a", "b", "c"]) await aos.register(Worker, id);
  await aos.kernel.move("worker/c", "terminate");
  assert.deepEqual(await aos.kernel.moveAll({ type: "worker" }, "pause"), { moved: 2, refused: 1 });
  assert.equal((await aos.agents({ state: "paused" })).length, 2);
});

test("registering again changes nothing, neither alone nor at once; another configuration takes its place", async (t) => {
  const aos = await scene(t);
  const answers = await Promise.all(Array.from({ length: 10 }, () => aos.register(Worker, "a")));
  assert.equal(answers.filter(({ created }) => created).length, 1);
  await ended(aos, await aos.emit(Job, {}, { to: [Worker, "a"] }));
  assert.deepEqual(await aos.register(Worker, "a"), { address: "worker/a", created: false });
  assert.equal(await count(aos), 1);
  assert.deepEqual((await aos.kernel.agent("worker/a")).config, { speed: 1 });
  await aos.register(Worker, "a", { config: { speed: 3 } });
  assert.deepEqual((await aos.kernel.agent("worker/a")).config, { speed: 3 });
});

test("a registration that is refused leaves nothing, in bulk none of the others either", async (t) => {
  const aos = await scene(t);
  await aos.load(Worker);
  await refused("PAYLOAD_INVALID", aos.register(Worker, "a", { config: { speed: "fast" } }));
  await refused("ADDRESS_INVALID", aos.register(Worker, "a/b"));
  await refused("TYPE_UNKNOWN", aos.kernel.register("nobody", { id: "a" }));
  const many = Array.from({ length: 1_500 }, (_, n) => ({ id: `n${n}` }));
  await refused(
    "PAYLOAD_INVALID",
    aos.kernel.registerMany("worker", [...many, { id: "last", config: { speed: "fast" } }]),
  );
  assert.deepEqual(await aos.agents({ type: "worker" }), []);
  assert.deepEqual(await aos.kernel.registerMany("worker", [...many, { id: "n0" }]), {
    created: 1_500,
    existing: 1,
  });
  assert.deepEqual(await aos.kernel.registerMany("worker", many), { created: 0, existing: 1_500 });
  assert.equal(
    (await ended(aos, await aos.emit(Job, {}, { to: [Worker, "n1499"] }))).outcome,
    "done",
  );
});

test("an agent whose first state its own schema refuses is not created", async (t) => {
  class Broken extends PurposeDrivenAgent.define({
    type: "broken",
    purpose: "",
    state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: "none" }) as never }),
  }) {
    readonly handlers = this.handle({});
  }
  const aos = await scene(t);
  await refused("STATE_INVALID", aos.register(Broken, "a"));
  await refused("STATE_INVALID", aos.kernel.registerMany("broken", [{ id: "a" }]));
  assert.deepEqual(await aos.agents({ type: "broken" }), []);
});

test("an agent whose code is not loaded accepts mail, says so, and handles it once the code is there", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(Worker, "a");
  const aos = await onDisk(t, afterCrash(t, dir));
  await aos.loadAll([]);
  await aos.kernel.accept({ target: "default/worker/a", kind: "event", name: "job", data: {} });
  await aos.kernel.accept({
    target: "default/worker/a",
    kind: "event",
    name: "unheard-of",
    data: {},
  });
  await advance(aos, 60_000);
  assert.equal((await aos.kernel.agent("worker/a")).state, "code-missing");
  assert.equal((await aos.agents({ state: "code-missing" })).length, 1);
  await refused("TYPE_UNKNOWN", aos.kernel.query("worker/a", "n", {}));
  await aos.load(Worker);
  await rest(aos);
  assert.equal(await count(aos), 1);
  const { items } = await aos.kernel.deadLetters({});
  assert.deepEqual(
    items.map(({ reason, name }) => [reason, name]),
    [["SCHEMA_MISMATCH", "unheard-of"]],
  );
});
