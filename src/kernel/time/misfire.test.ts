import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Calendar } from "./calendar.ts";
import { dueOccurrences, type DueTicks } from "./misfire.ts";
import { cron, every, type MissedPolicy, preview, type ScheduleSpec } from "./schedule.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

/** A calendar of one real expression, each full hour of January in UTC, so that the search meets dense and empty stretches. */
const january: Calendar = {
  next(_expression, _zone, after) {
    const at = new Date((Math.floor(after / HOUR) + 1) * HOUR);
    if (at.getUTCMonth() === 0) return at.getTime();
    return Date.UTC(at.getUTCFullYear() + 1, 0, 1);
  },
  validate: () => undefined,
};

const policy = fc.constantFrom<MissedPolicy>("skip", "once", "all");
const specs: fc.Arbitrary<ScheduleSpec> = fc.oneof(
  fc
    .record({
      everyMs: fc.integer({ min: 1_000, max: 2 * DAY }),
      missed: policy,
      window: fc.integer({ min: 0, max: 90 * DAY }),
    })
    .map(({ everyMs, missed, window }) => every(everyMs, { missed, window })),
  fc
    .record({ missed: policy, window: fc.integer({ min: 0, max: 400 * DAY }) })
    .map(({ missed, window }) => cron("0 * * 1 *", { missed, window })),
);
const look = (spec: ScheduleSpec, last: number, now: number, max: number): DueTicks => dueOccurrences(spec, last, now, january, { max });

test("each due tick fires or is missed, in order, never both, and the rest is said to be missed", () => {
  fc.assert(
    fc.property(specs, fc.integer({ min: 0, max: 20 * DAY }), fc.integer({ min: 1, max: 20 }), (spec, away, max) => {
      const now = START + away;
      const { fire, missed, missedMore, settledAt, next } = look(spec, START, now, max);
      const all = preview(spec, START, 1_000, january).filter((tick) => tick <= now);
      const told = [...fire, ...missed].toSorted((a, b) => a - b);
      assert.ok(fire.length <= max && missed.length <= max);
      assert.deepEqual(
        fire,
        fire.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(told).size, told.length);
      assert.ok(told.every((tick) => tick > START && tick <= now));
      if (!missedMore) assert.deepEqual(told, all.slice(0, told.length));
      if (all.length < 1_000) assert.equal(missedMore, told.length < all.length);
      if (all.length < 1_000) assert.equal(settledAt, all.at(-1) ?? START);
      assert.ok(next !== undefined && next > now);
    }),
    { numRuns: 300 },
  );
});

test("looking again at once fires nothing again", () => {
  fc.assert(
    fc.property(specs, fc.integer({ min: 0, max: 400 * DAY }), (spec, away) => {
      const now = START + away;
      const first = look(spec, START, now, 10);
      const again = look(spec, first.settledAt, now, 10);
      assert.deepEqual([again.fire, again.missed, again.next], [[], [], first.next]);
    }),
  );
});

test("a late tick never fires outside its window, and skip fires no late tick", () => {
  fc.assert(
    fc.property(specs, fc.integer({ min: 0, max: 100 * DAY }), (spec, away) => {
      const now = START + away;
      const late = look(spec, START, now, 50).fire.filter((tick) => now - tick > MINUTE);
      assert.ok(late.every((tick) => now - tick <= spec.windowMs));
      if (spec.missed === "skip") assert.deepEqual(late, []);
      if (spec.missed === "once") assert.ok(late.length <= 1);
    }),
  );
});

test("a clock that jumps a day back and forth fires each tick at most once", () => {
  fc.assert(
    fc.property(specs, fc.array(fc.integer({ min: -DAY, max: DAY }), { maxLength: 30 }), (spec, jumps) => {
      const fired = new Set<number>();
      let now = START;
      let settled = START;
      for (const jump of jumps) {
        now += jump;
        const { fire, settledAt } = look(spec, settled, now, 10);
        for (const tick of fire) {
          assert.ok(!fired.has(tick));
          assert.ok(tick <= now);
          fired.add(tick);
        }
        assert.ok(settledAt >= settled);
        settled = settledAt;
      }
    }),
  );
});

test("after months away the work and the answer stay within the limit", () => {
  let asked = 0;
  const counting: Calendar = {
    next: (_expression, _zone, after) => {
      asked += 1;
      return (Math.floor(after / 1_000) + 1) * 1_000;
    },
    validate: () => undefined,
  };
  const spec = cron("* * * * * *", { missed: "all", window: "300d" });
  const now = START + 200 * DAY;
  const { fire, missed, missedMore } = dueOccurrences(spec, START, now, counting, { max: 100 });
  assert.equal(fire.length, 100);
  assert.equal(fire.at(-1), now);
  assert.equal(missed.length, 100);
  assert.equal(missed.at(-1), now - 100_000);
  assert.ok(missedMore);
  assert.ok(asked < 2_000);
});

test("a dense month behind an empty year is searched within bounds", () => {
  const spec = cron("0 * * 1 *", { missed: "all", window: "400d" });
  const { fire } = look(spec, START, START + 360 * DAY, 5);
  const last = Date.UTC(2026, 0, 31, 23);
  assert.deepEqual(
    fire,
    [4, 3, 2, 1, 0].map((back) => last - back * HOUR),
  );
});

test("once: a punctual tick stands for the ones that were missed", () => {
  const daily = every("1d", { window: "7d" });
  const punctual = look(daily, START, START + 3 * DAY + 30_000, 10);
  assert.deepEqual(punctual.fire, [START + 3 * DAY]);
  assert.deepEqual(punctual.missed, [START + DAY, START + 2 * DAY]);
  const late = look(daily, START, START + 3 * DAY + 2 * HOUR, 10);
  assert.deepEqual(late.fire, [START + 3 * DAY]);
  assert.equal(late.next, START + 4 * DAY);
});

test("a tick waits for its jitter, and those behind it wait too", () => {
  const spec = every("1m", { jitter: "50s", missed: "all" });
  const delayOf = (tick: number): number => (tick === START + MINUTE ? 49_000 : 0);
  const at = (now: number): DueTicks => dueOccurrences(spec, START, now, january, { max: 10, delayOf });
  assert.deepEqual(at(START + MINUTE + 48_999).fire, []);
  assert.equal(at(START + MINUTE + 48_999).next, START + MINUTE);
  assert.deepEqual(at(START + MINUTE + 49_000).fire, [START + MINUTE]);
  assert.equal(at(START + MINUTE + 49_000).next, START + 2 * MINUTE);
  const wide = cron("* * * * *", { jitter: "3m" });
  const minutes: Calendar = {
    next: (_expression, _zone, after) => (Math.floor(after / MINUTE) + 1) * MINUTE,
    validate: () => undefined,
  };
  const held = dueOccurrences(wide, START, START + 2 * MINUTE, minutes, {
    max: 10,
    delayOf: (tick) => (tick === START + MINUTE ? 150_000 : 0),
  });
  assert.deepEqual([held.fire, held.next], [[], START + MINUTE]);
});

test("a late tick is measured from the end of its jitter", () => {
  const spec = every("1d", { jitter: "2h", missed: "skip" });
  const { fire } = dueOccurrences(spec, START, START + DAY + HOUR + 1_000, january, {
    max: 10,
    delayOf: () => HOUR,
  });
  assert.deepEqual(fire, [START + DAY]);
});
