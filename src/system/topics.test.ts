import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { event, PurposeDrivenAgent, state } from "../index.ts";
import { advance, afterCrash, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const News = event("news", z.object({ n: z.number() }));
const Say = event("say", z.object({ how: z.enum(["tell", "publish"]), n: z.number() }));

class Reader extends PurposeDrivenAgent.define({
  type: "reader",
  purpose: "Read news, a burst at a time",
  state: state(1, z.object({ bursts: z.array(z.array(z.number())) }), {
    initial: () => ({ bursts: [] }),
  }),
  on: { news: News },
  topics: [{ topic: "news.*", event: News }],
}) {
  readonly handlers = this.handle({
    news: {
      debounce: "1s",
      run: (ctx, { batch }) => void ctx.state.bursts.push(batch.map(({ n }) => n)),
    },
  });
}

class Writer extends PurposeDrivenAgent.define({
  type: "writer",
  purpose: "Write news",
  state: state(1, z.object({}), { initial: () => ({}) }),
  on: { say: Say },
}) {
  readonly handlers = this.handle({
    say: async (ctx, { data: { how, n } }) => {
      if (how === "tell") ctx.agent(Reader, "a").tell(News, { n });
      else await ctx.publish("news.world", News, { n });
    },
  });
}

test("messages to a function wait while no function is there, and reach it when one subscribes under the name", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.messageBus.subscribe("orders.*", () => undefined, { name: "orders" });
  await rest(aos);
  const again = await onDisk(t, afterCrash(t, dir));
  await again.messageBus.subscribe("other", () => undefined);
  await again.messageBus.publish("orders.new", { n: 1 });
  await advance(again, 3_600_000);
  assert.equal((await again.kernel.deadLetters({})).items.length, 0);
  const waiting = await again.kernel.mailbox("aos-subscriber/orders");
  assert.deepEqual(
    waiting.map(({ parked }) => (parked as { kind: string }).kind),
    ["code-missing"],
  );
  const heard: unknown[] = [];
  await again.messageBus.subscribe("orders.*", ({ data }) => void heard.push(data), {
    name: "orders",
  });
  await rest(again);
  assert.deepEqual(heard, [{ n: 1 }]);
});

test("publications under one key that come at the same moment are one", async (t) => {
  const aos = await scene(t);
  await aos.register(Reader, "a");
  const publish = (n: number) => aos.kernel.publish("default", "news.world", { name: "news", data: { n }, key: "k" });
  const both = await Promise.all([publish(1), publish(1)]);
  assert.deepEqual(
    both.map(({ duplicate }) => duplicate),
    [false, true],
  );
  assert.equal(both[0].id, both[1].id);
  await refused("IDEMPOTENCY_CONFLICT", publish(2));
  await advance(aos, 2_000);
  assert.deepEqual((await aos.kernel.state("reader/a")).state, { bursts: [[1]] });
});

test("a burst is one turn, whoever sends it: agents, their publications, publications from outside", async (t) => {
  const aos = await scene(t);
  await aos.register(Reader, "a");
  await aos.register(Writer, "w");
  for (const how of ["tell", "tell", "publish", "publish"] as const) {
    await aos.emit(Say, { how, n: 1 }, { to: [Writer, "w"] });
    await advance(aos, 400);
  }
  for (const n of [2, 3]) {
    await aos.kernel.publish("default", "news.world", { name: "news", data: { n } });
    await advance(aos, 400);
  }
  await advance(aos, 2_000);
  assert.deepEqual((await aos.kernel.state("reader/a")).state, { bursts: [[1, 1, 1, 1, 2, 3]] });
});
