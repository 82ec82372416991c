import assert from "node:assert/strict";
import { test } from "node:test";
import { relative, rfc3339, size, span } from "./time.ts";

const NOW = Date.UTC(2026, 0, 1);

test("a moment is said relative to now, in one unit, whichever way it is written", () => {
  assert.equal(relative(NOW - 3_400, NOW), "3s ago");
  assert.equal(relative(new Date(NOW + 125_000).toISOString(), NOW), "in 2m");
  assert.equal(relative(NOW - 90_000_000, NOW), "1d ago");
  assert.equal(relative(NOW + 10, NOW), "now");
  assert.equal(relative(null, NOW), undefined);
  assert.equal(relative(undefined, NOW), undefined);
});

test("sizes, spans and moments read well", () => {
  assert.equal(size(512), "512 B");
  assert.equal(size(1_536), "1.5 KiB");
  assert.equal(span(5_400_000), "1h30m");
  assert.equal(span(0), "0ms");
  assert.equal(rfc3339(NOW), "2026-01-01T00:00:00.000Z");
});
