import assert from "node:assert/strict";
import { test } from "node:test";
import { grow } from "../../bench/storage.ts";
import { AgentOperatingSystem } from "../../src/index.ts";
import { folder } from "../support/scene.ts";

const TURNS = process.env["AOS_TEST_SCALE"] === "full" ? 1_000_000 : 200_000;
const MIB = 1 << 20;
const AGENTS = 10;
const JOURNAL_BYTES = 256 << 10;
const KEYS = 1_000;
/** What a turn of this load leaves: its row, and its key in the list of keys. */
const TURN_BYTES = 400;
/** Journal that is written before the house is kept again, and what comes while it is. */
const BETWEEN_BYTES = 24 * MIB;
/** Free pages that are left for what is written next, and the log. */
const SLACK_BYTES = (32 + 64) * MIB;

test(`after ${TURNS.toLocaleString("en")} turns of ten agents the store holds their states and what retention allows, and no more`, async (t) => {
  await using aos = await AgentOperatingSystem.boot({ dir: folder(t), dedupe: { perAgent: KEYS } });
  const held = await grow(aos, TURNS, 5);
  // What is kept begins with a full copy, and so may reach twice its bytes.
  const caps = AGENTS * Math.max(2 * JOURNAL_BYTES, KEYS * TURN_BYTES) + BETWEEN_BYTES;
  assert.ok(TURNS * 250 > 1.5 * caps, "the load must be more than what is kept");
  for (const { turns, bytes } of held) {
    const { state = 0, used = 0, file = 0, log = 0 } = bytes;
    const told = `after ${turns} turns: ${JSON.stringify(bytes)}`;
    assert.ok(state < MIB, told);
    assert.ok(used <= state + caps, told);
    assert.ok(file + log <= used + SLACK_BYTES, told);
  }
  const [agent] = await aos.agents();
  const rows = await aos.kernel.journal(`default/${agent?.address ?? ""}`, 0, 1_000);
  assert.ok((rows[0]?.turn ?? 0) > 1, "old records are gone");
});
