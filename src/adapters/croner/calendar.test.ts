import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isAosError } from "../../kernel/index.ts";
import { CronerCalendar } from "./index.ts";
import { wallTime } from "./wall-time.ts";

const ZONES = [
  "UTC",
  "Europe/London",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Sao_Paulo",
  "Asia/Kolkata",
  "Pacific/Apia",
  "Africa/Cairo",
  "Africa/Casablanca",
  "America/Havana",
  "America/Nuuk",
  "America/Santiago",
  "America/Scoresbysund",
  "Antarctica/Troll",
  "Asia/Gaza",
];
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const calendar = new CronerCalendar();

const zone = fc.constantFrom(...ZONES);
const instant = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2035, 11, 31) });
const some = (min: number, max: number): fc.Arbitrary<number[]> => fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 });

interface Fields {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
}
const fields: fc.Arbitrary<Fields> = fc.record({
  minutes: some(0, 59),
  hours: some(0, 23),
  days: some(1, 28),
  months: some(1, 12),
});
const expressionOf = ({ minutes, hours, days, months }: Fields): string =>
  `${minutes.join()} ${hours.join()} ${days.join()} ${months.join()} *`;

const matches = (at: number, timeZone: string, of: Fields): boolean => {
  const wall = new Date(wallTime(at, timeZone));
  return (
    of.minutes.includes(wall.getUTCMinutes()) &&
    of.hours.includes(wall.getUTCHours()) &&
    of.days.includes(wall.getUTCDate()) &&
    of.months.includes(wall.getUTCMonth() + 1) &&
    wall.getUTCSeconds() === 0
  );
};
/** How far the wall clock jumps at an instant beyond the second that passes: positive at the end of a gap. */
const jump = (at: number, timeZone: string): number => wallTime(at, timeZone) - wallTime(at - SECOND, timeZone) - SECOND;
const next = (expression: string, timeZone: string, after: number): number => {
  const at = calendar.next(expression, timeZone, after);
  assert.ok(at !== undefined, `${expression} has a next occurrence`);
  return at;
};
const iso = (at: number): string => new Date(at).toISOString();

test("an occurrence is later than asked and shows the expression's fields on the wall, or ends a gap", () => {
  fc.assert(
    fc.property(zone, instant, fields, (timeZone, start, of) => {
      let after = start;
      for (let step = 0; step < 4; step += 1) {
        const at = next(expressionOf(of), timeZone, after);
        assert.ok(at > after);
        assert.ok(matches(at, timeZone, of) || jump(at, timeZone) > 0, iso(at));
        after = at;
      }
    }),
    { numRuns: 300 },
  );
});

test("no minute that matches is passed over, and none occurs twice on the wall", () => {
  const dense: fc.Arbitrary<Fields> = fc.record({
    minutes: some(0, 59),
    hours: some(0, 23),
    days: fc.constant(Array.from({ length: 31 }, (_, day) => day + 1)),
    months: fc.constant(Array.from({ length: 12 }, (_, month) => month + 1)),
  });
  fc.assert(
    fc.property(zone, instant, dense, (timeZone, start, of) => {
      const expression = `${of.minutes.join()} ${of.hours.join()} * * *`;
      const first = next(expression, timeZone, start);
      const second = next(expression, timeZone, first);
      for (let at = Math.ceil((first + 1) / MINUTE) * MINUTE; at < second; at += MINUTE) {
        const repeated = wallTime(at - 3 * HOUR, timeZone) > wallTime(at, timeZone) - 3 * HOUR;
        assert.ok(!matches(at, timeZone, of) || repeated, `${iso(at)} was passed over`);
      }
      assert.notEqual(wallTime(first, timeZone), wallTime(second, timeZone));
    }),
    { numRuns: 120 },
  );
});

test("a daily time occurs once for each local date, whatever the clocks do", () => {
  fc.assert(
    fc.property(
      zone,
      fc.integer({ min: 2020, max: 2035 }),
      fc.constantFrom(0, 1, 2, 3, 9, 22, 23),
      fc.integer({ min: 0, max: 59 }),
      (timeZone, year, hour, minute) => {
        const due = new Set<number>();
        let at = Date.UTC(year, 0, 1) - DAY;
        const end = at + 370 * DAY;
        for (;;) {
          at = next(`${minute} ${hour} * * *`, timeZone, at);
          if (at > end) break;
          // The wall time that a tick stands for is the first of that time of day since the second before it.
          const timeOfDay = hour * HOUR + minute * MINUTE;
          const before = wallTime(at - SECOND, timeZone);
          const today = Math.floor(before / DAY);
          const named = today * DAY + timeOfDay > before ? today : today + 1;
          const wall = named * DAY + timeOfDay;
          assert.ok(wall === wallTime(at, timeZone) || wall < wallTime(at, timeZone));
          assert.ok(!due.has(named), `twice on one date: ${iso(at)}`);
          due.add(named);
        }
        const dates = [...due];
        const span = Math.max(...dates) - Math.min(...dates) + 1;
        assert.equal(dates.length, span);
      },
    ),
    { numRuns: 60 },
  );
});

