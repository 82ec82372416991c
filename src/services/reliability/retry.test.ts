import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "../../kernel/index.ts";
import type { RetryPolicy } from "../../kernel/index.ts";
import { FakeClock, SeededEntropy } from "../../testing/index.ts";
import { CircuitBreaker, retry, timeout } from "./index.ts";

const policy: RetryPolicy = { attempts: 4, backoff: "exponential", delayMs: 100 };

function setUp() {
  const clock = new FakeClock(0);
  return { clock, entropy: new SeededEntropy(1, clock) };
}

test("it tries until one attempt succeeds, waiting as the policy says", async () => {
  const around = setUp();
  const at: number[] = [];
  const done = retry(
    policy,
    ({ attempt }) => {
      at.push(around.clock.now());
      if (attempt < 4) throw new Error("not yet");
      return attempt;
    },
    around,
  );
  await around.clock.advance(10_000);
  assert.equal(await done, 4);
  assert.deepEqual(at, [0, 100, 300, 700]);
});

test("the last error is thrown as it is once the attempts are spent", async () => {
  const around = setUp();
  const last = new Error("still down");
  const done = assert.rejects(
    retry(policy, () => Promise.reject(last), around),
    (error) => error === last,
  );
  await around.clock.advance(10_000);
  await done;
});

test("a final error is not tried again", async () => {
  const around = setUp();
  let calls = 0;
  await assert.rejects(
    retry(
      policy,
      () => {
        calls++;
        throw new AosError("FORBIDDEN", "no");
      },
      around,
    ),
    { code: "FORBIDDEN" },
  );
  assert.equal(calls, 1);
});

test("an abort ends the wait with its reason", async () => {
  const around = setUp();
  const abort = new AbortController();
  const done = assert.rejects(
    retry(policy, () => Promise.reject(new Error("down")), { ...around, signal: abort.signal }),
    /enough/,
  );
  await around.clock.advance(50);
  abort.abort(new Error("enough"));
  await done;
  assert.equal(around.clock.pending, 0);
});

test("it comes back when an open breaker says, not before", async () => {
  const around = setUp();
  const breaker = new CircuitBreaker({ ...around, failureThreshold: 1, timeoutMs: 5_000 });
  breaker.trip();
  const done = retry(policy, () => breaker.call(() => around.clock.now()), around);
  await around.clock.advance(5_000);
  assert.equal(await done, 5_000);
});

test("a policy out of range is refused before anything is called", async () => {
  await assert.rejects(
    retry({ ...policy, attempts: 0 }, () => assert.fail("called"), setUp()),
    { code: "CONFIG_INVALID" },
  );
});

test("a timeout rejects at its deadline and tells the call", async () => {
  const { clock } = setUp();
  let told: AbortSignal | undefined;
  const late = assert.rejects(
    timeout(
      1_000,
      (signal) => {
        told = signal;
        return new Promise(() => undefined);
      },
      { clock },
    ),
    { code: "TIMEOUT", details: { timeoutMs: 1_000 } },
  );
  await clock.advance(999);
  assert.equal(told?.aborted, false);
  await clock.advance(1);
  await late;
  assert.equal(told?.aborted, true);
});

test("a call within its timeout leaves no timer, whether it returns or throws", async () => {
  const { clock } = setUp();
  assert.equal(await timeout(10, () => "ok", { clock }), "ok");
  await assert.rejects(
    timeout(10, () => Promise.reject(new Error("own")), { clock }),
    /own/,
  );
  const abort = new AbortController();
  const stopped = assert.rejects(
    timeout(10, () => new Promise(() => undefined), { clock, signal: abort.signal }),
    /stop/,
  );
  abort.abort(new Error("stop"));
  await stopped;
  assert.equal(clock.pending, 0);
});
