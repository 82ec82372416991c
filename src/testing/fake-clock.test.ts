import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "./fake-clock.ts";
import { SeededEntropy } from "./seeded-entropy.ts";

test("timers run in order of their time, then of their making", async () => {
  const clock = new FakeClock(1_000);
  const seen: string[] = [];
  clock.at(1_020, () => seen.push(`late at ${clock.now()}`));
  clock.at(1_010, () => seen.push(`first at ${clock.now()}`));
  clock.at(1_010, () => seen.push(`second at ${clock.now()}`));
  await clock.advance(15);
  assert.deepEqual(seen, ["first at 1010", "second at 1010"]);
  assert.deepEqual([clock.now(), clock.monotonic(), clock.pending, clock.nextAt], [1_015, 15, 1, 1_020]);
});

test("async code between two timers runs before the second one", async () => {
  const clock = new FakeClock(0);
  const seen: string[] = [];
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void clock.at(clock.now() + ms, resolve));
  const chain = (async () => {
    await wait(10);
    seen.push(`a ${clock.now()}`);
    await wait(10);
    seen.push(`b ${clock.now()}`);
  })();
  clock.at(15, () => seen.push(`timer ${clock.now()}`));
  await clock.advance(100);
  await chain;
  assert.deepEqual(seen, ["a 10", "timer 15", "b 20"]);
});

test("a cancelled timer never runs, and one in the past runs at the next step", async () => {
  const clock = new FakeClock(500);
  const seen: string[] = [];
  clock.at(510, () => seen.push("cancelled"))();
  clock.at(1, () => seen.push(`past at ${clock.now()}`));
  clock.soon(() => seen.push("soon"));
  await clock.advance(0);
  assert.deepEqual(seen, ["soon", "past at 500"]);
});

test("what a timer throws rejects the advance", async () => {
  const clock = new FakeClock();
  clock.at(clock.now() + 1, () => {
    throw new Error("boom");
  });
  await assert.rejects(clock.advance(5), /boom/);
  await assert.rejects(clock.advance(-1), RangeError);
});

test("a seed decides the randomness, and ids are rising UUIDv7s", () => {
  const make = (): string[] => {
    const entropy = new SeededEntropy(7, new FakeClock());
    return Array.from({ length: 50 }, () => `${entropy.uuid()} ${entropy.random()}`);
  };
  assert.deepEqual(make(), make());
  const ids = make().map((line) => line.slice(0, 36));
  assert.deepEqual(ids, ids.toSorted());
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
