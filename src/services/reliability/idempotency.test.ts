import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "../../kernel/index.ts";
import { FakeClock, MemoryLedger, SeededEntropy } from "../../testing/index.ts";
import { Idempotency } from "./index.ts";

function setUp() {
  const clock = new FakeClock();
  const ledger = new MemoryLedger();
  const entropy = new SeededEntropy(3, clock);
  /** A new guard on the same ledger is what a restarted process has. */
  const start = () => new Idempotency({ ledger, clock, entropy, leaseMs: 3_000 });
  return { clock, ledger, start };
}

test("a hundred callers at once cause one execution and get one result, as do those after a restart", async () => {
  const { start } = setUp();
  let runs = 0;
  const pay = async () => {
    await Promise.resolve();
    return { ref: `r${++runs}`, lines: [1, 2] };
  };
  const one = start();
  const results = await Promise.all(Array.from({ length: 100 }, () => one.run("pay:1", pay)));
  results.push(await one.run("pay:1", pay), await start().run("pay:1", pay));
  for (const result of results) assert.deepEqual(result, { ref: "r1", lines: [1, 2] });
  assert.equal(runs, 1);
});

test("a hundred callers spread over processes cause one execution too", async () => {
  const { clock, start } = setUp();
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const pay = async () => {
    runs++;
    await gate.promise;
    return "paid";
  };
  const processes = Array.from({ length: 5 }, start);
  const calls = Array.from({ length: 20 }, () => processes.map((guard) => guard.run("pay:1", pay))).flat();
  // Longer than the lease: the one that executes keeps renewing it.
  await clock.advance(10_000);
  gate.resolve();
  await clock.advance(1_000);
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(["paid"]));
  assert.equal(runs, 1);
  assert.equal(clock.pending, 0);
});

test("a final error is the outcome for everybody, also after a restart", async () => {
  const { start } = setUp();
  let runs = 0;
  const pay = () => {
    runs++;
    throw new AosError("FORBIDDEN", "the card was declined", { details: { card: "x1" } });
  };
  const one = start();
  const declined = { code: "FORBIDDEN", message: "the card was declined", details: { card: "x1" } };
  const calls = Array.from({ length: 10 }, () => assert.rejects(one.run("pay:1", pay), declined));
  await Promise.all(calls);
  await assert.rejects(start().run("pay:1", pay), declined);
  assert.equal(runs, 1);
});

test("a retryable error reaches those who waited, and the next call executes again", async () => {
  const { start } = setUp();
  let runs = 0;
  const pay = async () => {
    if (++runs === 1) throw new AosError("UNAVAILABLE", "down");
    return "paid";
  };
  const guard = start();
  const both = [guard.run("k", pay), guard.run("k", pay)];
  for (const call of both) await assert.rejects(call, { code: "UNAVAILABLE" });
  assert.equal(await guard.run("k", pay), "paid");
  assert.equal(runs, 2);
});

test("the same key with another fingerprint is refused, while it runs and after", async () => {
  const { start } = setUp();
  const guard = start();
  const first = guard.run("k", () => "one", { fingerprint: "a" });
  const conflict = { code: "IDEMPOTENCY_CONFLICT", status: 409 };
  await assert.rejects(
    guard.run("k", () => "two", { fingerprint: "b" }),
    conflict,
  );
  assert.equal(await first, "one");
  await assert.rejects(
    start().run("k", () => "two", { fingerprint: "b" }),
    conflict,
  );
  assert.equal(await guard.run("k", () => "two", { fingerprint: "a" }), "one");
});

/** Begins an execution in a process that dies in its middle: its timers are never heard of again. */
async function crash(ledger: MemoryLedger, clock: FakeClock): Promise<void> {
  const deadClock = new FakeClock(clock.now());
  const entropy = new SeededEntropy(9, clock);
  const dead = new Idempotency({ ledger, clock: deadClock, entropy, leaseMs: 3_000 });
  void dead.run("k", () => new Promise(() => undefined));
  await deadClock.settle();
}

test("an interrupted execution is in doubt until somebody says what happened", async () => {
  const { clock, ledger, start } = setUp();
  const startedAt = clock.now();
  await crash(ledger, clock);
  const guard = start();
  const refused = assert.rejects(
    guard.run("k", () => "again"),
    { code: "EFFECT_IN_DOUBT", details: { key: "k", startedAt } },
  );
  await clock.advance(3_000);
  await refused;
  await clock.advance(400 * 86_400_000);
  await assert.rejects(
    guard.run("k", () => "again"),
    { code: "EFFECT_IN_DOUBT" },
  );
  assert.equal(await guard.sweep(), 0);
  await guard.resolve("k", { happened: true, result: { ref: 7 } });
  assert.deepEqual(await guard.run("k", () => assert.fail("ran again")), { ref: 7 });
  await assert.rejects(guard.resolve("k", { happened: false }), { code: "NOT_FOUND" });
});

