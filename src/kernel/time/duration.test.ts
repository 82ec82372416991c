import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DURATION_MAX_MS, formatDuration, parseDuration } from "./duration.ts";
import { isAosError } from "../errors.ts";

test("a duration reads as the sum of its units", () => {
  assert.equal(parseDuration("5m"), 300_000);
  assert.equal(parseDuration("3d"), 259_200_000);
  assert.equal(parseDuration("1h30m"), 5_400_000);
  assert.equal(parseDuration("2w"), 1_209_600_000);
  assert.equal(parseDuration("1s250ms"), 1_250);
  assert.equal(parseDuration("0s"), 0);
  assert.equal(parseDuration(1_500), 1_500);
});

test("what is written is read back, for every duration within the limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: DURATION_MAX_MS }), (ms) => {
      assert.equal(parseDuration(formatDuration(ms)), ms);
    }),
  );
  assert.equal(formatDuration(0), "0ms");
  assert.equal(formatDuration(5_400_000), "1h30m");
});

test("a malformed, negative, fractional or endless duration is refused with the caller's code", () => {
  const wrong: unknown[] = ["", " ", "5", "m", "5 m", "-5m", "1.5h", "5x", "30m1h", "1m1m", "5M", "1e3ms"];
  wrong.push(-1, 0.5, NaN, Infinity, "3654d", DURATION_MAX_MS + 1, "9".repeat(63) + "d", null, undefined, {}, [5]);
  for (const input of wrong) {
    assert.throws(
      // @ts-expect-error plain JavaScript may pass anything
      () => parseDuration(input, "SCHEDULE_INVALID"),
      (error) => isAosError(error, "SCHEDULE_INVALID"),
      `${String(input)} is refused`,
    );
  }
  assert.throws(
    () => parseDuration("soon"),
    (error) => isAosError(error, "USAGE"),
  );
});

test("any text is either a duration or a typed refusal", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        assert.ok(Number.isInteger(parseDuration(text)));
      } catch (error) {
        assert.ok(isAosError(error, "USAGE"));
      }
    }),
  );
});
