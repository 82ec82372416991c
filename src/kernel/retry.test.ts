import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AosError } from "./errors.ts";
import { RETRY_DELAY_MS_MAX, checkRetryPolicy, isRetryWorthwhile, retryDelay } from "./retry.ts";
import type { RetryPolicy } from "./retry.ts";

const policies: fc.Arbitrary<RetryPolicy> = fc
  .record({
    attempts: fc.integer({ min: 1, max: 1_000 }),
    backoff: fc.constantFrom("fixed" as const, "exponential" as const),
    delayMs: fc.integer({ min: 0, max: 100_000 }),
    factor: fc.option(fc.double({ min: 1, max: 100, noNaN: true }), { nil: undefined }),
    headroom: fc.option(fc.integer({ min: 0, max: 10_000_000 }), { nil: undefined }),
    jitter: fc.constantFrom("none" as const, "full" as const, "decorrelated" as const, undefined),
  })
  .map(({ headroom, ...rest }) => ({
    ...rest,
    maxDelayMs: headroom === undefined ? undefined : rest.delayMs + headroom,
  }));
const attempts = fc.integer({ min: 1, max: 1_000 });
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a valid policy passes its check, and every wait is within 0 and the cap", () => {
  fc.assert(
    fc.property(policies, attempts, randoms, (policy, attempt, random) => {
      checkRetryPolicy(policy);
      const wait = retryDelay(policy, attempt, random);
      assert.ok(wait >= 0 && wait <= (policy.maxDelayMs ?? RETRY_DELAY_MS_MAX), `${wait}`);
      assert.equal(retryDelay(policy, attempt, random), wait);
    }),
  );
});

test("without jitter waits never fall from one attempt to the next", () => {
  fc.assert(
    fc.property(policies, attempts, randoms, (policy, attempt, random) => {
      const plain: RetryPolicy = { ...policy, jitter: "none" };
      const wait = retryDelay(plain, attempt, random);
      assert.ok(retryDelay(plain, attempt + 1, random) >= wait);
      assert.ok(wait >= plain.delayMs);
    }),
  );
});

test("full jitter draws from 0 to the plain wait, and grows with the draw", () => {
  fc.assert(
    fc.property(policies, attempts, randoms, randoms, (policy, attempt, one, two) => {
      const full: RetryPolicy = { ...policy, jitter: "full" };
      const plain = retryDelay({ ...policy, jitter: "none" }, attempt, 0);
      assert.equal(retryDelay(full, attempt, 0), 0);
      const [low, high] = [Math.min(one, two), Math.max(one, two)];
      assert.ok(retryDelay(full, attempt, low) <= retryDelay(full, attempt, high));
      assert.ok(retryDelay(full, attempt, high) <= plain);
    }),
  );
});

test("decorrelated jitter draws from the first wait to three times the previous one", () => {
  const previous = fc.double({ min: 0, max: 1_000_000, noNaN: true });
  fc.assert(
    fc.property(policies, attempts, randoms, previous, (policy, attempt, random, previousMs) => {
      const wait = retryDelay({ ...policy, jitter: "decorrelated" }, attempt, random, previousMs);
      assert.ok(wait >= policy.delayMs);
      assert.ok(wait <= Math.max(policy.delayMs, previousMs * 3));
    }),
  );
});

test("an exponential policy multiplies by its factor up to its cap", () => {
  const policy: RetryPolicy = {
    attempts: 9,
    backoff: "exponential",
    delayMs: 100,
    factor: 3,
    maxDelayMs: 2_000,
  };
  const waits = [1, 2, 3, 4, 500].map((attempt) => retryDelay(policy, attempt, 0.5));
  assert.deepEqual(waits, [100, 300, 900, 2_000, 2_000]);
});

test("a policy out of range is refused by the name of its field", () => {
  const good: RetryPolicy = { attempts: 3, backoff: "fixed", delayMs: 10 };
  const faults: Partial<Record<keyof RetryPolicy, unknown>>[] = [
    { attempts: 0 },
    { attempts: 1.5 },
    { backoff: "linear" },
    { delayMs: -1 },
    { delayMs: Number.NaN },
    { factor: 0.5 },
    { maxDelayMs: 9 },
    { jitter: "some" },
  ];
  for (const fault of faults)
    assert.throws(
      () => checkRetryPolicy(Object.assign({ ...good }, fault)),
      (error: AosError) => error.code === "CONFIG_INVALID" && error.details["field"] === Object.keys(fault)[0],
    );
});

test("an error is worth a retry by its code where codes are listed, else by its own word", () => {
  const open: RetryPolicy = { attempts: 3, backoff: "fixed", delayMs: 10 };
  const listed: RetryPolicy = { ...open, retryOn: ["TIMEOUT", "ECONNRESET"] };
  const reset = Object.assign(new Error("reset"), { code: "ECONNRESET" });
  const timeout = new AosError("TIMEOUT", "late");
  const forbidden = new AosError("FORBIDDEN", "no");
  assert.deepEqual(
    [reset, timeout, forbidden, new Error("plain"), "text", null].map((error) => [
      isRetryWorthwhile(open, error),
      isRetryWorthwhile(listed, error),
    ]),
    [
      [true, true],
      [true, true],
      [false, false],
      [true, false],
      [true, false],
      [true, false],
    ],
  );
});
