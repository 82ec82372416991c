import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { faultPosition } from "./json-fault.ts";

test("the position is that of the first character that does not belong", () => {
  const cases = [
    ["{a:1}", 1],
    ["nope", 0],
    ["", 0],
    ['{"a":1', 6],
    ['{"a":1,}', 7],
    ["[1,]", 3],
    ["[1 2]", 3],
    ['{"a" 1}', 5],
    ['"abc\\"', 6],
    ['"a\\x"', 2],
    ["01", 1],
    ["1 2", 2],
    ["[}", 1],
    ['{"a":tru}', 5],
    ["{]", 1],
    ["\n\n x", 3],
  ] as const;
  for (const [text, at] of cases) assert.equal(faultPosition(text), at, JSON.stringify(text));
});

test("what stands before the fault could have gone on as JSON: a cut text fails at its end", () => {
  fc.assert(
    fc.property(fc.json(), fc.double({ min: 0, max: 1, noNaN: true }), (text, share) => {
      const cut = text.slice(0, Math.floor(share * text.length));
      try {
        JSON.parse(cut);
      } catch {
        // A cut inside a word, an escape or a number's tail fails where that began.
        const at = faultPosition(cut);
        assert.ok(at <= cut.length && cut.length - at <= 8, `${cut} at ${at}`);
      }
    }),
    { numRuns: 300 },
  );
});

test("very deep JSON has a position too", () => {
  const deep = "[".repeat(100_000);
  assert.equal(faultPosition(deep), deep.length);
});
