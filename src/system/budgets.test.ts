import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { z } from "zod";
import { AosError, event, PurposeDrivenAgent, state } from "../index.ts";
import { advance, afterCrash, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Go = event("go", z.object({ fail: z.boolean().default(false), idle: z.boolean().default(false) }));

function worker(budget: Readonly<Record<string, { readonly hour: number }>>) {
  return class Worker extends PurposeDrivenAgent.define({
    type: "worker",
    purpose: "Work within a budget",
    state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) }),
    on: { go: Go },
    budget,
    retry: { attempts: 2, backoff: "fixed", delayMs: 100 },
  }) {
    readonly handlers = this.handle({
      go: async (ctx, { data }) => {
        await Promise.resolve();
        if (data.fail) throw new Error("no");
        if (!data.idle) ctx.state.n++;
      },
    });
  };
}

test("a wake is one for all the mail that is there: the budget of wakes counts it once, and parks what comes later", async (t) => {
  const Worker = worker({ wakes: { hour: 2 } });
  const aos = await scene(t);
  await aos.register(Worker, "a");
  const go = (): Promise<unknown> => aos.emit(Go, {}, { to: [Worker, "a"] });
  await Promise.all([go(), go(), go()]);
  await rest(aos);
  assert.equal(aos.status().stats.wakes, 1);
  await go();
  await rest(aos);
  assert.equal(aos.status().stats.wakes, 2);
  await Promise.all([go(), go()]);
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("worker/a")).state, { n: 4 });
  const waiting = await aos.kernel.mailbox("worker/a");
  assert.equal(waiting.length, 2);
  assert.deepEqual(
    waiting.map(({ parked }) => (parked as { on: string } | undefined)?.on),
    ["wakes", undefined],
  );
  await advance(aos, 3_600_000);
  assert.deepEqual((await aos.kernel.state("worker/a")).state, { n: 6 });
});

test("a wake is wasted where none of its turns left anything", async (t) => {
  const Worker = worker({});
  const aos = await scene(t);
  await aos.register(Worker, "a");
  const go = (idle: boolean): Promise<unknown> => aos.emit(Go, { idle }, { to: [Worker, "a"] });
  await Promise.all([go(true), go(false), go(true)]);
  await rest(aos);
  await Promise.all([go(true), go(true)]);
  await rest(aos);
  const { wakes, wastedWakes } = aos.status().stats;
  assert.deepEqual({ wakes, wastedWakes }, { wakes: 2, wastedWakes: 1 });
});

test("attempts that failed stay counted after a restart", async (t) => {
  const Worker = worker({ turns: { hour: 3 } });
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Worker, "a");
  await aos.emit(Go, { fail: true }, { to: [Worker, "a"] });
  await advance(aos, 1_000);
  assert.equal((await aos.kernel.deadLetters({})).items.length, 1);
  const again = await onDisk(t, afterCrash(t, dir));
  await again.load(Worker);
  for (let n = 0; n < 3; n++) await again.emit(Go, {}, { to: [Worker, "a"] });
  await rest(again);
  assert.deepEqual((await again.kernel.state("worker/a")).state, { n: 1 });
  assert.equal((await again.kernel.mailbox("worker/a")).length, 2);
});

test("counts of periods long past are dropped, those of the present are kept", async (t) => {
  const Worker = worker({ turns: { hour: 10 } });
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Worker, "a");
  const go = (): Promise<unknown> => aos.emit(Go, {}, { to: [Worker, "a"] });
  const counts = (): unknown => {
    const db = new DatabaseSync(join(afterCrash(t, dir), "aos.db"));
    try {
      return db.prepare("SELECT count(*) AS n FROM ledger_sums").get()?.["n"];
    } finally {
      db.close();
    }
  };
  await go();
  await rest(aos);
  assert.equal(counts(), 1);
  await advance(aos, 39 * 24 * 3_600_000);
  await go();
  await rest(aos);
  assert.equal(counts(), 2);
  await advance(aos, 2 * 24 * 3_600_000);
  assert.equal(counts(), 1);
});

test("mail that the store refused is not handled, though its agent's counts were still being read", async (t) => {
  const Worker = worker({ turns: { hour: 3 } });
  const aos = await scene(t);
  await aos.register(Worker, "a");
  const { store } = aos;
  const [sum, commit] = [store.ledgerSum.bind(store), store.commit.bind(store)];
  store.ledgerSum = async (cls, key) => {
    for (let round = 0; round < 5; round++) await new Promise<void>((resolve) => setImmediate(resolve));
    return sum(cls, key);
  };
  store.commit = () => {
    throw new AosError("DISK_FULL", "no space");
  };
  await refused("DISK_FULL", aos.emit(Go, {}, { to: [Worker, "a"] }));
  store.commit = commit;
  await advance(aos, 5_000);
  assert.deepEqual((await aos.kernel.state("worker/a")).state, { n: 0 });
});
