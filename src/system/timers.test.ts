import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { event, PurposeDrivenAgent, state } from "../index.ts";
import { advance, folder, onDisk, rest, scene } from "../../test/support/scene.ts";

const Do = event(
  "do",
  z.object({
    what: z.enum(["set", "cancel", "both"]),
    name: z.string().default("t"),
    after: z.string().default("1m"),
    tag: z.string().default("x"),
  }),
);
const Rang = event("rang", z.object({ tag: z.string() }));

let failures = 0;

class Sleeper extends PurposeDrivenAgent.define({
  type: "sleeper",
  purpose: "Set timers",
  state: state(1, z.object({ rang: z.array(z.string()) }), { initial: () => ({ rang: [] }) }),
  on: { do: Do, rang: Rang },
  retry: { attempts: 5, backoff: "fixed", delayMs: 10_000 },
}) {
  readonly handlers = this.handle({
    do: (ctx, { data }) => {
      if (data.what === "both") {
        ctx.timer(data.name, data.after, Rang, { tag: data.tag });
        ctx.cancelTimer(data.name);
      } else if (data.what === "set") ctx.timer(data.name, data.after, Rang, { tag: data.tag });
      else ctx.cancelTimer(data.name);
    },
    rang: (ctx, { data }) => {
      if (failures-- > 0) throw new Error("not now");
      ctx.state.rang.push(data.tag);
    },
  });
}

type Aos = Awaited<ReturnType<typeof scene>>;
const rang = async (aos: Aos): Promise<unknown> => ((await aos.kernel.state("sleeper/a")).state as { rang: unknown }).rang;
const send = async (aos: Aos, data: { what: "set" | "cancel" | "both"; name?: string; after?: string; tag?: string }): Promise<void> => {
  await aos.emit(Do, data, { to: [Sleeper, "a"] });
  await rest(aos);
};

test("a timer fires once at its time; one of the same name takes its place; a cancelled one never fires", async (t) => {
  const aos = await scene(t);
  await aos.register(Sleeper, "a");
  await send(aos, { what: "set", tag: "first" });
  await send(aos, { what: "set", tag: "second", after: "2m" });
  await send(aos, { what: "set", tag: "other", name: "other" });
  await send(aos, { what: "set", tag: "never", name: "gone" });
  await send(aos, { what: "cancel", name: "gone" });
  await send(aos, { what: "both", name: "both", tag: "never" });
  assert.equal((await aos.kernel.mailbox("sleeper/a")).length, 2);
  await advance(aos, 59_999);
  assert.deepEqual(await rang(aos), []);
  await advance(aos, 1);
  assert.deepEqual(await rang(aos), ["other"]);
  await advance(aos, 600_000);
  assert.deepEqual(await rang(aos), ["other", "second"]);
});

test("a timer outlives its process, and fires after it where it was due meanwhile", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(Sleeper, "a");
  await send(before, { what: "set", tag: "kept", after: "1h" });
  await before.shutdown();
  const aos = await onDisk(t, dir);
  await aos.load(Sleeper);
  await advance(aos, 3_500_000);
  assert.deepEqual(await rang(aos), []);
  await advance(aos, 200_000);
  assert.deepEqual(await rang(aos), ["kept"]);
});

test("a timer that is set again while its last ring is retried loses nothing and holds nobody up", async (t) => {
  const aos = await scene(t);
  await aos.register(Sleeper, "a");
  failures = 1;
  await send(aos, { what: "set", tag: "one", after: "1s" });
  await advance(aos, 1_000);
  assert.deepEqual(await rang(aos), []);
  await send(aos, { what: "set", tag: "two", after: "1s" });
  await advance(aos, 60_000);
  assert.deepEqual(await rang(aos), ["one", "two"]);
});

test("a turn that fails sets no timer", async (t) => {
  class Hasty extends PurposeDrivenAgent.define({
    type: "hasty",
    purpose: "Set a timer and fail",
    state: state(1, z.object({}), { initial: () => ({}) }),
    on: { do: Do, rang: Rang },
    retry: { attempts: 1, backoff: "fixed", delayMs: 0 },
  }) {
    readonly handlers = this.handle({
      do: (ctx) => {
        ctx.timer("t", "1s", Rang, { tag: "x" });
        throw new Error("no");
      },
      rang: () => undefined,
    });
  }
  const aos = await scene(t);
  await aos.register(Hasty, "a");
  await aos.emit(Do, { what: "set" }, { to: [Hasty, "a"] });
  await rest(aos);
  assert.deepEqual(await aos.kernel.mailbox("hasty/a"), []);
});
