import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyDelta, encodeBoth, encodeDelta, encodeFull, isFull, stateBefore } from "./delta.ts";

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

test("a delta that keeps the state before it leads from any text to the second, and tells the first", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), fc.string(), (first, second, other) => {
      const delta = encodeBoth(first, second);
      assert.equal(isFull(delta), true);
      assert.equal(stateBefore(delta), first);
      assert.equal(applyDelta(other, delta), second);
    }),
  );
});

test("a whole text needs nothing before it", () => {
  const full = encodeFull("{}");
  assert.ok(isFull(full));
  assert.equal(applyDelta("anything", full), "{}");
  assert.ok(isFull(encodeDelta("completely other", "xyz")));
});
