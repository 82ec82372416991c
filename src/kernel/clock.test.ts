import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, notBefore, steadyTime } from "./clock.ts";

/** A machine whose wall clock can be set. */
function machine(): { wall: number; monotonic: number; readonly clock: Clock; readonly pass: (ms: number) => void } {
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const made = {
    wall: 1_000_000,
    monotonic: 0,
    clock: {
      now: () => made.wall,
      monotonic: () => made.monotonic,
      at: (at: number, run: () => void) => {
        const timer = { at, run };
        timers.add(timer);
        return () => void timers.delete(timer);
      },
      soon: (run: () => void) => run(),
    },
    pass: (ms: number) => {
      made.wall += ms;
      made.monotonic += ms;
      for (const timer of timers) if (timer.at <= made.wall && timers.delete(timer)) timer.run();
    },
  };
  return made;
}

test("time goes on, at half its pace, while the machine's clock is behind, and then agrees with it", () => {
  const m = machine();
  const now = steadyTime(
    () => m.wall,
    () => m.monotonic,
  );
  assert.equal(now(), 1_000_000);
  m.wall -= 10_000;
  assert.equal(now(), 1_000_000);
  m.pass(4_000);
  assert.equal(now(), 1_002_000);
  m.pass(16_000);
  assert.equal(now(), 1_010_000);
  m.pass(1_000);
  assert.equal(now(), 1_011_000);
});

test("a timer goes off although what is stored is a day ahead of the machine's clock", () => {
  const m = machine();
  const day = 86_400_000;
  const clock = notBefore(m.clock, m.wall + day);
  const fired: number[] = [];
  clock.at(clock.now() + 1_000, () => fired.push(clock.now()));
  for (let second = 0; second < 5; second++) m.pass(1_000);
  assert.deepEqual(fired, [1_000_000 + day + 1_000]);
});