test("an interrupted execution runs again where the caller says that it may", async () => {
  const { clock, ledger, start } = setUp();
  await crash(ledger, clock);
  const done = start().run("k", () => "again", { onInterrupted: "rerun" });
  await clock.advance(2_999);
  assert.equal(clock.pending, 1);
  await clock.advance(1);
  assert.equal(await done, "again");
});

test("a process that lost its lease is told and returns what its successor came to", async () => {
  const { clock, ledger, start } = setUp();
  const stalled = new FakeClock(clock.now());
  const entropy = new SeededEntropy(9, clock);
  const first = new Idempotency({ ledger, clock: stalled, entropy, leaseMs: 3_000 });
  const gate = Promise.withResolvers<void>();
  let told: AbortSignal | undefined;
  const late = first.run("k", async ({ signal }) => {
    told = signal;
    await gate.promise;
    return "first";
  });
  await stalled.settle();
  await clock.advance(3_000);
  assert.equal(await start().run("k", () => "second", { onInterrupted: "rerun" }), "second");
  await stalled.advance(3_000);
  assert.equal(told?.aborted, true);
  gate.resolve();
  assert.equal(await late, "second");
});

test("an outcome is forgotten after its time to live, and swept from the ledger", async () => {
  const { clock, ledger, start } = setUp();
  const guard = start();
  await guard.run("short", () => 1, { ttlMs: 1_000 });
  await guard.run("long", () => 1);
  await clock.advance(999);
  assert.equal(await guard.run("short", () => 2, { ttlMs: 1_000 }), 1);
  await clock.advance(1);
  assert.equal(await guard.sweep(), 1);
  assert.deepEqual(
    (await ledger.list("idempotency")).map(({ key }) => key),
    ["long"],
  );
  assert.equal(await guard.run("short", () => 2, { ttlMs: 1_000 }), 2);
  await clock.advance(1_000);
  assert.equal(await guard.run("short", () => 3, { fingerprint: "other" }), 3);
});

test("a result that cannot be kept is a final error, for it was executed", async () => {
  const { start } = setUp();
  const guard = start();
  let runs = 0;
  const cases: [string, unknown, string][] = [
    ["date", { at: [new Date(0)] }, "NOT_JSON"],
    ["bigint", 1n, "NOT_JSON"],
    ["nan", [Number.NaN], "NOT_JSON"],
    ["hole", [undefined], "NOT_JSON"],
    ["big", "x".repeat(64 * 1024), "PAYLOAD_TOO_LARGE"],
  ];
  for (const [key, value, code] of cases)
    for (let n = 0; n < 2; n++)
      await assert.rejects(
        guard.run(key, () => {
          runs++;
          return value;
        }),
        { code },
      );
  assert.equal(runs, cases.length);
  assert.equal(await guard.run("void", () => undefined), undefined);
  assert.equal(await start().run("void", () => assert.fail("ran again")), undefined);
  assert.equal((await guard.run("fits", () => "x".repeat(64 * 1024 - 2))).length, 64 * 1024 - 2);
});

test("a caller's abort ends its own wait and not the execution", async () => {
  const { start } = setUp();
  const guard = start();
  const gate = Promise.withResolvers<string>();
  const abort = new AbortController();
  const impatient = assert.rejects(
    guard.run("k", () => gate.promise, { signal: abort.signal }),
    /enough/,
  );
  const patient = guard.run("k", () => assert.fail("ran again"));
  abort.abort(new Error("enough"));
  await impatient;
  gate.resolve("done");
  assert.equal(await patient, "done");
});

test("keys, fingerprints and times out of range are refused before anything runs", async () => {
  const guard = setUp().start();
  const never = () => assert.fail("ran");
  await assert.rejects(guard.run("", never), { code: "LIMIT_EXCEEDED" });
  await assert.rejects(guard.run("k".repeat(201), never), { code: "LIMIT_EXCEEDED" });
  await assert.rejects(guard.run("k", never, { fingerprint: "f".repeat(1_001) }), {
    code: "LIMIT_EXCEEDED",
  });
  await assert.rejects(guard.run("k", never, { ttlMs: 0 }), { code: "CONFIG_INVALID" });
});
