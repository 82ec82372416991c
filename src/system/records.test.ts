import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { SqliteStore } from "../adapters/sqlite/index.ts";
import { effect, event, PurposeDrivenAgent, state } from "../index.ts";
import { isFull } from "../kernel/index.ts";
import { advance, afterCrash, ended, folder, onDisk, rest, scene } from "../../test/support/scene.ts";

const Fail = event("fail", z.object({}));
const Note = event("note", z.object({ text: z.string() }));
const Loop = event("loop", z.object({}));
const Ref = z.object({ ref: z.string() });

class Writer extends PurposeDrivenAgent.define({
  type: "writer",
  purpose: "Write down",
  state: state(1, z.object({ texts: z.array(z.string()) }), { initial: () => ({ texts: [] }) }),
  on: { fail: Fail, note: Note, loop: Loop },
  retry: { attempts: 1, backoff: "fixed", delayMs: 100 },
  supervise: { restarts: 0, within: "1m" },
}) {
  readonly handlers = this.handle({
    fail: () => {
      throw new Error("no");
    },
    note: (ctx, { data }) => void (data.text !== "" && ctx.state.texts.push(data.text)),
    loop: (ctx) => {
      ctx.state.texts.push("loop");
      ctx.tell(ctx.self.address, Loop, {});
    },
  });
}

test("the outcome of mail that also quarantines its agent is the mail's own record", async (t) => {
  const aos = await scene(t);
  await aos.register(Writer, "a");
  const acks = await aos.emit(Fail, {}, { to: [Writer, "a"], key: "k" });
  const record = await ended(aos, acks);
  assert.equal(record.kind, "event");
  assert.equal(record.outcome, "dead");
  assert.equal((await aos.kernel.agent("writer/a")).state, "quarantined");
});

test("mail that overtakes other mail before either is written leaves the state that both made", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Writer, "a");
  await rest(aos);
  await Promise.all([
    aos.emit(Note, { text: "late" }, { to: [Writer, "a"], priority: 1 }),
    aos.emit(Note, { text: "early" }, { to: [Writer, "a"], priority: 9 }),
  ]);
  await rest(aos);
  const now = (await aos.kernel.state("writer/a")).state;
  assert.deepEqual(now, { texts: ["early", "late"] });
  const again = await onDisk(t, afterCrash(t, dir));
  await again.load(Writer);
  assert.deepEqual((await again.kernel.state("writer/a")).state, now);
});

test("every so many turns a whole state is kept, on a turn's own row, whether the turn changed it or not", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir, { limits: { chainDepth: 1 } });
  await aos.register(Writer, "a");
  const notes = Array.from({ length: 120 }, (_, at) => (at % 50 === 1 ? "a" : ""));
  for (const text of notes) await aos.emit(Note, { text }, { to: [Writer, "a"] });
  for (let round = 0; round < 6; round++) await aos.emit(Loop, {}, { to: [Writer, "a"] });
  await advance(aos, 1_000);
  const store = new SqliteStore({ path: join(afterCrash(t, dir), "aos.db") });
  await store.open();
  const agent = store.agent("default/writer/a");
  const rows = await store.journal(agent?.no ?? 0, 0, 1_000);
  await store.close();
  const cuts = rows.filter(({ body }) => body.startsWith('["chain.cut"'));
  assert.equal(cuts.length, 6);
  assert.ok(cuts.every(({ delta }) => delta === undefined));
  const whole = rows.filter(({ delta }) => delta !== undefined && isFull(delta));
  for (let from = 64; from <= rows.length; from += 64) {
    assert.ok(
      whole.some(({ turn }) => turn >= from && turn < from + 3),
      `no whole state from turn ${from}`,
    );
  }
});

test("no memo is left behind where the last attempt makes no call", async (t) => {
  let isUp = false;
  const Ping = effect("ping", {
    input: Ref,
    output: Ref,
    repeat: "key",
    run: () => ({ ref: "x" }),
  });
  class Pinger extends PurposeDrivenAgent.define({
    type: "pinger",
    purpose: "Ping once",
    state: state(1, z.object({}), { initial: () => ({}) }),
    on: { loop: Loop },
    uses: [Ping],
    retry: { attempts: 2, backoff: "fixed", delayMs: 100 },
  }) {
    readonly handlers = this.handle({
      loop: async (ctx) => {
        if (isUp) return;
        await ctx.effect(Ping, { ref: "x" });
        isUp = true;
        throw new Error("not yet");
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Pinger, "a");
  await aos.emit(Loop, {}, { to: [Pinger, "a"] });
  await rest(aos);
  assert.equal((await aos.kernel.effects({})).length, 1);
  await advance(aos, 1_000);
  assert.equal((await aos.kernel.journal("pinger/a")).at(-1)?.outcome, "done");
  assert.deepEqual(await aos.kernel.effects({}), []);
});
