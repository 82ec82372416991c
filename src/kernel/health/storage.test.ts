import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf, reachedAt, type StorageSample, thinned } from "./storage.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test("less than an hour of history is not enough to tell a growth", () => {
  assert.equal(growthOf([[0, 100, 10]], 0), undefined);
  assert.equal(
    growthOf(
      [
        [0, 100, 10],
        [HOUR_MS - 1, 200, 20],
      ],
      HOUR_MS - 1,
    ),
    undefined,
  );
});

test("growth is the slope of the samples of the last week, whatever was before", () => {
  const now = 20 * DAY_MS;
  const samples = Array.from({ length: 21 }, (_, day): StorageSample => [day * DAY_MS, day < 13 ? 0 : day * 1_000, day * 10]);
  assert.deepEqual(growthOf(samples, now), { bytesPerDay: 1_000, journalBytesPerDay: 10, since: 13 * DAY_MS, samples: 8 });
});

test("after a long rest growth rests on the newest sample before it", () => {
  assert.deepEqual(
    growthOf(
      [
        [0, 0, 0],
        [DAY_MS, 100, 0],
        [31 * DAY_MS, 3_100, 0],
      ],
      31 * DAY_MS,
    ),
    { bytesPerDay: 100, journalBytesPerDay: 0, since: DAY_MS, samples: 2 },
  );
});

test("samples stay few and reach back far, the newest ones hour by hour", () => {
  let samples: readonly StorageSample[] = [];
  for (let hour = 0; hour < 10_000; hour++) samples = thinned([...samples, [hour * HOUR_MS, hour, hour]]);
  assert.ok(samples.length <= 64, String(samples.length));
  assert.deepEqual(samples.at(-1), [9_999 * HOUR_MS, 9_999, 9_999]);
  assert.deepEqual(samples.at(-2), [9_998 * HOUR_MS, 9_998, 9_998]);
  assert.deepEqual(samples[0], [0, 0, 0]);
});

test("what is left is used up at a day, or is not for a hundred years", () => {
  assert.equal(reachedAt(5, 1_000, 100), 5 + 10 * DAY_MS);
  for (const [left, perDay] of [
    [undefined, 100],
    [0, 100],
    [1_000, 0],
    [1_000, -5],
    [100 * 366 * 10, 10],
  ] as const)
    assert.equal(reachedAt(5, left, perDay), undefined, `${left} at ${perDay}`);
});
