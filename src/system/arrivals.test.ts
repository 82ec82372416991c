import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  type AgentOperatingSystem,
  AosError,
  command,
  effect,
  event,
  PurposeDrivenAgent,
  query,
  state,
  type TurnRecord,
} from "../index.ts";
import { advance, afterCrash, ended, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Add = event("add", z.object({ by: z.number() }));
const Many = event(
  "many",
  z.object({
    messages: z.number(),
    decisions: z.number().default(0),
    timers: z.number().default(0),
  }),
);
const Big = event("big", z.object({ text: z.string() }));

class Counter extends PurposeDrivenAgent.define({
  type: "counter",
  purpose: "Count",
  state: state(1, z.object({ n: z.number(), codes: z.array(z.string()) }), {
    initial: () => ({ n: 0, codes: [] }),
  }),
  on: { add: Add, many: Many, big: Big },
}) {
  readonly handlers = this.handle({
    add: (ctx, { data }) => {
      ctx.state.n += data.by;
      if (data.by === 100) ctx.tell("counter/b", Add, { by: 1 });
    },
    many: (ctx, { data }) => {
      try {
        for (let n = 0; n < data.decisions; n++) ctx.decide({ choice: "x", because: "y" });
        for (let n = 0; n < data.timers; n++) ctx.timer(`t${n}`, "1h", Add, { by: 1 });
        for (let n = 0; n < data.messages; n++) ctx.tell("counter/b", Add, { by: 1 });
      } catch (thrown) {
        ctx.state.codes.push((thrown as AosError).code);
      }
    },
    big: (ctx, { data }) => {
      try {
        ctx.tell("counter/b", Big, { text: data.text.repeat(3) });
      } catch (thrown) {
        ctx.state.codes.push((thrown as AosError).code);
      }
    },
  });
}

const total = async (aos: AgentOperatingSystem, id = "a"): Promise<number> =>
  ((await aos.kernel.state(`counter/${id}`)).state as { n: number }).n;
const codes = async (aos: AgentOperatingSystem): Promise<unknown> =>
  ((await aos.kernel.state("counter/a")).state as { codes: unknown }).codes;

test("one key is accepted once: again it is a duplicate with the first id, with another payload a conflict", async (t) => {
  const aos = await scene(t);
  await aos.register(Counter, "a");
  await aos.register(Counter, "b");
  const to = { to: [Counter, "a"], key: "k" } as const;
  const [first] = await aos.emit(Add, { by: 1 }, to);
  const [before] = await aos.emit(Add, { by: 1 }, to);
  await rest(aos);
  const [after] = await aos.emit(Add, { by: 1 }, to);
  assert.deepEqual([first?.duplicate, before?.duplicate, after?.duplicate], [false, true, true]);
  assert.deepEqual([before?.id, after?.id, after?.seq], [first?.id, first?.id, first?.seq]);
  const error = await refused("IDEMPOTENCY_CONFLICT", aos.emit(Add, { by: 2 }, to));
  assert.equal(error.details["id"], first?.id);
  await refused("IDEMPOTENCY_CONFLICT", aos.emit(Big, { text: "" }, to));
  // The key is the sender's and the receiver's: another of either may use it.
  assert.equal((await aos.emit(Add, { by: 1 }, { to: [Counter, "b"], key: "k" }))[0]?.duplicate, false);
  assert.equal((await aos.emit(Add, { by: 1 }, { ...to, source: "elsewhere" }))[0]?.duplicate, false);
  await rest(aos);
  assert.equal(await total(aos), 2);
});

test("a hundred who send under one key at once are one event, and all hear the same id", async (t) => {
  const aos = await scene(t);
  await aos.register(Counter, "a");
  const acks = await Promise.all(Array.from({ length: 100 }, () => aos.emit(Add, { by: 1 }, { to: [Counter, "a"], key: "k" })));
  assert.equal(new Set(acks.map(([ack]) => ack?.id)).size, 1);
  assert.equal(acks.filter(([ack]) => ack?.duplicate === false).length, 1);
  await rest(aos);
  assert.equal(await total(aos), 1);
});

test("keys are remembered over a crash, of mail that waits and of mail that is done", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(Counter, "a");
  for (let n = 0; n < 300; n++) await before.emit(Add, { by: 1 }, { to: [Counter, "a"], key: `done ${n}` });
  await rest(before);
  await before.kernel.move("counter/a", "pause");
  for (let n = 0; n < 50; n++) await before.emit(Add, { by: 1 }, { to: [Counter, "a"], key: `waits ${n}` });
  await before.emit(Add, { by: 1 }, { to: [Counter, "a"], key: "later", in: "1h" });
  const aos = await onDisk(t, afterCrash(t, dir));
  await aos.load(Counter);
  const keys = [...Array.from({ length: 300 }, (_, n) => `done ${n}`), ...Array.from({ length: 50 }, (_, n) => `waits ${n}`), "later"];
  for (const key of keys) assert.equal((await aos.emit(Add, { by: 1 }, { to: "counter/a", key }))[0]?.duplicate, true, key);
  await refused("IDEMPOTENCY_CONFLICT", aos.emit(Add, { by: 7 }, { to: "counter/a", key: "done 0" }));
  await aos.kernel.move("counter/a", "resume");
  await advance(aos, 3_600_000);
  assert.equal(await total(aos), 351);
});

