/** Recorded turns are run again against other code, and every difference has its name. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { AosError, command, effect, event, every, PurposeDrivenAgent, state } from "../index.ts";
import { journalLines } from "../kernel/index.ts";
import { replay } from "../testing/index.ts";
import { advance, afterCrash, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Ordered = event("ordered", z.object({ id: z.string(), amount: z.number() }));
const Paid = event("paid", z.object({ id: z.string(), ref: z.string() }));
let calls = 0;
const Pay = effect("pay", {
  input: z.object({ id: z.string(), amount: z.number() }),
  output: z.object({ ref: z.string() }),
  repeat: "key",
  key: ({ id }) => id,
  run: ({ id }) => {
    calls++;
    if (id === "bad") throw new AosError("EFFECT_FAILED", "no money", { retryable: false });
    return { ref: `r-${id}` };
  },
});

class Book extends PurposeDrivenAgent.define({
  type: "book",
  purpose: "Write down",
  state: state(1, z.object({ refs: z.array(z.string()) }), { initial: () => ({ refs: [] }) }),
  on: { paid: Paid },
  commands: { count: command(z.object({}), z.object({ count: z.number() })) },
}) {
  readonly handlers = this.handle({
    paid: (ctx, e) => void ctx.state.refs.push(e.data.ref),
    count: (ctx) => ({ count: ctx.state.refs.length }),
  });
}

/** The till in several versions of its code. */
function till(change: "" | "fee" | "quiet" | "amount" | "twice" | "throws" | "decide" | "reply" = "") {
  return class Till extends PurposeDrivenAgent.define({
    type: "till",
    purpose: "Take money",
    state: state(1, z.object({ total: z.number(), lucky: z.number(), known: z.number() }), {
      initial: () => ({ total: 0, lucky: 0, known: 0 }),
    }),
    on: { ordered: Ordered },
    commands: { close: command(z.object({}), z.object({ total: z.number() })) },
    schedules: { hourly: every("1h") },
    uses: [Pay],
  }) {
    readonly handlers = this.handle({
      ordered: async (ctx, e) => {
        if (change === "throws") throw new Error("a new bug");
        ctx.state.lucky = ctx.random();
        try {
          const input = change === "amount" ? { ...e.data, amount: e.data.amount + 1 } : e.data;
          const { ref } = await ctx.effect(Pay, input);
          if (change === "twice") await ctx.effect(Pay, input);
          ctx.state.total += e.data.amount + (change === "fee" ? 1 : 0);
          if (change !== "quiet") ctx.tell("book/main", Paid, { id: e.data.id, ref });
        } catch (thrown) {
          if (!(thrown instanceof AosError) || thrown.code !== "EFFECT_FAILED") throw thrown;
        }
        ctx.decide({ choice: change === "decide" ? "wait" : "pay", because: "due" });
        ctx.timer("later", "1h", Ordered, { id: `later-${e.data.id}`, amount: 0 });
      },
      close: async (ctx) => {
        ctx.state.known = (await ctx.agent(Book, "main").ask("count", {})).count;
        return { total: ctx.state.total + (change === "reply" ? 1 : 0) };
      },
      hourly: (ctx, tick) => void (ctx.state.known = tick.scheduledAt),
    });
  };
}

/** Records a few turns, and writes them into a file. */
async function recorded(t: TestContext): Promise<string> {
  const aos = await scene(t, { journal: { payloads: true } });
  await aos.register(Book, "main");
  await aos.register(till(), "a");
  for (const id of ["first", "i1", "bad", "i2"]) {
    await aos.emit(Ordered, { id, amount: 5 }, { to: "till/a" });
    await rest(aos);
  }
  const closed = aos.call(till(), "a", "close", {});
  await advance(aos, 10);
  assert.deepEqual(await closed, { total: 15 });
  await advance(aos, 3_600_000);
  const journal = await aos.kernel.replayable("till/a");
  assert.ok(journal);
  const file = join(folder(t), "till.jsonl");
  writeFileSync(file, journalLines(journal).join("\n"));
  return file;
}

test("the same code does the same: effects, answers, failures, randomness and time come from the journal, and nothing leaves", async (t) => {
  const file = await recorded(t);
  calls = 0;
  const { replayed, skipped, differences } = await replay(file, [till(), Book]);
  assert.deepEqual(differences, []);
  assert.ok(replayed >= 6, String(replayed));
  assert.deepEqual(skipped, {});
  assert.equal(calls, 0);
});

const EXPECTED = {
  fee: [/^state \/total /, /another state/],
  quiet: [/^message /, /no longer sends paid to book\/main/],
  amount: [/^effect /, /calls effect pay, with another input/],
  twice: [/^effect /, /calls effect pay: the recorded turn did not/],
  throws: [/^failure /, /a new bug/],
  decide: [/^decision \/0\/choice /, /decides otherwise/],
  reply: [/^reply \/total /, /replies otherwise/],
} as const;

