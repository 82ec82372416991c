import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeText, encodeText } from "./text.ts";

const TEXTS = [
  "",
  "a",
  "\u0000",
  "\u0001",
  "\u0001\u0002",
  "\u0000\u0001",
  "\u0001\u0000",
  "a\u0000b",
  "a\u0001",
  "a\u0002",
  "😀\u0000",
  "\u0002",
];

test("a text with U+0000 is stored without it and comes back as it was", () => {
  for (const text of TEXTS) {
    assert.ok(!encodeText(text).includes("\u0000"), JSON.stringify(text));
    assert.equal(decodeText(encodeText(text)), text);
  }
});

test("stored texts sort by their bytes as the texts do", () => {
  const byBytes = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right));
  assert.deepEqual(TEXTS.map(encodeText).toSorted(byBytes).map(decodeText), TEXTS.toSorted(byBytes));
});
