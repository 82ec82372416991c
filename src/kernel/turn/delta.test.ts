import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyDelta, encodeDelta, encodeFull, isFull } from "./delta.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.string({ unit: fc.constantFrom("a", "b", "😀", "😁", "é", "\u{10FFFF}"), maxLength: 200 }),
);

test("a delta leads from any text to any other", () => {
  fc.assert(fc.property(text, text, (previous, next) => applyDelta(previous, encodeDelta(previous, next)) === next));
});

test("a delta survives UTF-8: no surrogate pair is cut in two", () => {
  const part = fc.string({ unit: fc.constantFrom("😀", "😁", "🙀", "a"), maxLength: 60 });
  fc.assert(
    fc.property(part, part, part, part, (head, before, after, tail) => {
      const delta = encodeDelta(head + before + tail, head + after + tail);
      const stored = new TextDecoder().decode(new TextEncoder().encode(delta));
      assert.equal(stored, delta);
      assert.equal(applyDelta(head + before + tail, stored), head + after + tail);
    }),
  );
});

test("a window that moves over a long list costs little", () => {
  const list = (from: number): string => JSON.stringify(Array.from({ length: 64 }, (_, at) => `entry number ${from + at}`));
  const delta = encodeDelta(list(10), list(11));
  assert.equal(applyDelta(list(10), delta), list(11));
  assert.ok(delta.length < 60, delta);
});

test("a whole text needs nothing before it", () => {
  const full = encodeFull("{}");
  assert.ok(isFull(full));
  assert.equal(applyDelta("anything", full), "{}");
  assert.ok(isFull(encodeDelta("completely other", "xyz")));
});
