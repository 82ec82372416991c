import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { FakeClock, MemoryLedger } from "../../testing/index.ts";
import { StateMachine } from "./index.ts";
import type { TransitionInput } from "./index.ts";

const states = ["created", "initialized", "running", "sleeping"] as const;
const transitions = [
  ["created", "initialize", "initialized"],
  ["initialized", "start", "running"],
  ["running", "idle", "sleeping"],
] as const;

test("the seed's two arguments make a machine that moves as declared", async () => {
  const machine = new StateMachine(states, transitions);
  assert.equal(machine.state, "created");
  assert.equal(machine.can("initialize"), true);
  assert.equal(machine.can("start"), false);
  assert.equal(await machine.fire("initialize"), "initialized");
  assert.equal(await machine.fire("start"), "running");
  assert.equal(await machine.fire("idle"), "sleeping");
  assert.deepEqual(
    machine.history.map(({ from, event, to }) => [from, event, to]),
    transitions,
  );
});

test("without an action the state has changed when fire returns", async () => {
  const machine = new StateMachine(states, transitions);
  const fired = machine.fire("initialize");
  assert.equal(machine.state, "initialized");
  await fired;
});

test("an undeclared move is refused with the events that are allowed", async () => {
  const machine = new StateMachine(states, transitions);
  await assert.rejects(machine.fire("idle"), {
    code: "TRANSITION_ILLEGAL",
    details: { state: "created", event: "idle", reason: "undeclared", allowed: ["initialize"] },
  });
  assert.equal(machine.state, "created");
});

test("a guard decides by payload and context", async () => {
  const machine = new StateMachine(
    ["open", "paid"],
    [
      {
        from: "open",
        on: "pay",
        to: "paid",
        guard: ({ payload, context }) => Number(payload) >= context.price,
      },
    ],
    { context: { price: 10 } },
  );
  assert.deepEqual([machine.can("pay", 9), machine.can("pay", 10)], [false, true]);
  await assert.rejects(machine.fire("pay", 9), {
    code: "TRANSITION_ILLEGAL",
    details: { state: "open", event: "pay", reason: "guard", allowed: ["pay"] },
  });
  assert.equal(await machine.fire("pay", 10), "paid");
});

test("actions run one after another, before their moves", async () => {
  const seen: string[] = [];
  const step = async (name: string): Promise<void> => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
  };
  const machine = new StateMachine(
    ["a", "b", "c"],
    [
      { from: "a", on: "next", to: "b", action: () => step("first") },
      { from: "b", on: "next", to: "c", action: () => step("second") },
    ],
  );
  const both = Promise.all([machine.fire("next"), machine.fire("next")]);
  assert.equal(machine.state, "a");
  assert.deepEqual(await both, ["b", "c"]);
  assert.deepEqual(seen, ["first begins", "first ends", "second begins", "second ends"]);
});

test("an event fired within an action waits for the move to end", async () => {
  let nested: Promise<string> | undefined;
  const machine: StateMachine<"a" | "b" | "c", "next"> = new StateMachine(
    ["a", "b", "c"],
    [
      {
        from: "a",
        on: "next",
        to: "b",
        action: () => {
          nested = machine.fire("next");
        },
      },
      ["b", "next", "c"],
    ],
  );
  assert.equal(await machine.fire("next"), "b");
  assert.equal(await nested, "c");
});

test("an action that throws leaves the machine where it was", async () => {
  const machine = new StateMachine(
    ["a", "b"],
    [
      {
        from: "a",
        on: "go",
        to: "b",
        action: () => Promise.reject(new Error("no")),
      },
    ],
  );
  await assert.rejects(machine.fire("go"), /no/);
  assert.deepEqual([machine.state, machine.history], ["a", []]);
});

test("history and the events that wait are bounded", async () => {
  const gate = Promise.withResolvers<void>();
  const machine = new StateMachine(["a"], [["a", "tick", "a"], { from: "a", on: "wait", to: "a", action: () => gate.promise }], {
    historyMax: 2,
    queue: 2,
  });
  for (let n = 0; n < 5; n++) await machine.fire("tick");
  assert.equal(machine.history.length, 2);
  const held = [machine.fire("wait"), machine.fire("tick")];
  await assert.rejects(machine.fire("tick"), { code: "QUEUE_FULL" });
  gate.resolve();
  await Promise.all(held);
});

