/** Far more mail than mailboxes hold: each refusal is explicit, memory stays bounded, and afterwards all is as before. */
import { AgentOperatingSystem, isAosError } from "aosjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { folder } from "../support/scene.ts";
import { Desk, DESKS, DeskState, rested, SETTINGS, WorkEvent } from "./support/workload.ts";

const DEPTH = 100;
const WAVES = process.env["AOS_TEST_SCALE"] === "full" ? 600 : 30;
/** Of ten times what both mailboxes hold. */
const WAVE = 10 * DEPTH * DESKS.length;
const HEAP_GROWTH_MAX = 128 << 20;

test("ten times what mailboxes hold is acknowledged or refused by code, memory stays bounded, and what was acknowledged is done once", async (t) => {
  const dir = folder(t);
  const world = join(dir, "world");
  await using aos = await AgentOperatingSystem.boot({ dir: join(dir, "data"), ...SETTINGS, "limits.mailboxDepth": DEPTH });
  await aos.loadAll([Desk]);
  for (const desk of DESKS) await aos.register(Desk, desk);
  const before = process.memoryUsage().heapUsed;
  const tally = { acked: 0, refused: 0 };
  const send = async (desk: string, id: string): Promise<void> => {
    try {
      await aos.emit(WorkEvent, { id, kind: "plain", turns: 0, world }, { to: [Desk, desk] });
      tally.acked++;
    } catch (thrown) {
      assert.ok(isAosError(thrown, "MAILBOX_FULL"), String(thrown));
      tally.refused++;
    }
  };
  for (let wave = 0; wave < WAVES; wave++)
    await Promise.all(Array.from({ length: WAVE }, (_, at) => send(DESKS[at % DESKS.length] ?? "a", "flood")));
  assert.ok(tally.refused > tally.acked, "it was not too much");
  assert.ok(process.memoryUsage().heapUsed - before < HEAP_GROWTH_MAX, "the heap grew with what was refused");
  await rested(aos);
  await send("a", "after");
  assert.equal(tally.acked + tally.refused, WAVES * WAVE + 1);
  await rested(aos);
  let done = 0;
  for (const desk of DESKS) {
    const { seen } = DeskState.parse((await aos.kernel.state(`desk/${desk}`)).state);
    done += (seen["flood"] ?? 0) + (seen["after"] ?? 0);
    if (desk === "a") assert.equal(seen["after"], 1);
  }
  assert.equal(done, tally.acked);
  t.diagnostic(JSON.stringify(tally));
});
