import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentOperatingSystem } from "../index.ts";

import { Note, Probe } from "../../test/support/probe.ts";
import { advance, folder, onDisk, rest } from "../../test/support/scene.ts";

const HOUR_MS = 3_600_000;

test("a new system has no history to foretell from, and one that grew has, also when it is stopped and read", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(Probe, "main");
  await rest(aos);
  const fresh = await aos.kernel.storage();
  assert.equal(fresh.growth, undefined);
  assert.deepEqual(fresh.forecast, { diskFullAt: undefined, journalCapAt: undefined });
  assert.ok((fresh.diskFreeBytes ?? 0) > 0);
  for (let hour = 0; hour < 6; hour++) {
    for (let at = 0; at < 20; at++) await aos.emit(Note, { text: "x".repeat(2_000) }, { to: "probe/main" });
    await rest(aos);
    await advance(aos, HOUR_MS);
  }
  const { growth, forecast, classes, at } = await aos.kernel.storage();
  assert.ok(growth !== undefined && growth.bytesPerDay > 100_000 && growth.samples >= 6, JSON.stringify(growth));
  // A disk so large that this would take a hundred years is not full at any day.
  assert.ok((forecast.diskFullAt ?? Infinity) > at);
  const named = Object.fromEntries(classes.map((row) => [row.name, row]));
  assert.equal(named["journal"]?.capBytes, 256 << 10);
  for (const row of classes) assert.ok(row.limit.length > 3, row.name);
  await aos.shutdown();
  await using stopped = await AgentOperatingSystem.boot({ dir, isDormant: true });
  const told = await stopped.kernel.storage();
  assert.ok((told.growth?.samples ?? 0) >= 6);
});

test("the samples are bounded, however long a system runs", async (t) => {
  const aos = await onDisk(t, folder(t));
  await aos.register(Probe, "main");
  await advance(aos, 300 * HOUR_MS);
  const samples: readonly unknown[] = JSON.parse((await aos.store.fact("storage.samples")) ?? "[]");
  assert.ok(samples.length > 20 && samples.length <= 64, String(samples.length));
});