test("listeners hear each move, and what one throws goes to onError", async () => {
  const errors: unknown[] = [];
  const machine = new StateMachine(states, transitions, { onError: (error) => errors.push(error) });
  const heard: string[] = [];
  machine.onTransition(() => {
    throw new Error("deaf");
  });
  const cancel = machine.onTransition(({ from, to, cause }) => heard.push(`${from} ${to} ${cause}`));
  await machine.fire("initialize");
  cancel();
  await machine.fire("start");
  assert.deepEqual(heard, ["created initialized event"]);
  assert.equal(errors.length, 2);
});

test("a definition that contradicts itself is refused", () => {
  const faulty: [readonly string[], readonly TransitionInput<string, string, undefined>[]][] = [
    [[], []],
    [["a", "a"], []],
    [["a", ""], []],
    [["a"], [["a", "go", "nowhere"]]],
    [["a"], [["nowhere", "go", "a"]]],
    [
      ["a", "b"],
      [
        ["a", "go", "b"],
        ["a", "go", "a"],
      ],
    ],
    [["a", "b", "island"], [["a", "go", "b"]]],
    [["a", "b"], [{ from: "a", on: "late", to: "b", timeoutMs: 5 }]],
  ];
  for (const [names, moves] of faulty) assert.throws(() => new StateMachine(names, moves), { code: "CONFIG_INVALID" });
  const clock = new FakeClock();
  const twice = ["one", "two"].map((on) => ({ from: "a", on, to: "b", timeoutMs: 5 }) as const);
  assert.throws(() => new StateMachine(["a", "b"], twice, { clock }), { code: "CONFIG_INVALID" });
  assert.throws(() => new StateMachine<string>(states, transitions, { initial: "dead" }), {
    code: "CONFIG_INVALID",
  });
  assert.equal(new StateMachine(states, transitions, { initial: "running" }).state, "running");
});

const order = {
  states: ["pending", "review", "approved", "expired"],
  transitions: [
    ["pending", "submit", "review"],
    { from: "pending", on: "expire", to: "expired", timeoutMs: 1_000 },
    ["review", "approve", "approved"],
    { from: "review", on: "expire", to: "pending", timeoutMs: 500 },
  ],
} as const;

test("a state with a timeout is left by itself, and only if it was not left before", async () => {
  const clock = new FakeClock(0);
  const machine = new StateMachine(order.states, order.transitions, { clock });
  await clock.advance(999);
  assert.deepEqual([machine.state, machine.deadline], ["pending", 1_000]);
  await machine.fire("submit");
  assert.equal(machine.deadline, 1_499);
  await clock.advance(499);
  assert.equal(machine.state, "review");
  await clock.advance(1);
  assert.equal(machine.state, "pending");
  await clock.advance(1_000);
  assert.equal(machine.state, "expired");
  assert.deepEqual(
    machine.history.map(({ cause, at }) => [cause, at]),
    [
      ["event", 999],
      ["timeout", 1_499],
      ["timeout", 2_499],
    ],
  );
  assert.equal(clock.pending, 0);
});

test("a timeout whose action throws tells onError and is due again", async () => {
  const clock = new FakeClock(0);
  const errors: unknown[] = [];
  let tries = 0;
  const action = (): void => {
    if (++tries === 1) throw new Error("not yet");
  };
  const machine = new StateMachine(["a", "b"], [{ from: "a", on: "late", to: "b", timeoutMs: 100, action }], {
    clock,
    onError: (error) => errors.push(error),
  });
  await clock.advance(100);
  assert.deepEqual([machine.state, errors.length], ["a", 1]);
  await clock.advance(100);
  assert.equal(machine.state, "b");
});

test("a timeout that falls due behind an action dies with the stay that it belonged to", async () => {
  const clock = new FakeClock(0);
  const gate = Promise.withResolvers<void>();
  const machine = new StateMachine(
    ["a", "b", "late"],
    [
      { from: "a", on: "go", to: "b", action: () => gate.promise },
      { from: ["a", "b"], on: "expire", to: "late", timeoutMs: 100 },
    ],
    { clock },
  );
  const moved = machine.fire("go");
  await clock.advance(100);
  gate.resolve();
  assert.equal(await moved, "b");
  await clock.advance(99);
  assert.equal(machine.state, "b");
  await clock.advance(1);
  assert.equal(machine.state, "late");
});

