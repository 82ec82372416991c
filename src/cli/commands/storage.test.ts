import assert from "node:assert/strict";
import { test } from "node:test";
import { outlook } from "./storage.ts";

const NOW = Date.parse("2026-03-01T00:00:00Z");
const REPORT = { at: NOW, classes: [], bytes: 1, diskFreeBytes: 3 * 2 ** 30, forecast: {} };
const DAY_MS = 24 * 3_600_000;

test("without history nothing is foretold", () => {
  assert.deepEqual(outlook(REPORT, NOW), [
    "disk      3.0 GiB free",
    "growth    not enough history yet: it takes an hour from the first start",
  ]);
});

test("growth leads to a day on which the disk is full, or to none", () => {
  const growth = { bytesPerDay: 2 << 20, journalBytesPerDay: 0, since: NOW - 3 * DAY_MS, samples: 9 };
  assert.deepEqual(outlook({ ...REPORT, growth, forecast: { diskFullAt: NOW + 40 * DAY_MS, journalCapAt: NOW + DAY_MS } }, NOW), [
    "disk      3.0 GiB free",
    "growth    2.0 MiB a day, from 9 samples since 3d ago",
    "forecast  the journal reaches its cap in 1d, and grows no more",
    "forecast  the disk is full in 40d",
  ]);
  assert.match(outlook({ ...REPORT, growth: { ...growth, bytesPerDay: -1_024 } }, NOW).join("\n"), /-1\.0 KiB a day.*\n.*does not fill up/);
});
