import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { AosError, command, event, PurposeDrivenAgent, refuse, state } from "../index.ts";
import { advance, ended, refused, rest, scene } from "../../test/support/scene.ts";

const Start = event(
  "start",
  z.object({
    to: z.string().default("desk/b"),
    timeoutMs: z.number().optional(),
    failAt: z.number().default(0),
  }),
);
const counted = state(1, z.object({ n: z.number(), codes: z.array(z.string()) }), {
  initial: () => ({ n: 0, codes: [] }),
});

class Desk extends PurposeDrivenAgent.define({
  type: "desk",
  purpose: "Answer",
  state: counted,
  on: { start: Start },
  commands: {
    add: command(z.object({ by: z.number() }), z.object({ total: z.number() })),
    refuse: command(z.object({}), z.object({})),
    stall: command(z.object({}), z.object({})),
    wrong: command(z.object({}), z.object({ must: z.string() })),
    circle: command(z.object({ to: z.string() }), z.object({})),
  },
  retry: { attempts: 3, backoff: "fixed", delayMs: 100 },
}) {
  readonly handlers = this.handle({
    add: (ctx, { by }) => ({ total: (ctx.state.n += by) }),
    refuse: () => {
      throw refuse("not today", { why: "closed" });
    },
    stall: () => new Promise<never>(() => undefined),
    wrong: () => ({}) as never,
    circle: async (ctx, { to }) => {
      await ctx.agent(Desk, to).ask("circle", { to: ctx.self.id });
      return {};
    },
    start: async (ctx, { data }) => {
      const id = data.to.split("/")[1] ?? "";
      try {
        if (data.timeoutMs !== undefined) await ctx.agent(Desk, id).ask("stall", {}, { timeoutMs: data.timeoutMs });
        else if (id === "circle" || id === "a") await ctx.agent(Desk, id).ask("circle", { to: "a" });
        else ctx.state.n = (await ctx.agent(Desk, id).ask("add", { by: 1 })).total;
      } catch (thrown) {
        ctx.state.codes.push((thrown as AosError).code);
      }
      if (ctx.attempt <= data.failAt) throw new Error("once more");
    },
  });
}

test("a command changes state and is answered after its commit", async (t) => {
  const aos = await scene(t);
  await aos.register(Desk, "a");
  assert.deepEqual(await aos.call(Desk, "a", "add", { by: 2 }), { total: 2 });
  assert.deepEqual((await aos.kernel.state("desk/a")).state, { n: 2, codes: [] });
});

test("a command under one key runs once, and every caller gets the one reply", async (t) => {
  const aos = await scene(t);
  await aos.register(Desk, "a");
  const answers = await Promise.all(Array.from({ length: 5 }, () => aos.call(Desk, "a", "add", { by: 1 }, { key: "k" })));
  assert.deepEqual(
    answers,
    Array.from({ length: 5 }, () => ({ total: 1 })),
  );
  assert.deepEqual(await aos.call(Desk, "a", "add", { by: 1 }, { key: "k" }), { total: 1 });
  await refused("IDEMPOTENCY_CONFLICT", aos.call(Desk, "a", "add", { by: 2 }, { key: "k" }));
});

test("a command that is refused, unknown, malformed or answered wrongly says so with its own code", async (t) => {
  const aos = await scene(t);
  await aos.register(Desk, "a");
  const error = await refused("REFUSED", aos.call(Desk, "a", "refuse", {}));
  assert.deepEqual([error.message, error.details], ["not today", { why: "closed" }]);
  await refused("EVENT_NOT_ACCEPTED", aos.call(Desk, "a", "nothing" as "add", { by: 1 }));
  await refused("PAYLOAD_INVALID", aos.call(Desk, "a", "add", { by: "x" } as never));
  await refused("AGENT_NOT_FOUND", aos.call(Desk, "nobody", "add", { by: 1 }));
  const wrong = refused("TURN_FAILED", aos.call(Desk, "a", "wrong", {}));
  await advance(aos, 1_000);
  await wrong;
  assert.equal((await aos.kernel.deadLetters({})).items.length, 1, "the refused one is none");
});

test("a command that takes longer than its caller waits is durable: REPLY_PENDING names the id under which its reply is found", async (t) => {
  const aos = await scene(t);
  await aos.register(Desk, "a");
  await aos.kernel.move("desk/a", "pause");
  const waiting = refused("REPLY_PENDING", aos.call(Desk, "a", "add", { by: 1 }, { waitMs: 1_000 }));
  await advance(aos, 1_000);
  const { details } = await waiting;
  const id = String(details["id"]);
  assert.equal(await aos.kernel.reply(id), undefined);
  await aos.kernel.move("desk/a", "resume");
  await rest(aos);
  assert.deepEqual(await aos.kernel.reply(id), { output: { total: 1 } });
});

test("an ask is answered once: the asker's retries get the same reply", async (t) => {
  const aos = await scene(t);
  await aos.register(Desk, "a");
  await aos.register(Desk, "b");
  const acks = await aos.emit(Start, { failAt: 2 }, { to: [Desk, "a"] });
  await advance(aos, 1_000);
  const record = await ended(aos, acks);
  assert.deepEqual([record.outcome, record.attempts], ["done", 3]);
  assert.deepEqual((await aos.kernel.state("desk/a")).state, { n: 1, codes: [] });
  assert.deepEqual((await aos.kernel.state("desk/b")).state, { n: 1, codes: [] });
});

test("an ask of oneself, or of somebody who waits for the answer already, is a cycle and is refused at once", async (t) => {
  const aos = await scene(t);
  await aos.register(Desk, "a");
  await aos.register(Desk, "circle");
  await ended(aos, await aos.emit(Start, { to: "desk/a" }, { to: [Desk, "a"] }));
  const acks = await aos.emit(Start, { to: "desk/circle" }, { to: [Desk, "a"] });
  await advance(aos, 1_000);
  await ended(aos, acks);
  assert.deepEqual((await aos.kernel.state("desk/a")).state, {
    n: 0,
    codes: ["ASK_CYCLE", "ASK_CYCLE"],
  });
});

test("an ask that is not answered in time is ASK_TIMEOUT, which the handler may catch", async (t) => {
  const aos = await scene(t);
  await aos.register(Desk, "a");
  await aos.register(Desk, "b");
  const acks = await aos.emit(Start, { timeoutMs: 500 }, { to: [Desk, "a"] });
  await advance(aos, 500);
  await ended(aos, acks);
  assert.deepEqual((await aos.kernel.state("desk/a")).state, { n: 0, codes: ["ASK_TIMEOUT"] });
});
