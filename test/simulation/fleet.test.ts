/** Agents of one's own under the simulator: a month in seconds, bugs that only a crash shows, and nothing that escapes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { command, cron, effect, event, PurposeDrivenAgent, state } from "aosjs";
import { commands, operates, sends, simulate } from "aosjs/testing";
import { z } from "zod";

const Invoice = event("invoice", z.object({ id: z.string(), amount: z.number() }));
const Check = event("check", z.object({ id: z.string() }));
const Report = event("report", z.object({ paid: z.number() }));
const Pay = effect("pay", {
  input: z.object({ id: z.string(), amount: z.number() }),
  output: z.object({ ref: z.string() }),
  repeat: "key",
  key: ({ id }) => `pay:${id}`,
  run: () => fetch("https://bank.example/pay").then(() => ({ ref: "" })),
});
const books = () =>
  state(1, z.object({ paid: z.array(z.string()), sum: z.number(), months: z.number() }), {
    initial: () => ({ paid: [], sum: 0, months: 0 }),
  });

class Ceo extends PurposeDrivenAgent.define({
  type: "ceo",
  purpose: "Hear of what is paid",
  state: state(1, z.object({ heard: z.number() }), { initial: () => ({ heard: 0 }) }),
  on: { report: Report },
  commands: { ask: command(z.object({}), z.object({ heard: z.number() })) },
}) {
  readonly handlers = this.handle({
    report: (ctx, { data }) => void (ctx.state.heard = data.paid),
    ask: (ctx) => ({ heard: ctx.state.heard }),
  });
}

class Cfo extends PurposeDrivenAgent.define({
  type: "cfo",
  purpose: "Pay invoices",
  state: books(),
  on: { invoice: Invoice, check: Check },
  uses: [Pay],
  schedules: { monthEnd: cron("0 9 1 * *", { tz: "Europe/London" }) },
  budget: { effects: { hour: 50 } },
}) {
  readonly handlers = this.handle({
    invoice: async (ctx, { data }) => {
      await ctx.effect(Pay, data);
      ctx.state.paid.push(data.id);
      ctx.state.sum += data.amount;
      ctx.agent(Ceo, "main").tell(Report, { paid: ctx.state.paid.length });
      ctx.timer(`check ${data.id}`, "3d", Check, { id: data.id });
    },
    check: () => undefined,
    monthEnd: (ctx) => void ctx.state.months++,
  });
}

const invoices = (perDay: number) =>
  sends(Invoice, { to: [Cfo, "main"], perDay, data: (random, count) => ({ id: `i${count}`, amount: random.between(1, 500) }) });
const pay = ({ id }: { readonly id: string }) => ({ ref: `ref of ${id}` });
const month = (seed: number, days = 31) =>
  simulate([Cfo, Ceo], {
    seed,
    days,
    events: [
      invoices(20),
      commands([Ceo, "main"], "ask", { every: "1d", input: {} }),
      operates([Cfo, "main"], "kill", { at: "4d" }),
      operates("cfo/main", "resume", { at: "4d1h" }),
    ],
    effects: { pay },
    strict: true,
    invariants: {
      "no invoice is paid that nobody sent": (world) => world.happened(Pay).every(({ input }) => input.amount <= 500),
    },
    finally: {
      "what is in the books was paid, once": (world) => {
        const { paid } = world.state(Cfo);
        const keys = new Set(world.happened(Pay).map(({ idempotencyKey }) => idempotencyKey));
        assert.equal(new Set(paid).size, paid.length);
        assert.equal(keys.size, paid.length);
      },
      "the CEO heard of all of it": (world) => world.state(Ceo).heard === world.state(Cfo).paid.length,
    },
  });

test("a month of a fleet is simulated in seconds, with deaths, and is the same again from the same seed", async () => {
  const first = await month(1);
  assert.equal(first.violation, undefined);
  assert.ok(first.elapsedMs > 31 * 86_400_000);
  assert.ok(first.counts.deaths > 0, JSON.stringify(first.counts));
  assert.ok(first.world.state(Cfo).paid.length > 300);
  assert.equal(first.world.state(Cfo).months, 1);
  assert.ok(first.world.day > 31);
  const [hash, again, other] = [await month(1, 5), await month(1, 5), await month(2, 5)].map((result) => result.hash);
  assert.equal(hash, again);
  assert.notEqual(hash, other);
});

const Order = event("order", z.object({ id: z.string(), amount: z.number() }));
const Buy = effect("buy", {
  input: z.object({ id: z.string(), amount: z.number() }),
  output: z.object({}),
  repeat: "key",
  key: ({ id }) => id,
  run: () => ({}),
});
const bought = () => state(1, z.object({ spent: z.number(), refused: z.number() }), { initial: () => ({ spent: 0, refused: 0 }) });
const LIMIT = 1_000;

/** Remembers what it spent in a field, which dies with the process. */
class Forgetful extends PurposeDrivenAgent.define({
  type: "buyer",
  purpose: "Buy within a limit",
  state: bought(),
  on: { order: Order },
  uses: [Buy],
}) {
  #spent = 0;
  readonly handlers = this.handle({
    order: async (ctx, { data }) => {
      if (this.#spent + data.amount > LIMIT) return void ctx.state.refused++;
      this.#spent += data.amount;
      await ctx.effect(Buy, data);
      ctx.state.spent += data.amount;
    },
  });
}

class Careful extends PurposeDrivenAgent.define({
  type: "buyer",
  purpose: "Buy within a limit",
  state: bought(),
  on: { order: Order },
  uses: [Buy],
}) {
  readonly handlers = this.handle({
    order: async (ctx, { data }) => {
      if (ctx.state.spent + data.amount > LIMIT) return void ctx.state.refused++;
      await ctx.effect(Buy, data);
      ctx.state.spent += data.amount;
    },
  });
}

const orders = sends(Order, {
  to: "buyer/main",
  every: "2h",
  data: (random, count) => ({ id: `o${count}`, amount: random.between(1, 40) }),
});
const spending = (agent: typeof Forgetful | typeof Careful, seed: number, faults: "usual" | "none") =>
  simulate([agent], {
    seed,
    days: 14,
    faults,
    events: [orders],
    invariants: {
      "no more is bought than the limit": (world) => {
        const spent = new Map(world.happened(Buy).map(({ input }) => [input.id, input.amount]));
        const sum = [...spent.values()].reduce((total, amount) => total + amount, 0);
        return sum <= LIMIT || `${sum} were spent`;
      },
    },
  });

test("a bug that only a death of the process shows is found, and its remedy holds", async () => {
  assert.equal((await spending(Forgetful, 1, "none")).violation, undefined);
  const found: number[] = [];
  for (let seed = 1; seed <= 20 && found.length === 0; seed++) {
    const { violation } = await spending(Forgetful, seed, "usual");
    if (violation === undefined) continue;
    found.push(seed);
    assert.equal(violation.invariant, "no more is bought than the limit");
    assert.match(violation.message, /^1\d\d\d were spent$/);
    assert.deepEqual((await spending(Forgetful, seed, "usual")).violation, violation);
    assert.equal((await spending(Careful, seed, "usual")).violation, undefined);
  }
  assert.equal(found.length, 1);
});

const Go = event("go", z.object({ n: z.number() }));
const Once = effect("once", { input: z.object({ n: z.number() }), output: z.object({}), run: () => ({}) });
type Reach = (n: number) => unknown;
const reaching = (reach: Reach) => {
  class Reaching extends PurposeDrivenAgent.define({
    type: "reaching",
    purpose: "Reach for what is outside",
    state: state(1, z.object({ seen: z.array(z.unknown()) }), { initial: () => ({ seen: [] }) }),
    on: { go: Go },
    uses: [Once],
    commands: { stop: command(z.object({ why: z.string() }), z.object({})) },
  }) {
    readonly handlers = this.handle({
      go: async (ctx, { data }) => void ctx.state.seen.push((await reach(data.n)) ?? null),
      stop: () => ({}),
    });
  }
  return Reaching;
};
const go = sends(Go, { every: "6h", data: (_random, n) => ({ n }) });
const reach = (what: Reach, strict: boolean, seed = 1) => {
  const agent = reaching(what);
  return simulate([agent], { seed, days: 1, strict, faults: "none", events: [go] }).then((result) => ({
    ...result,
    seen: result.world.state(agent).seen,
  }));
};

test("time and randomness are simulated: they show the virtual day, and are the same from the same seed", async () => {
  const all: Reach = () => [
    Date.now(),
    new Date().toISOString(),
    performance.now(),
    Math.random(),
    crypto.randomUUID(),
    crypto.getRandomValues(new Uint8Array(4)).join(),
  ];
  const first = await reach(all, false);
  assert.equal(first.violation, undefined);
  assert.ok(first.seen.length > 2);
  assert.match(JSON.stringify(first.seen[0]), /^\[17672\d+,"2026-01-01T0\d/);
  assert.deepEqual((await reach(all, false)).seen, first.seen);
  assert.notDeepEqual((await reach(all, false, 2)).seen, first.seen);
});

test("waiting takes virtual time", async () => {
  const slow: Reach = async () => {
    const from = Date.now();
    await new Promise((resolve) => void setTimeout(resolve, 10_000));
    const signal = AbortSignal.timeout(5_000);
    await new Promise((resolve) => {
      signal.addEventListener("abort", resolve);
    });
    return Date.now() - from;
  };
  const { violation, seen } = await reach(slow, false);
  assert.equal(violation, undefined);
  assert.deepEqual(new Set(seen), new Set([15_000]));
});

test("the network is out of bounds, and in a strict simulation so are time and randomness: a typed error in the handler, and a finding", async () => {
  const codes: unknown[] = [];
  const caught =
    (run: () => unknown): Reach =>
    async () => {
      try {
        await run();
      } catch (thrown) {
        codes.push((thrown as { code?: string }).code);
        throw thrown;
      }
    };
  const { connect } = await import("node:net");
  const strict: readonly (readonly [string, () => unknown])[] = [
    ["Date", () => Date.now()],
    ["Date", () => new Date()],
    ["Math.random", () => Math.random()],
    ["crypto.randomUUID", () => crypto.randomUUID()],
    ["crypto's randomness", () => crypto.getRandomValues(new Uint8Array(1))],
  ];
  const always: readonly (readonly [string, () => unknown])[] = [
    ["fetch", () => fetch("http://127.0.0.1:9")],
    ["a socket", () => connect(9, "127.0.0.1")],
  ];
  for (const [isStrict, list] of [
    [true, [...strict, ...always]],
    [false, always],
  ] as const)
    for (const [what, run] of list) {
      codes.length = 0;
      const { violation } = await reach(caught(run), isStrict);
      assert.equal(violation?.invariant, "escape", what);
      assert.ok(violation.message.startsWith(`${what} was called in fleet.test.ts, line `), violation.message);
      assert.equal(codes[0], "SIMULATION_ESCAPE");
    }
  // What never changes is nobody's secret.
  assert.equal((await reach(() => new Date(0).toISOString(), true)).violation, undefined);
});

test("a call that may not repeat and whose answer is lost is settled by the operator, and happens once", async () => {
  class Calling extends PurposeDrivenAgent.define({
    type: "calling",
    purpose: "Call once",
    state: bought(),
    on: { go: Go },
    uses: [Once],
  }) {
    readonly handlers = this.handle({ go: async (ctx, { data }) => void (await ctx.effect(Once, { n: data.n })) });
  }
  const { violation, world, counts } = await simulate([Calling], {
    seed: 5,
    days: 4,
    faults: { crash: 0.002, lostAnswer: 0.2, hungEffect: 0.2, death: 0.002 },
    events: [sends(Go, { to: [Calling, "main"], perDay: 20, data: (_random, n) => ({ n }) })],
    finally: {
      "each call happened at most once": (w) => {
        const inputs = w.happened(Once).map(({ input }) => input.n);
        assert.equal(new Set(inputs).size, inputs.length);
      },
    },
  });
  assert.equal(violation, undefined);
  assert.ok(counts.deaths > 0);
  assert.ok(world.happened(Once).length > 20);
});

test("a scripted fault comes when it is said", async () => {
  const deaths = async (script: Parameters<typeof simulate>[1]): Promise<number> =>
    (await simulate([Careful], { seed: 1, days: 2, faults: "none", events: [orders], ...script })).counts.deaths;
  assert.equal(await deaths({}), 0);
  assert.equal(
    await deaths({
      script: [
        { at: "1d", fault: "death" },
        { call: 60, fault: "crashAfter" },
      ],
    }),
    2,
  );
});

test("a promise may throw, answer false or say what is wrong, after a commit or in the end", async () => {
  const broken = async (options: Parameters<typeof simulate>[1]) =>
    (await simulate([Careful], { seed: 1, days: 1, faults: "none", events: [orders], ...options })).violation;
  assert.deepEqual((await broken({ invariants: { never: () => false } }))?.invariant, "never");
  assert.equal((await broken({ invariants: { said: () => "this is why" } }))?.message, "this is why");
  assert.equal((await broken({ finally: { thrown: (world) => assert.equal(world.state(Careful).spent, -1) } }))?.invariant, "thrown");
  assert.match(
    (await broken({ finally: { nobody: (world) => void world.state(Careful, "nobody") } }))?.message ?? "",
    /no agent buyer\/nobody/,
  );
  assert.equal(await broken({ invariants: { held: () => true }, finally: { held2: () => undefined } }), undefined);
});

test("what the test itself gets wrong is a typed error, at once", async () => {
  const code = (wrong: string) => ({ code: wrong });
  await assert.rejects(simulate([], {}), code("USAGE"));
  await assert.rejects(simulate([Careful], { seed: -1 }), code("USAGE"));
  await assert.rejects(simulate([Careful], { seed: 0.5 }), code("USAGE"));
  for (const days of [0, -1, NaN, Infinity, 4_000]) await assert.rejects(simulate([Careful], { days }), code("USAGE"), String(days));
  await assert.rejects(simulate([Careful], { effects: { pay } }), code("USAGE"));
  await assert.rejects(simulate([Careful], { faults: { crash: 2 } }), code("USAGE"));
  await assert.rejects(simulate([Careful], { faults: { crash: NaN } }), code("USAGE"));
  await assert.rejects(simulate([Careful], { register: [{ agent: Careful, id: "no/id" }] }), code("ADDRESS_INVALID"));
  await assert.rejects(simulate([Careful], { register: [{ agent: Cfo, id: "main" }] }), code("TYPE_UNKNOWN"));
  await assert.rejects(
    simulate([Careful], { days: 1, events: [sends(Order, { at: "1h", data: { id: 1, amount: "x" } as never })] }),
    code("PAYLOAD_INVALID"),
  );
  await assert.rejects(
    simulate([Careful], { days: 1, events: [sends(Go, { to: "buyer/main", at: "1h", data: { n: 1 } })] }),
    code("EVENT_NOT_ACCEPTED"),
  );
  assert.throws(() => sends(Order, { to: "buyer", at: "1h", data: { id: "x", amount: 1 } }), code("ADDRESS_INVALID"));
  assert.throws(() => sends(Order, { at: "soon", data: { id: "x", amount: 1 } }), code("USAGE"));
  assert.throws(() => sends(Order, { every: 0, data: { id: "x", amount: 1 } }), code("USAGE"));
  assert.throws(() => sends(Order, { perDay: 0, data: { id: "x", amount: 1 } }), code("USAGE"));
  // Nothing of it keeps the process's own time.
  assert.ok(Math.abs(Date.now() - performance.timeOrigin - performance.now()) < 60_000);
});