test("a turn leaves so many messages, timers and decisions and no more; what it may not leave can be caught", async (t) => {
  const aos = await scene(t, { limits: { messagesPerTurn: 4 } });
  await aos.register(Counter, "a");
  await aos.register(Counter, "b");
  for (const data of [{ messages: 4 }, { messages: 5 }, { messages: 1, decisions: 4 }, { messages: 1, timers: 2, decisions: 2 }])
    await ended(aos, await aos.emit(Many, data, { to: [Counter, "a"] }));
  assert.deepEqual(await codes(aos), ["LIMIT_EXCEEDED", "LIMIT_EXCEEDED", "LIMIT_EXCEEDED"]);
});

test("a payload of as many bytes as the limit is accepted, one more is refused, from outside and from a turn", async (t) => {
  const aos = await scene(t, { limits: { payloadBytes: 1_024 } });
  await aos.register(Counter, "a");
  await aos.register(Counter, "b");
  const frame = JSON.stringify({ text: "" }).length;
  await aos.emit(Big, { text: "x".repeat(1_024 - frame) }, { to: [Counter, "a"] });
  await refused("PAYLOAD_TOO_LARGE", aos.emit(Big, { text: "x".repeat(1_025 - frame) }, { to: [Counter, "a"] }));
  // Bytes count, not characters.
  await refused("PAYLOAD_TOO_LARGE", aos.emit(Big, { text: "é".repeat(1_024 / 2 - 3) }, { to: [Counter, "a"] }));
  await rest(aos);
  assert.deepEqual(await codes(aos), ["PAYLOAD_TOO_LARGE"]);
});

test("mail for nobody, of no known event, malformed, of an impossible priority or not JSON is refused and leaves nothing", async (t) => {
  const aos = await scene(t);
  await aos.register(Counter, "a");
  await refused("AGENT_NOT_FOUND", aos.emit(Add, { by: 1 }, { to: "counter/x" }));
  await refused("EVENT_NOT_ACCEPTED", aos.processEvent({ type: "unknown", data: {}, to: "counter/a" }));
  await refused("PAYLOAD_INVALID", aos.processEvent({ type: "add", data: { by: "1" }, to: "counter/a" }));
  await refused("LIMIT_EXCEEDED", aos.emit(Add, { by: 1 }, { to: "counter/a", priority: 10 }));
  await refused("NOT_JSON", aos.processEvent({ type: "add", data: { by: 1, at: new Date(0) }, to: "counter/a" }));
  assert.deepEqual(await aos.kernel.mailbox("counter/a"), []);
});

test("a stream that resumes from any record has every later one once and in order, however often it is cut", async (t) => {
  const aos = await scene(t);
  for (const id of ["a", "b"]) await aos.register(Counter, id);
  const seen: TurnRecord[] = [];
  let after = 0;
  for (let round = 0; round < 20; round++) {
    const ending = new AbortController();
    const reading = (async () => {
      let left = 1 + (round % 2);
      for await (const record of aos.kernel.stream({ after, signal: ending.signal })) {
        seen.push(record);
        after = record.seq;
        if (--left === 0) return;
      }
    })();
    for (let n = 0; n < 2; n++) await aos.emit(Add, { by: 1 }, { to: [Counter, n === 0 ? "a" : "b"] });
    await rest(aos);
    ending.abort();
    await reading;
  }
  const last = new AbortController();
  for await (const record of aos.kernel.stream({ after, signal: last.signal })) {
    seen.push(record);
    if (record.seq === aos.kernel.lastRecord()) last.abort();
  }
  const stored = [...(await aos.kernel.journal("counter/a")), ...(await aos.kernel.journal("counter/b"))].map(({ seq }) => seq);
  assert.deepEqual(
    seen.map(({ seq }) => seq),
    stored.toSorted((left, right) => left - right),
  );
});

