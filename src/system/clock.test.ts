import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "./clock.ts";

const HOUR = 3_600_000;

for (const [what, jump] of [
  ["the machine slept for an hour", HOUR],
  ["its clock was put forward by 24 hours", 24 * HOUR],
] as const) {
  test(`a timer that fell due while ${what} rings within half a minute, once`, (t) => {
    const real = Date.now.bind(Date);
    let offset = 0;
    t.mock.method(Date, "now", () => real() + offset);
    // Node's timers stand still in a sleep: only these are moved on.
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const clock = new SystemClock();
    let rings = 0;
    clock.at(clock.now() + HOUR, () => rings++);
    t.mock.timers.tick(30_000);
    assert.equal(rings, 0, "early");
    offset = jump;
    t.mock.timers.tick(30_000);
    assert.equal(rings, 1);
    t.mock.timers.tick(2 * HOUR);
    assert.equal(rings, 1, "twice");
  });
}

test("a timer does not ring early or get lost where the clock was put back by 24 hours", (t) => {
  const real = Date.now.bind(Date);
  let offset = 0;
  t.mock.method(Date, "now", () => real() + offset);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = new SystemClock();
  let rings = 0;
  const due = clock.now() + HOUR;
  clock.at(due, () => rings++);
  offset = -24 * HOUR;
  t.mock.timers.tick(2 * HOUR);
  assert.ok(clock.now() < due);
  assert.equal(rings, 0, "early");
  offset = HOUR;
  t.mock.timers.tick(30_000);
  assert.equal(rings, 1);
});
