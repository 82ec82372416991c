import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AosError } from "../../kernel/index.ts";
import { FakeClock } from "../../testing/index.ts";
import { RateLimit } from "./index.ts";

test("a full bucket gives its burst at once, and then as fast as it fills", async () => {
  const clock = new FakeClock(0);
  const limit = new RateLimit({ clock, limit: 10, periodMs: 1_000, burst: 3 });
  for (let n = 0; n < 3; n++) limit.take();
  assert.throws(() => limit.take(), {
    code: "RATE_LIMITED",
    details: { name: "rate limit", retryAfterMs: 100 },
  });
  await clock.advance(100);
  limit.take();
  assert.equal(limit.tryTake(), false);
  await clock.advance(60_000);
  assert.equal(limit.available, 3);
  limit.take(3);
  assert.throws(() => limit.take(4), { code: "LIMIT_EXCEEDED" });
});

test("waiters are served first come first served as permits flow in", async () => {
  const clock = new FakeClock(0);
  const limit = new RateLimit({ clock, limit: 1, periodMs: 1_000, queue: 3 });
  const served: string[] = [];
  const waiter = async (name: string, permits?: number): Promise<void> => {
    await limit.wait(permits);
    served.push(`${name} at ${clock.now()}`);
  };
  const all = ["a", "b", "c", "d"].map((name) => waiter(name));
  await assert.rejects(limit.wait(), { code: "QUEUE_FULL" });
  await clock.advance(10_000);
  await Promise.all(all);
  assert.deepEqual(served, ["a at 0", "b at 1000", "c at 2000", "d at 3000"]);
});

test("a waiter that aborts takes nothing and the next one follows", async () => {
  const clock = new FakeClock(0);
  const limit = new RateLimit({ clock, limit: 1, periodMs: 1_000 });
  limit.take();
  const abort = new AbortController();
  const gone = assert.rejects(limit.wait(1, { signal: abort.signal }), /gone/);
  const next = limit.wait();
  await clock.advance(10);
  abort.abort(new Error("gone"));
  await gone;
  await clock.advance(990);
  await next;
  assert.equal(clock.now(), 1_000);
});

test("in any span no more leaves than the burst and what flows in", async () => {
  const step = fc.record({
    ms: fc.integer({ min: 0, max: 700 }),
    permits: fc.integer({ min: 1, max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 5, max: 20 }),
      fc.array(step, { maxLength: 25 }),
      async (perSecond, burst, steps) => {
        const clock = new FakeClock(0);
        const limit = new RateLimit({ clock, limit: perSecond, periodMs: 1_000, burst });
        const taken: { at: number; permits: number }[] = [];
        for (const { ms, permits } of steps) {
          await clock.advance(ms);
          if (limit.tryTake(permits)) taken.push({ at: clock.now(), permits });
          else assert.ok(limit.available < permits);
        }
        for (const [first, { at: from }] of taken.entries()) {
          let sum = 0;
          for (const { at, permits } of taken.slice(first)) {
            sum += permits;
            assert.ok(sum <= burst + ((at - from) * perSecond) / 1_000 + 1e-3);
          }
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("an empty bucket is full again after one period, whatever the fractions", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 90_001 }),
      fc.integer({ min: 0, max: 1_000_000 }),
      async (limit, periodMs, start) => {
        const clock = new FakeClock();
        await clock.advance(start / 7);
        const bucket = new RateLimit({ clock, limit, periodMs });
        for (let period = 0; period < 3; period++) {
          for (let n = 0; n < limit; n++) assert.equal(bucket.tryTake(), true);
          await clock.advance(periodMs);
        }
        assert.equal(bucket.tryTake(limit), true);
      },
    ),
    { numRuns: 40 },
  );
});

test("whoever waits as long as a refusal says gets the permits", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 997 }),
      fc.integer({ min: 1, max: 90_001 }),
      fc.integer({ min: 1, max: 40 }),
      async (perPeriod, periodMs, rounds) => {
        const clock = new FakeClock();
        const limit = new RateLimit({ clock, limit: perPeriod, periodMs, burst: 1 });
        for (let n = 0; n < rounds; n++) {
          if (limit.tryTake()) continue;
          let waitMs = 0;
          assert.throws(
            () => limit.take(),
            (error: AosError) => {
              waitMs = Number(error.details["retryAfterMs"]);
              return error.code === "RATE_LIMITED";
            },
          );
          await clock.advance(waitMs);
          assert.equal(limit.tryTake(), true);
        }
      },
    ),
    { numRuns: 30 },
  );
});