for (const [change, [what, detail]] of Object.entries(EXPECTED)) {
  test(`a change of the code is named: ${change}`, async (t) => {
    const { differences } = await replay(await recorded(t), [till(change as keyof typeof EXPECTED), Book]);
    const lines = differences.map((each) => `${each.what} ${each.path} ${each.detail}`);
    assert.ok(
      lines.some((line) => what.test(line) && detail.test(line)),
      lines.join("\n"),
    );
    assert.ok(differences.every(({ agent, turn }) => agent === "till/a" && turn > 1));
  });
}

test("states of an older version are migrated on both sides of the comparison", async (t) => {
  const file = await recorded(t);
  const migrate = {
    1: (old: { total: number; lucky: number; known: number }) => ({ cents: old.total * 100, lucky: old.lucky, known: old.known }),
  };
  const next = (cents: number) =>
    class Till extends PurposeDrivenAgent.define({
      type: "till",
      purpose: "Take money",
      state: state(2, z.object({ cents: z.number(), lucky: z.number(), known: z.number() }), {
        initial: () => ({ cents: 0, lucky: 0, known: 0 }),
        migrate,
      }),
      on: { ordered: Ordered },
      commands: { close: command(z.object({}), z.object({ total: z.number() })) },
      schedules: { hourly: every("1h") },
      uses: [Pay],
    }) {
      readonly handlers = this.handle({
        ordered: async (ctx, e) => {
          ctx.state.lucky = ctx.random();
          const paid = await ctx.effect(Pay, e.data).catch(() => undefined);
          if (paid !== undefined) {
            ctx.state.cents += e.data.amount * cents;
            ctx.tell("book/main", Paid, { id: e.data.id, ref: paid.ref });
          }
          ctx.decide({ choice: "pay", because: "due" });
          ctx.timer("later", "1h", Ordered, { id: `later-${e.data.id}`, amount: 0 });
        },
        close: async (ctx) => {
          ctx.state.known = (await ctx.agent(Book, "main").ask("count", {})).count;
          return { total: ctx.state.cents / 100 };
        },
        hourly: (ctx, tick) => void (ctx.state.known = tick.scheduledAt),
      });
    };
  assert.deepEqual((await replay(file, [next(100)])).differences, []);
  assert.ok((await replay(file, [next(10)])).differences.some(({ path }) => path === "/cents"));
});

test("a journal of before and after a migration says which version each of its states has", async (t) => {
  const Old = till();
  const dir = folder(t);
  const before = await onDisk(t, dir, { journal: { payloads: true } });
  await before.register(Book, "main");
  await before.register(Old, "a");
  for (const id of ["a", "b"]) await before.emit(Ordered, { id, amount: 1 }, { to: "till/a" });
  await rest(before);
  class Newer extends PurposeDrivenAgent.define({
    type: "till",
    purpose: "Take money",
    state: state(2, z.object({ sum: z.number() }), {
      initial: () => ({ sum: 0 }),
      migrate: { 1: (old: { total: number }) => ({ sum: old.total }) },
    }),
    on: { ordered: Ordered },
  }) {
    readonly handlers = this.handle({ ordered: (ctx, e) => void (ctx.state.sum += e.data.amount) });
  }
  const aos = await onDisk(t, afterCrash(t, dir), { journal: { payloads: true } });
  await aos.loadAll([Newer, Book]);
  await aos.emit(Ordered, { id: "c", amount: 1 }, { to: "till/a" });
  await rest(aos);
  const journal = await aos.kernel.replayable("till/a");
  const versions = journal?.turns.map(({ stateVersion }) => stateVersion) ?? [];
  assert.deepEqual([versions.at(0), versions.at(-1), journal?.header.stateVersion], [1, 2, 1]);
});

test("payloads that were not kept are said to be missing, and a broken file names its line", async (t) => {
  const aos = await scene(t);
  await aos.register(till(), "a");
  await aos.register(Book, "main");
  for (const id of ["a", "b"]) await aos.emit(Ordered, { id, amount: 1 }, { to: "till/a" });
  await rest(aos);
  const journal = await aos.kernel.replayable("till/a");
  assert.ok(journal);
  const file = join(folder(t), "file.jsonl");
  writeFileSync(file, journalLines(journal).join("\n"));
  assert.deepEqual(await replay(file, [till()]), { replayed: 0, skipped: { "payload not kept": 2 }, differences: [] });
  assert.deepEqual((await replay(file, [])).skipped, { "no code for type till": 2 });
  for (const [text, line] of [
    ["", undefined],
    ["{", 1],
    ["[]\n", 1],
    ['{"turn":1}', 1],
    ['{"journal":"aos.journal/9"}', 1],
    ['{"journal":"aos.journal/1","agent":"default/till/a","stateVersion":1,"state":{}}\n{"turn":"x"}', 2],
  ] as const) {
    writeFileSync(file, text);
    const error = await refused("JOURNAL_INVALID", () => replay(file, []));
    assert.equal(error.details["line"], line);
  }
  await refused("AGENT_NOT_FOUND", aos.kernel.replayable("till/nobody"));
});
