import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { type AgentOperatingSystem, event, PurposeDrivenAgent, state } from "../index.ts";
import { advance, ended, rest, scene } from "../../test/support/scene.ts";

const Job = event("job", z.object({ how: z.enum(["fine", "throw", "hang"]) }));
const Failed = event("aos.agent.failed", z.object({ agent: z.string(), reason: z.string(), at: z.number() }));
const counted = state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) });
const ONCE = { attempts: 1, backoff: "fixed", delayMs: 1 } as const;

class Boss extends PurposeDrivenAgent.define({
  type: "boss",
  purpose: "Hear of failures",
  state: state(1, z.object({ heard: z.array(z.string()) }), { initial: () => ({ heard: [] }) }),
  on: { failed: Failed },
}) {
  readonly handlers = this.handle({
    failed: (ctx, { data }) => void ctx.state.heard.push(data.agent),
  });
}

function worker(then: "quarantine" | "pause" | "dead-letter") {
  return class Worker extends PurposeDrivenAgent.define({
    type: "worker",
    purpose: "Work",
    state: counted,
    on: { job: Job },
    retry: ONCE,
    supervise: { restarts: 2, within: "1m", then, escalate: "boss/main" },
  }) {
    readonly handlers = this.handle({
      job: (ctx, { data }) => {
        if (data.how === "throw") throw new Error("broken");
        ctx.state.n++;
      },
    });
  };
}

const heard = async (aos: AgentOperatingSystem): Promise<unknown> => (await aos.kernel.state("boss/main")).state;

for (const [then, held] of [
  ["quarantine", "quarantined"],
  ["pause", "paused"],
] as const) {
  test(`an agent that fails more often than its intensity allows is ${held}, its supervisor is told, its mail waits for resume`, async (t) => {
    const Worker = worker(then);
    const aos = await scene(t);
    await aos.register(Boss, "main");
    await aos.register(Worker, "a");
    for (let n = 0; n < 3; n++) await aos.emit(Job, { how: "throw" }, { to: [Worker, "a"] });
    await rest(aos);
    await aos.emit(Job, { how: "fine" }, { to: [Worker, "a"] });
    await rest(aos);
    const info = await aos.kernel.agent("worker/a");
    assert.equal(info.state, held);
    assert.match(info.reason ?? "", /3 failures within 1m, 2 are allowed; the last: TURN_FAILED broken/);
    assert.deepEqual(await heard(aos), { heard: ["worker/a"] });
    assert.deepEqual((await aos.kernel.state("worker/a")).state, { n: 0 });
    const moves = (await aos.kernel.journal("worker/a")).filter(({ kind }) => kind === "lifecycle");
    assert.match(moves.at(-1)?.note ?? "", new RegExp(`^initialized → ${held}`));
    await aos.kernel.move("worker/a", "resume");
    await rest(aos);
    assert.deepEqual((await aos.kernel.state("worker/a")).state, { n: 1 });
    assert.equal((await aos.kernel.agent("worker/a")).reason, undefined);
    // Resuming begins a new count.
    await aos.emit(Job, { how: "throw" }, { to: [Worker, "a"] });
    await rest(aos);
    assert.equal((await aos.kernel.agent("worker/a")).state, "sleeping");
  });
}

test("failures that lie further apart than the window never add up", async (t) => {
  const Worker = worker("quarantine");
  const aos = await scene(t);
  await aos.register(Boss, "main");
  await aos.register(Worker, "a");
  for (let n = 0; n < 6; n++) {
    await aos.emit(Job, { how: "throw" }, { to: [Worker, "a"] });
    await advance(aos, 31_000);
  }
  assert.equal((await aos.kernel.agent("worker/a")).state, "sleeping");
  assert.deepEqual(await heard(aos), { heard: [] });
});

test("a handler that waits for ever is aborted after its deadline and retried; after three in a row its agent is quarantined", async (t) => {
  const tries: number[] = [];
  const dead: string[] = [];
  class Hanger extends PurposeDrivenAgent.define({
    type: "hanger",
    purpose: "Hang",
    state: counted,
    on: { job: Job },
    turnDeadlineMs: 1_000,
    retry: { attempts: 10, backoff: "fixed", delayMs: 10 },
  }) {
    readonly handlers = this.handle({
      job: async (ctx, { data }) => {
        tries.push(ctx.attempt);
        ctx.signal.addEventListener("abort", () => dead.push("aborted"));
        if (data.how === "hang") await new Promise(() => undefined);
        ctx.state.n++;
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Hanger, "a");
  await aos.register(Hanger, "b");
  await aos.emit(Job, { how: "hang" }, { to: [Hanger, "a"] });
  assert.equal((await ended(aos, await aos.emit(Job, { how: "fine" }, { to: [Hanger, "b"] }))).outcome, "done");
  await advance(aos, 10_000);
  const info = await aos.kernel.agent("hanger/a");
  assert.equal(info.state, "quarantined");
  assert.match(info.reason ?? "", /3 turns in a row made no progress/);
  assert.deepEqual(
    tries.filter((attempt) => attempt > 1),
    [2, 3],
  );
  assert.equal(dead.length, 3);
  const records = (await aos.kernel.journal("hanger/a")).filter(({ kind }) => kind === "event");
  assert.deepEqual(
    records.map(({ error }) => error?.code),
    ["TURN_ABORTED", "TURN_ABORTED", "TURN_ABORTED"],
  );
  assert.equal((await aos.kernel.mailbox("hanger/a")).length, 1, "what it could not handle is kept");
  assert.equal(aos.kernel.stats().inFlight, 0);
});

test("a handler that says that it makes progress may take longer than its deadline", async (t) => {
  class Slow extends PurposeDrivenAgent.define({
    type: "slow",
    purpose: "Take time",
    state: counted,
    on: { job: Job },
    turnDeadlineMs: 1_000,
  }) {
    readonly handlers = this.handle({
      job: async (ctx) => {
        for (let n = 0; n < 5; n++) {
          await new Promise<void>((resolve) => aos.testClock?.at((aos.testClock?.now() ?? 0) + 800, resolve));
          ctx.progress();
        }
        ctx.state.n++;
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Slow, "a");
  await aos.emit(Job, { how: "fine" }, { to: [Slow, "a"] });
  await advance(aos, 10_000);
  assert.deepEqual((await aos.kernel.state("slow/a")).state, { n: 1 });
});
