import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { type AgentOperatingSystem, event, PurposeDrivenAgent, state, type TopicMessage } from "../index.ts";
import { advance, ended, refused, rest, scene } from "../../test/support/scene.ts";

const News = event("news", z.object({ n: z.number(), order: z.object({ status: z.string() }).optional() }));
const Say = event("say", z.object({ topic: z.string(), isFailing: z.boolean().default(false) }));
const listed = state(1, z.object({ got: z.array(z.number()) }), { initial: () => ({ got: [] }) });

function reader(topic: string, where?: Readonly<Record<string, string | number>>) {
  return class Reader extends PurposeDrivenAgent.define({
    type: "reader",
    purpose: "Read",
    state: listed,
    on: { news: News, say: Say },
    topics: [{ topic, event: News, ...(where === undefined ? {} : { where }) }],
    retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
  }) {
    readonly handlers = this.handle({
      news: (ctx, { data }) => void ctx.state.got.push(data.n),
      say: async (ctx, { data }) => {
        await ctx.publish(data.topic, News, { n: 99 });
        if (data.isFailing) throw new Error("after all");
      },
    });
  };
}

const got = async (aos: AgentOperatingSystem, id = "a"): Promise<unknown> =>
  ((await aos.kernel.state(`reader/${id}`)).state as { got: unknown }).got;

for (const [pattern, expected] of [
  ["a.b", [2]],
  ["a.*", [2, 5]],
  ["*.b", [2, 6]],
  ["a.>", [2, 3, 4, 5]],
  ["*.*.c", [3]],
  [">", [1, 2, 3, 4, 5, 6]],
] as const) {
  test(`a subscription to ${pattern} gets what its words say, and nothing else`, async (t) => {
    const aos = await scene(t);
    await aos.register(reader(pattern), "a");
    for (const [at, topic] of ["a", "a.b", "a.b.c", "a.b.c.d", "a.x", "x.b"].entries())
      await aos.messageBus.publish(topic, { n: at + 1 }, { type: "news" });
    await rest(aos);
    assert.deepEqual(await got(aos), expected);
  });
}

test("a filter takes messages whose payload has the values at the paths, all of them", async (t) => {
  const aos = await scene(t);
  await aos.register(reader("orders", { "order.status": "paid", n: 1 }), "a");
  for (const data of [
    { n: 1 },
    { n: 1, order: { status: "open" } },
    { n: 2, order: { status: "paid" } },
    { n: 1, order: { status: "paid" } },
  ])
    await aos.messageBus.publish("orders", data, { type: "news" });
  await rest(aos);
  assert.deepEqual(await got(aos), [1]);
});

test("what an agent publishes reaches subscribers with its turn, and only if the turn succeeds", async (t) => {
  const aos = await scene(t);
  const Reader = reader("world");
  for (const id of ["a", "b", "c"]) await aos.register(Reader, id);
  await ended(aos, await aos.emit(Say, { topic: "world", isFailing: true }, { to: [Reader, "a"] }));
  await rest(aos);
  assert.deepEqual(await got(aos, "b"), []);
  await ended(aos, await aos.emit(Say, { topic: "world" }, { to: [Reader, "a"] }));
  await rest(aos);
  for (const id of ["b", "c"]) assert.deepEqual(await got(aos, id), [99], id);
});

test("a subscription at run time can be asked for twice and ended; another tenant never hears", async (t) => {
  const aos = await scene(t);
  const Reader = reader("unused");
  await aos.register(Reader, "a");
  await aos.register(Reader, "a", { tenant: "other" });
  for (let n = 0; n < 2; n++) await aos.kernel.subscribe("reader/a", "extra.*", "news");
  assert.equal((await aos.messageBus.publish("extra.x", { n: 1 }, { type: "news" })).receivers, 1);
  assert.equal((await aos.messageBus.publish("extra.x", { n: 1 }, { type: "news", tenant: "other" })).receivers, 0);
  await aos.kernel.unsubscribe("reader/a", "extra.*");
  assert.equal((await aos.messageBus.publish("extra.x", { n: 2 }, { type: "news" })).receivers, 0);
  await rest(aos);
  assert.deepEqual(await got(aos), [1]);
  await refused("USAGE", aos.kernel.subscribe("reader/a", "extra.>.x", "news"));
  await refused("USAGE", aos.messageBus.publish("extra.*", {}));
});

test("a function that is subscribed gets topic, type and data; ended, it gets nothing more", async (t) => {
  const aos = await scene(t);
  const seen: TopicMessage[] = [];
  const subscription = await aos.messageBus.subscribe("a.>", (message) => void seen.push(message));
  await aos.messageBus.publish("a.b", { n: 1 });
  await rest(aos);
  assert.deepEqual(
    seen.map(({ topic, type, data }) => [topic, type, data]),
    [["a.b", "a.b", { n: 1 }]],
  );
  await subscription.unsubscribe();
  await aos.messageBus.publish("a.b", { n: 2 });
  await rest(aos);
  assert.equal(seen.length, 1);
});

test("a function that fails gets its message again", async (t) => {
  const aos = await scene(t);
  let calls = 0;
  await aos.messageBus.subscribe("a", () => {
    if (++calls < 3) throw new Error("not yet");
  });
  await aos.messageBus.publish("a", {});
  await advance(aos, 60_000);
  assert.equal(calls, 3);
});