test("a disposed machine has no timer and refuses events", async () => {
  const clock = new FakeClock(0);
  const machine = new StateMachine(order.states, order.transitions, { clock });
  await machine[Symbol.asyncDispose]();
  assert.equal(clock.pending, 0);
  assert.equal(machine.can("submit"), false);
  await assert.rejects(machine.fire("submit"), { code: "CLOSED" });
});

test("a durable machine stands after a restart where it stood before", async () => {
  const ledger = new MemoryLedger();
  const clock = new FakeClock(0);
  const open = () => StateMachine.durable({ ledger, key: "order-1", clock, ...order });
  const before = await open();
  await before.fire("submit");
  before[Symbol.dispose]();

  await clock.advance(200);
  const after = await open();
  assert.deepEqual([after.state, after.deadline], ["review", 500]);
  await clock.advance(300);
  assert.equal(after.state, "pending");
});

test("a deadline that passed while the machine was down fires at once", async () => {
  const ledger = new MemoryLedger();
  const clock = new FakeClock(0);
  const open = () => StateMachine.durable({ ledger, key: "order-1", clock, ...order });
  (await open())[Symbol.dispose]();
  await clock.advance(3_600_000);
  const after = await open();
  await clock.advance(0);
  assert.equal(after.state, "expired");
  assert.equal((await open()).state, "expired");
});

test("of two machines on one key the second mover is refused and follows the first", async () => {
  const ledger = new MemoryLedger();
  const clock = new FakeClock(0);
  const open = () => StateMachine.durable({ ledger, key: "order-1", clock, ...order });
  const [one, two] = await Promise.all([open(), open()]);
  await one.fire("submit");
  await assert.rejects(two.fire("submit"), { code: "LEDGER_CONFLICT" });
  assert.deepEqual([two.state, two.deadline], ["review", 500]);
  await clock.advance(500);
  assert.deepEqual([one.state, two.state], ["pending", "pending"]);
});

test("a stored state that is not declared any more is refused by its name", async () => {
  const ledger = new MemoryLedger();
  const clock = new FakeClock(0);
  await StateMachine.durable({ ledger, key: "k", clock, states: ["old"], transitions: [] });
  await assert.rejects(StateMachine.durable({ ledger, key: "k", clock, states: ["new"], transitions: [] }), {
    code: "CONFIG_INVALID",
    details: { key: "k", state: "old" },
  });
  assert.equal(clock.pending, 0);
});

test("whatever is fired at whatever machine, it moves only as declared and as its guards say", async () => {
  const names = ["s0", "s1", "s2", "s3", "s4"];
  const events = ["e0", "e1", "e2"];
  const moves = fc.uniqueArray(
    fc.record({
      from: fc.constantFrom(...names),
      on: fc.constantFrom(...events),
      to: fc.constantFrom(...names),
      allowed: fc.boolean(),
    }),
    { selector: ({ from, on }) => `${from} ${on}`, maxLength: 15 },
  );
  const fired = fc.array(fc.constantFrom(...events, "unknown"), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(moves, fired, async (declared, sequence) => {
      // An event of its own keeps every state reachable, which a machine insists on.
      const ways = names.map((to) => ["s0", `to ${to}`, to] as const);
      const guarded = declared.map(({ allowed, ...move }) => ({ ...move, guard: () => allowed }));
      const machine = new StateMachine<string>(names, [...ways, ...guarded]);
      let expected = "s0";
      for (const event of sequence) {
        const move = declared.find(({ from, on }) => from === expected && on === event);
        const isLegal = move?.allowed === true;
        assert.equal(machine.can(event), isLegal);
        if (isLegal) {
          expected = move.to;
          assert.equal(await machine.fire(event), expected);
        } else await assert.rejects(machine.fire(event), { code: "TRANSITION_ILLEGAL" });
        assert.equal(machine.state, expected);
        assert.ok(names.includes(machine.state));
      }
    }),
    { numRuns: 60 },
  );
});