test("an expression of every minute ticks each real minute through any change of clocks", () => {
  const change = fc.constantFrom(
    ["Europe/London", Date.UTC(2025, 9, 26, 0, 30)] as const,
    ["Europe/London", Date.UTC(2025, 2, 30, 0, 30)] as const,
    ["Australia/Lord_Howe", Date.UTC(2025, 3, 5, 14)] as const,
    ["America/New_York", Date.UTC(2025, 10, 2, 5)] as const,
    ["Antarctica/Troll", Date.UTC(2025, 9, 26, 0)] as const,
  );
  fc.assert(
    fc.property(change, ([timeZone, start]) => {
      let at = start;
      for (let minute = 0; minute < 150; minute += 1) {
        const following = next("* * * * *", timeZone, at);
        assert.equal(following - at, MINUTE);
        at = following;
      }
    }),
    { numRuns: 5 },
  );
});

const MOMENTS: readonly [promise: string, expression: string, zone: string, after: string, ticks: string[]][] = [
  [
    "a time in a gap occurs right after it",
    "30 1 * * *",
    "Europe/London",
    "2025-03-29T12:00:00Z",
    ["2025-03-30T01:00:00.000Z", "2025-03-31T00:30:00.000Z"],
  ],
  [
    "two times in one gap occur once",
    "15,45 1 * * *",
    "Europe/London",
    "2025-03-29T12:00:00Z",
    ["2025-03-30T01:00:00.000Z", "2025-03-31T00:15:00.000Z"],
  ],
  [
    "a time that exists twice occurs at the first",
    "30 1 * * *",
    "Europe/London",
    "2025-10-25T12:00:00Z",
    ["2025-10-26T00:30:00.000Z", "2025-10-27T01:30:00.000Z"],
  ],
  [
    "a half-hour gap ends at half past",
    "15 2 * * *",
    "Australia/Lord_Howe",
    "2025-10-04T00:00:00Z",
    ["2025-10-04T15:30:00.000Z", "2025-10-05T15:15:00.000Z"],
  ],
  [
    "a gap at midnight keeps its day",
    "0 0 * * *",
    "Africa/Cairo",
    "2025-04-24T00:00:00Z",
    ["2025-04-24T22:00:00.000Z", "2025-04-25T21:00:00.000Z"],
  ],
  [
    "a gap that ends at midnight loses nothing",
    "30 23 * * *",
    "America/Nuuk",
    "2025-03-29T12:00:00Z",
    ["2025-03-30T01:00:00.000Z", "2025-03-31T00:30:00.000Z"],
  ],
  [
    "the end of a gap that is a tick itself occurs once",
    "0 0,23 * * *",
    "America/Nuuk",
    "2025-03-30T00:30:00Z",
    ["2025-03-30T01:00:00.000Z", "2025-03-31T00:00:00.000Z"],
  ],
  [
    "leap days occur in leap years only",
    "0 12 29 2 *",
    "Asia/Kolkata",
    "2025-01-01T00:00:00Z",
    ["2028-02-29T06:30:00.000Z", "2032-02-29T06:30:00.000Z"],
  ],
  [
    "a year ends with its last second",
    "59 59 23 31 12 *",
    "Pacific/Apia",
    "2025-12-31T00:00:00Z",
    ["2025-12-31T10:59:59.000Z", "2026-12-31T10:59:59.000Z"],
  ],
  ["a month's last day is L", "0 0 L * *", "UTC", "2028-02-01T00:00:00Z", ["2028-02-29T00:00:00.000Z", "2028-03-31T00:00:00.000Z"]],
  ["the second Monday is MON#2", "0 9 * * MON#2", "UTC", "2026-01-01T00:00:00Z", ["2026-01-12T09:00:00.000Z", "2026-02-09T09:00:00.000Z"]],
  [
    "a day of month and a weekday mean either",
    "0 0 13 * FRI",
    "UTC",
    "2026-02-10T00:00:00Z",
    ["2026-02-13T00:00:00.000Z", "2026-02-20T00:00:00.000Z"],
  ],
  [
    "milliseconds round up to the next whole second",
    "* * * * * *",
    "UTC",
    "2026-01-01T00:00:00.500Z",
    ["2026-01-01T00:00:01.000Z", "2026-01-01T00:00:02.000Z"],
  ],
];

for (const [promise, expression, timeZone, start, ticks] of MOMENTS) {
  test(`${promise}: ${expression} in ${timeZone}`, () => {
    let at = Date.parse(start);
    const found = ticks.map(() => {
      at = next(expression, timeZone, at);
      return iso(at);
    });
    assert.deepEqual(found, ticks);
  });
}

for (const [expression, timeZone] of [
  ["", "UTC"],
  ["every day", "UTC"],
  ["* * * *", "UTC"],
  ["* * * * * * *", "UTC"],
  ["60 * * * *", "UTC"],
  ["*/0 * * * *", "UTC"],
  ["5/5 * * * *", "UTC"],
  ["0 0 30 2 *", "UTC"],
  ["@reboot", "UTC"],
  ["2030-01-01T00:00:00", "UTC"],
  [`${"1,".repeat(200)}1 * * * *`, "UTC"],
  ["* * * * *", "Mars/Olympus"],
  ["* * * * *", ""],
  ["* * * * *", "+02:00"],
] as const) {
  test(`a schedule of ${JSON.stringify(expression.slice(0, 24))} in ${JSON.stringify(timeZone)} is refused`, () => {
    assert.throws(
      () => calendar.validate(expression, timeZone),
      (error) => isAosError(error, "SCHEDULE_INVALID"),
    );
  });
}

test("a schedule that is well formed is accepted", () => {
  for (const expression of ["0 9 1 * *", "*/5 * * * * *", "@daily", "0 0 29 2 *", "0 8 * * MON-FRI"]) {
    calendar.validate(expression, "America/New_York");
  }
});
