import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { AosError, command, event, every, PurposeDrivenAgent, state } from "../index.ts";
import { advance, afterCrash, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Go = event("go", z.object({ how: z.enum(["well", "badly", "stuck"]).default("well") }));

class Worker extends PurposeDrivenAgent.define({
  type: "worker",
  purpose: "Work",
  state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) }),
  on: { go: Go },
  commands: { count: command(z.object({}), z.number()) },
  schedules: { tick: every("1h") },
  retry: { attempts: 10, backoff: "fixed", delayMs: 100 },
}) {
  readonly handlers = this.handle({
    go: (ctx, { data: { how } }) => {
      if (how === "stuck" || (how === "badly" && ctx.attempt % 2 === 0)) throw new AosError("TIMEOUT", "stuck", { retryable: true });
      if (how === "badly") throw new Error("no");
      ctx.timer("later", "1h", Go, {});
      ctx.state.n++;
    },
    count: (ctx) => ctx.state.n,
    tick: () => undefined,
  });
}

test("what waits for an agent that is terminated becomes dead letters; its timers and schedules go, and its callers are told", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Worker, "a");
  await aos.emit(Go, {}, { to: [Worker, "a"] });
  await aos.emit(Go, { how: "badly" }, { to: [Worker, "a"], source: "other" });
  await rest(aos);
  await aos.kernel.move("worker/a", "pause");
  await aos.emit(Go, {}, { to: [Worker, "a"] });
  await aos.kernel.accept({
    target: "default/worker/a",
    kind: "event",
    name: "go",
    data: { how: "well" },
    deliverAt: Date.now() + 1e9,
  });
  const asked = refused("AGENT_TERMINATED", aos.kernel.command({ target: "worker/a", name: "count", data: {} }));
  await rest(aos);
  await aos.kernel.move("worker/a", "terminate");
  await asked;
  assert.deepEqual(await aos.kernel.mailbox("worker/a"), []);
  const { items } = await aos.kernel.deadLetters({ agent: "worker/a" });
  assert.deepEqual(
    items.map(({ reason }) => reason),
    Array.from({ length: 4 }, () => "AGENT_TERMINATED"),
  );
  const again = await onDisk(t, afterCrash(t, dir));
  await again.load(Worker);
  await advance(again, 7_200_000);
  assert.deepEqual(await again.kernel.mailbox("worker/a"), []);
  assert.equal((await again.kernel.agent("worker/a")).state, "terminated");
});

test("moving all agents of a state moves no others", async (t) => {
  const aos = await scene(t);
  for (const id of ["a", "b", "c"]) await aos.register(Worker, id);
  await aos.kernel.move("worker/b", "pause");
  const moved = await aos.kernel.moveAll({ type: "worker", state: "paused" }, "quarantine");
  assert.deepEqual(moved, { moved: 1, refused: 0 });
  const states = (await aos.kernel.agents({})).items.map(({ state: of }) => of);
  assert.deepEqual(states, ["sleeping", "quarantined", "sleeping"]);
});

test("an agent is stuck only where its turns get stuck one after another", async (t) => {
  const aos = await scene(t);
  await aos.register(Worker, "a");
  await aos.register(Worker, "b");
  await aos.emit(Go, { how: "badly" }, { to: [Worker, "a"] });
  await aos.emit(Go, { how: "stuck" }, { to: [Worker, "b"] });
  await advance(aos, 10_000);
  assert.equal((await aos.kernel.agent("worker/a")).state, "sleeping");
  assert.equal((await aos.kernel.deadLetters({ agent: "worker/a" })).items[0]?.attempts, 10);
  assert.equal((await aos.kernel.agent("worker/b")).state, "quarantined");
});

test("too many failures of an agent that is to lose its mail and go on cost it that mail alone", async (t) => {
  class Careless extends PurposeDrivenAgent.define({
    type: "careless",
    purpose: "Go on",
    state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) }),
    on: { go: Go },
    retry: { attempts: 100, backoff: "fixed", delayMs: 10 },
    supervise: { restarts: 2, within: "1m", then: "dead-letter" },
  }) {
    readonly handlers = this.handle({
      go: (ctx, { data: { how } }) => {
        if (how === "badly") throw new Error("no");
        ctx.state.n++;
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Careless, "a");
  await aos.emit(Go, { how: "badly" }, { to: [Careless, "a"] });
  await aos.emit(Go, {}, { to: [Careless, "a"] });
  await advance(aos, 1_000);
  const { items } = await aos.kernel.deadLetters({});
  assert.deepEqual(
    items.map(({ attempts }) => attempts),
    [3],
  );
  assert.deepEqual((await aos.kernel.state("careless/a")).state, { n: 1 });
});