test("a stream of one agent shows that agent alone, from now on unless it says from where", async (t) => {
  const aos = await scene(t);
  for (const id of ["a", "b"]) await aos.register(Counter, id);
  await ended(aos, await aos.emit(Add, { by: 1 }, { to: [Counter, "a"] }));
  const ending = new AbortController();
  const seen: [string, string][] = [];
  const reading = (async () => {
    for await (const { agent, cause } of aos.watch([Counter, "a"], { signal: ending.signal })) seen.push([agent, cause.type]);
  })();
  for (const id of ["b", "a"]) await aos.emit(Big, { text: "" }, { to: [Counter, id] });
  await rest(aos);
  ending.abort();
  await reading;
  assert.deepEqual(seen, [["counter/a", "big"]]);
});

test("why shows everything that an event led to, from agent to agent, by its id, its chain or its CloudEvents id", async (t) => {
  const aos = await scene(t);
  for (const id of ["a", "b"]) await aos.register(Counter, id);
  const [ack] = await aos.processEvent({
    type: "add",
    data: { by: 100 },
    to: "counter/a",
    id: "order-7",
  });
  await aos.emit(Add, { by: 1 }, { to: [Counter, "b"] });
  await rest(aos);
  const led = (await aos.kernel.why(ack?.id ?? "")).map(({ agent, cause }) => [agent, cause.depth]);
  assert.deepEqual(led, [
    ["counter/a", 0],
    ["counter/b", 1],
  ]);
  assert.deepEqual(
    (await aos.kernel.why("order-7")).map(({ agent }) => agent),
    ["counter/a"],
  );
  assert.deepEqual(await aos.kernel.why("nothing"), []);
  assert.deepEqual(await aos.kernel.why('"%_'), []);
});

test("contracts take valibot and arktype wherever they take zod: events, commands, queries, effects, state and configuration", async (t) => {
  const Named = event("named", v.object({ name: v.pipe(v.string(), v.trim(), v.minLength(1)) }));
  const Sized = event("sized", type({ size: "number > 0" }));
  const Twice = effect("twice", {
    input: type({ n: "number" }),
    output: v.number(),
    repeat: "safe",
    run: ({ n }) => n * 2,
  });
  class Mixed extends PurposeDrivenAgent.define({
    type: "mixed",
    purpose: "Take any schema",
    config: type({ unit: "'cm' | 'in'" }),
    state: state(1, v.object({ names: v.array(v.string()), size: v.number() }), {
      initial: () => ({ names: [], size: 0 }),
    }),
    on: { named: Named, sized: Sized },
    commands: { rename: command(type({ to: "string >= 1" }), v.object({ was: v.string() })) },
    queries: { size: query(v.object({ times: v.number() }), type("number")) },
    uses: [Twice],
    retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
  }) {
    readonly handlers = this.handle({
      named: (ctx, { data }) => void ctx.state.names.push(data.name),
      sized: async (ctx, { data }) => void (ctx.state.size = data.size > 1_000 ? Number.NaN : await ctx.effect(Twice, { n: data.size })),
      rename: (ctx, { to }) => {
        const [was = ""] = ctx.state.names.splice(0, 1, to);
        return { was };
      },
      size: ({ size }, { times }) => size * times,
    });
  }
  const aos = await scene(t);
  await refused("PAYLOAD_INVALID", aos.register(Mixed, "a", { config: { unit: "m" } }));
  await aos.register(Mixed, "a", { config: { unit: "cm" } });
  const to = { to: [Mixed, "a"] } as const;
  await refused("PAYLOAD_INVALID", aos.emit(Named, { name: "  " }, to));
  const error = await refused("PAYLOAD_INVALID", aos.emit(Sized, { size: -1 }, to));
  assert.match(JSON.stringify(error.details), /size/);
  await aos.emit(Named, { name: " ann " }, to);
  await aos.emit(Sized, { size: 4 }, to);
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("mixed/a")).state, { names: ["ann"], size: 8 });
  assert.deepEqual(await aos.call(Mixed, "a", "rename", { to: "bob" }), { was: "ann" });
  await refused("PAYLOAD_INVALID", aos.call(Mixed, "a", "rename", { to: "" }));
  assert.equal(await aos.query(Mixed, "a", "size", { times: 2 }), 16);
  await refused("PAYLOAD_INVALID", aos.query(Mixed, "a", "size", { times: "2" } as never));
  const record = await ended(aos, await aos.emit(Sized, { size: 2_000 }, to));
  assert.equal(record.error?.code, "STATE_INVALID");
});
