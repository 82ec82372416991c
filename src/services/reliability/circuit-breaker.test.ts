import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../testing/index.ts";
import { CircuitBreaker } from "./index.ts";
import type { BreakerChange, CircuitBreakerOptions } from "./index.ts";

class ServiceError extends Error {}
class TimeoutError extends ServiceError {}

function setUp(options: Partial<CircuitBreakerOptions> = {}) {
  const clock = new FakeClock(0);
  const breaker = new CircuitBreaker({ clock, failureThreshold: 3, timeoutMs: 1_000, ...options });
  const changes: BreakerChange[] = [];
  breaker.onStateChange((change) => changes.push(change));
  const fail = (error: Error = new ServiceError("down")) =>
    assert.rejects(
      breaker.call(() => {
        throw error;
      }),
      (thrown) => thrown === error,
    );
  return { clock, breaker, changes, fail };
}

test("so many failures in a row open it, and then nothing is called", async () => {
  const { breaker, fail } = setUp();
  await fail();
  await fail();
  assert.equal(await breaker.call(() => "ok"), "ok");
  await fail();
  await fail();
  assert.deepEqual([breaker.state, breaker.failures], ["closed", 2]);
  await fail();
  assert.deepEqual([breaker.state, breaker.openUntil], ["open", 1_000]);
  let called = false;
  await assert.rejects(
    breaker.call(() => (called = true)),
    {
      code: "BREAKER_OPEN",
      retryable: true,
      details: { name: "circuit breaker", state: "open", retryAt: 1_000 },
    },
  );
  assert.equal(called, false);
});

test("the seed's options count only the expected errors, and its timeout is in seconds", async () => {
  const clock = new FakeClock(0);
  const breaker = new CircuitBreaker({
    clock,
    failureThreshold: 1,
    timeout: 60,
    expectedException: ServiceError,
  });
  await assert.rejects(
    breaker.call(() => Promise.reject(new TypeError("a bug"))),
    TypeError,
  );
  assert.equal(breaker.state, "closed");
  await assert.rejects(
    breaker.call(() => Promise.reject(new TimeoutError("late"))),
    TimeoutError,
  );
  assert.deepEqual([breaker.state, breaker.openUntil], ["open", 60_000]);
});

test("several classes or a predicate say which errors are expected", async () => {
  const byList = setUp({ failureThreshold: 1, expectedException: [TypeError, TimeoutError] });
  await byList.fail(new ServiceError("other"));
  assert.equal(byList.breaker.state, "closed");
  await byList.fail(new TimeoutError("late"));
  assert.equal(byList.breaker.state, "open");
  const byTest = setUp({
    failureThreshold: 1,
    expectedException: (error: unknown) => error instanceof Error && error.message === "503",
  });
  await byTest.fail(new Error("404"));
  assert.equal(byTest.breaker.state, "closed");
  await byTest.fail(new Error("503"));
  assert.equal(byTest.breaker.state, "open");
});

test("a call in await using counts as a failure unless it said that it succeeded", async () => {
  const { breaker } = setUp({ failureThreshold: 1 });
  {
    await using call = breaker.enter();
    call.succeed();
  }
  assert.equal(breaker.state, "closed");
  await assert.rejects(async () => {
    await using call = breaker.enter();
    assert.ok(call);
    throw new ServiceError("down");
  }, ServiceError);
  assert.equal(breaker.state, "open");
  assert.throws(() => breaker.enter(), { code: "BREAKER_OPEN" });
});

test("after its timeout exactly one call may try, and its success closes the breaker", async () => {
  const { clock, breaker, changes, fail } = setUp({ failureThreshold: 1 });
  await fail();
  await clock.advance(1_000);
  assert.deepEqual([breaker.state, breaker.openUntil], ["half-open", undefined]);
  const gate = Promise.withResolvers<string>();
  const probe = breaker.call(() => gate.promise);
  await assert.rejects(
    breaker.call(() => "second"),
    { code: "BREAKER_OPEN" },
  );
  gate.resolve("first");
  assert.equal(await probe, "first");
  assert.equal(await breaker.call(() => "third"), "third");
  assert.deepEqual(
    changes.map(({ from, to, at }) => [from, to, at]),
    [
      ["closed", "open", 0],
      ["open", "half-open", 1_000],
      ["half-open", "closed", 1_000],
    ],
  );
  assert.equal(clock.pending, 0);
});

test("a probe that fails opens it for another timeout", async () => {
  const { clock, breaker, fail } = setUp({ failureThreshold: 3 });
  for (let n = 0; n < 3; n++) await fail();
  await clock.advance(1_500);
  await fail();
  assert.deepEqual([breaker.state, breaker.openUntil], ["open", 2_500]);
});

test("a probe that never ends counts as failed after the timeout, and its late result changes nothing", async () => {
  const { clock, breaker, fail } = setUp({ failureThreshold: 1 });
  await fail();
  await clock.advance(1_000);
  const probe = breaker.enter();
  assert.equal(breaker.openUntil, 2_000);
  await clock.advance(1_000);
  assert.deepEqual([breaker.state, breaker.openUntil], ["open", 3_000]);
  probe.succeed();
  assert.equal(breaker.state, "open");
});

test("a call that began before the breaker opened does not close or prolong it", async () => {
  const { clock, breaker, fail } = setUp({ failureThreshold: 1 });
  const calls = [1, 2, 3].map(() => breaker.enter());
  await fail();
  await clock.advance(500);
  calls[0]?.fail();
  assert.deepEqual([breaker.state, breaker.openUntil], ["open", 1_000]);
  await clock.advance(500);
  calls[1]?.succeed();
  assert.equal(breaker.state, "half-open");
  breaker.enter();
  calls[2]?.fail();
  assert.deepEqual([breaker.state, breaker.openUntil], ["half-open", 2_000]);
});

test("an operator trips, isolates and resets it", async () => {
  const { clock, breaker } = setUp();
  breaker.trip();
  assert.equal(breaker.openUntil, 1_000);
  breaker.isolate();
  await clock.advance(1_000_000);
  assert.deepEqual([breaker.state, breaker.openUntil], ["isolated", undefined]);
  assert.throws(() => breaker.enter(), {
    code: "BREAKER_OPEN",
    details: { name: "circuit breaker", state: "isolated" },
  });
  breaker.reset();
  assert.equal(await breaker.call(() => 1), 1);
});

test("a disposed breaker leaves no timer and refuses calls", async () => {
  const { clock, breaker } = setUp();
  breaker.trip();
  breaker[Symbol.dispose]();
  assert.equal(clock.pending, 0);
  assert.throws(() => breaker.enter(), { code: "CLOSED" });
});

test("options that contradict themselves are refused", () => {
  for (const bad of [{ failureThreshold: 0 }, { timeoutMs: 0 }, { timeout: -1 }, { timeout: 1, timeoutMs: 1_000 }, { name: "" }])
    assert.throws(() => setUp(bad.timeout === undefined ? bad : { timeoutMs: undefined, ...bad }), {
      code: "CONFIG_INVALID",
    });
});
