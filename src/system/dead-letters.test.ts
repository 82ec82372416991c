import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { AosError, effect, event, PurposeDrivenAgent, refuse, state } from "../index.ts";
import { afterCrash, ended, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Job = event("job", z.object({ n: z.number(), how: z.enum(["throw", "unavailable", "refuse"]).default("throw") }));
const calls: string[] = [];
const Pay = effect("pay", {
  input: z.object({ n: z.number() }),
  output: z.object({}),
  repeat: "key",
  run: (_input, { idempotencyKey }) => {
    calls.push(idempotencyKey);
    return {};
  },
});
let isBroken = true;

class Payer extends PurposeDrivenAgent.define({
  type: "payer",
  purpose: "Pay, then perhaps fail",
  state: state(1, z.object({ done: z.array(z.number()) }), { initial: () => ({ done: [] }) }),
  on: { job: Job },
  uses: [Pay],
  retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
}) {
  readonly handlers = this.handle({
    job: async (ctx, { data }) => {
      await ctx.effect(Pay, { n: data.n });
      if (data.how === "refuse") throw refuse("no");
      if (isBroken && data.how === "unavailable") throw new AosError("UNAVAILABLE", "down");
      if (isBroken) throw new Error("broken");
      ctx.state.done.push(data.n);
    },
  });
}

async function withDead(t: Parameters<typeof scene>[0], dir?: string) {
  isBroken = true;
  calls.length = 0;
  const aos = dir === undefined ? await scene(t) : await onDisk(t, dir);
  for (const id of ["a", "b"]) await aos.register(Payer, id);
  await aos.emit(Job, { n: 1 }, { to: [Payer, "a"] });
  await aos.emit(Job, { n: 2, how: "unavailable" }, { to: [Payer, "a"] });
  await aos.emit(Job, { n: 3 }, { to: [Payer, "b"] });
  await rest(aos);
  return aos;
}

test("mail that fails for good is a dead letter: found by agent and reason, paged, shown with its data and error", async (t) => {
  const aos = await withDead(t);
  assert.equal((await aos.kernel.deadLetters({})).items.length, 3);
  assert.equal((await aos.kernel.deadLetters({ agent: "payer/a" })).items.length, 2);
  const { items } = await aos.kernel.deadLetters({ agent: "payer/a", reason: "UNAVAILABLE" });
  assert.deepEqual(
    items.map(({ data, attempts, error }) => [data, attempts, error.message]),
    [[{ n: 2, how: "unavailable" }, 1, "down"]],
  );
  assert.deepEqual(await aos.kernel.deadLetter(items[0]?.id ?? ""), items[0]);
  const seen: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await aos.kernel.deadLetters({}, { cursor, limit: 1 });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next;
    if (cursor === undefined) break;
  }
  assert.equal(new Set(seen).size, 3);
  await refused("DEAD_LETTER_NOT_FOUND", aos.kernel.deadLetter("nothing"));
  await refused("DEAD_LETTER_NOT_FOUND", aos.kernel.redrive("nothing"));
  await refused("DEAD_LETTER_NOT_FOUND", aos.kernel.drop("nothing"));
});

test("a redriven letter keeps its id and what its effects did, over a crash too; a fresh one calls them again", async (t) => {
  const dir = folder(t);
  await withDead(t, dir);
  assert.equal(calls.length, 3);
  const aos = await onDisk(t, afterCrash(t, dir));
  await aos.load(Payer);
  isBroken = false;
  const [first, second] = (await aos.kernel.deadLetters({ agent: "payer/a" })).items;
  assert.ok(first && second);
  assert.deepEqual(await aos.kernel.redrive(first.id), { id: first.id, agent: "payer/a" });
  await rest(aos);
  assert.equal(calls.length, 3, "the payment is remembered");
  const again = await aos.kernel.redrive(second.id, { fresh: true });
  assert.notEqual(again.id, second.id);
  await rest(aos);
  assert.equal(calls.length, 4);
  assert.equal(new Set(calls).size, 4, "a fresh letter has a key of its own");
  const { done } = (await aos.kernel.state("payer/a")).state as { done: readonly number[] };
  assert.deepEqual(
    done.toSorted((left, right) => left - right),
    [1, 2],
  );
  assert.equal((await aos.kernel.deadLetters({})).items.length, 1);
});

test("all letters that a filter finds are redriven at once; one that fails again is a dead letter again, once", async (t) => {
  const aos = await withDead(t);
  assert.equal(await aos.kernel.redriveAll({}), 3);
  await rest(aos);
  assert.equal((await aos.kernel.deadLetters({})).items.length, 3);
  isBroken = false;
  assert.equal(await aos.kernel.redriveAll({ agent: "payer/a" }), 2);
  await rest(aos);
  assert.equal(await aos.kernel.redriveAll({ reason: "TURN_FAILED" }), 1);
  await rest(aos);
  assert.deepEqual((await aos.kernel.deadLetters({})).items, []);
  assert.deepEqual((await aos.kernel.state("payer/b")).state, { done: [3] });
});

test("a dropped letter is gone, with what was remembered for it; a refusal never becomes one", async (t) => {
  const aos = await withDead(t);
  const { items } = await aos.kernel.deadLetters({});
  for (const { id } of items) await aos.kernel.drop(id);
  assert.deepEqual((await aos.kernel.deadLetters({})).items, []);
  assert.deepEqual(await aos.kernel.effects({}), []);
  const record = await ended(aos, await aos.emit(Job, { n: 4, how: "refuse" }, { to: [Payer, "a"] }));
  assert.equal(record.outcome, "refused");
  assert.deepEqual((await aos.kernel.deadLetters({})).items, []);
});

test("a letter of an agent that was terminated cannot be redriven", async (t) => {
  const aos = await withDead(t);
  const [letter] = (await aos.kernel.deadLetters({ agent: "payer/b" })).items;
  await aos.kernel.move("payer/b", "terminate");
  await refused("AGENT_TERMINATED", aos.kernel.redrive(letter?.id ?? ""));
});
