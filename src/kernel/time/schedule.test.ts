import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Calendar } from "./calendar.ts";
import { isAosError } from "../errors.ts";
import { cron, every, jitterOf, nextOccurrence, overlapDecision, preview, type ScheduleSpec } from "./schedule.ts";

/** Intervals need no calendar. */
const none: Calendar = { next: () => undefined, validate: () => undefined };
const refused = (run: () => unknown): void => assert.throws(run, (error) => isAosError(error, "SCHEDULE_INVALID"));

test("a schedule's policies have their documented defaults", () => {
  assert.deepEqual(cron(" 0 9 1 * * "), {
    kind: "cron",
    expression: "0 9 1 * *",
    tz: "UTC",
    missed: "once",
    windowMs: 3_600_000,
    overlap: "skip",
    jitterMs: 0,
  });
  assert.deepEqual(every("5m", { missed: "all", window: "1d", overlap: "queue", jitter: "10s" }), {
    kind: "every",
    everyMs: 300_000,
    anchorAt: 0,
    missed: "all",
    windowMs: 86_400_000,
    overlap: "queue",
    jitterMs: 10_000,
  });
});

test("a malformed schedule is refused where it is written", () => {
  refused(() => cron(""));
  refused(() => cron("*".repeat(257)));
  refused(() => cron("* * * * *", { tz: "" }));
  // @ts-expect-error not a policy
  refused(() => cron("* * * * *", { missed: "twice" }));
  // @ts-expect-error not a policy
  refused(() => cron("* * * * *", { overlap: "wait" }));
  refused(() => cron("* * * * *", { window: "soon" }));
  refused(() => cron("* * * * *", { jitter: "2d" }));
  refused(() => every("often"));
  refused(() => every(0));
  refused(() => every("1m", { jitter: "1m" }));
  refused(() => every("1m", { anchor: 0.5 }));
});

test("an interval ticks at its anchor and every multiple from it, without drift", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: 10_000_000 }),
      fc.integer({ min: -1_000_000_000, max: 2_000_000_000_000 }),
      fc.integer({ min: 0, max: 2_000_000_000_000 }),
      (everyMs, anchor, after) => {
        const spec = every(everyMs, { anchor });
        const next = nextOccurrence(spec, after, none) ?? NaN;
        assert.ok(next > after && next <= after + everyMs);
        assert.equal(Math.abs((next - anchor) % everyMs), 0);
      },
    ),
  );
});

test("a preview lists the next ticks and no more than a thousand", () => {
  assert.deepEqual(preview(every("1m"), 90_000, 3, none), [120_000, 180_000, 240_000]);
  assert.deepEqual(preview(every("1m"), 0, 0, none), []);
  assert.equal(preview(every("1m"), 0, 5_000, none).length, 1_000);
  assert.deepEqual(preview(cron("0 0 30 2 *"), 0, 3, none), []);
});

test("a tick's jitter is within its bound and the same on every look", () => {
  const spec = every("1h", { jitter: "5m" });
  const hash01 = (text: string): number => (text.length % 7) / 7;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 15 }), (tick) => {
      const delay = jitterOf(spec, tick, "default/cfo/main#daily", hash01);
      assert.ok(Number.isInteger(delay) && delay >= 0 && delay < 300_000);
      assert.equal(jitterOf(spec, tick, "default/cfo/main#daily", hash01), delay);
    }),
  );
  assert.equal(jitterOf(every("1h"), 0, "seed", hash01), 0);
});

test("a tick runs unless an earlier one still does, and then its policy decides", () => {
  const spec = (overlap: "skip" | "queue" | "cancel"): ScheduleSpec => every("1m", { overlap });
  assert.equal(overlapDecision(spec("skip"), undefined), "run");
  assert.equal(overlapDecision(spec("skip"), 5), "skip");
  assert.equal(overlapDecision(spec("queue"), 0), "queue");
  assert.equal(overlapDecision(spec("cancel"), 5), "cancel");
});
