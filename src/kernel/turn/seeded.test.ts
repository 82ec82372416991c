import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom, uuidOfHash } from "./seeded.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

test("one seed gives one sequence, in [0, 1), and another seed another", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (left, right) => {
      const draw = (seed: string): number[] => Array.from({ length: 8 }, seededRandom(hash(seed)));
      const values = draw(left);
      assert.deepEqual(draw(left), values);
      assert.ok(values.every((value) => value >= 0 && value < 1));
      if (left !== right) assert.notDeepEqual(draw(right), values);
    }),
  );
});

test("values spread evenly", () => {
  const next = seededRandom(hash("even"));
  const buckets = Array.from({ length: 10 }, () => 0);
  for (let at = 0; at < 10_000; at++) {
    const bucket = Math.floor(next() * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  assert.ok(
    buckets.every((count) => count > 850 && count < 1_150),
    buckets.join(" "),
  );
});

test("a hash becomes a UUID of version 8", () => {
  fc.assert(
    fc.property(fc.string(), (text) =>
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuidOfHash(hash(text))),
    ),
  );
});
