/** The power fails at any moment of a recorded workload: unsynced writes are there or not, in any order, torn at 512 bytes. `LAB_SEED=<seed>` replays. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SeededEntropy } from "../../src/testing/index.ts";
import { withFolder } from "../crash/support/processes.ts";
import { need } from "../support/capabilities.ts";
import { type Call, leave, readTrace } from "./support/power.ts";
import { runStraced } from "./support/straced.ts";
import { assertNothingLost } from "./support/power-workload.ts";

const isFull = process.env["AOS_TEST_SCALE"] === "full";
const IMAGES = isFull ? 4_000 : 200;
const EVENTS = isFull ? 400 : 60;
const TOGETHER = 4;
const LIES = 12;
const seed = Number(process.env["LAB_SEED"] ?? 11);

test(`${IMAGES} power losses at any moment lose nothing that was acknowledged`, { skip: need("strace") }, async (t) => {
  await withFolder(async (dir) => {
    const options = ["-ff", "-y", "-xx", "-s", "70000", "-o", join(dir, "trace"), "-e", "trace=pwrite64,write,fsync,ftruncate,unlink"];
    const run = await runStraced(join(dir, "data"), EVENTS, options);
    assert.equal(run.acked.length, EVENTS, run.errors);
    const calls = readTrace(dir, "trace");
    assert.equal(calls.filter(({ op }) => op === "ack").length, EVENTS);
    const writes = calls.filter(({ op }) => op === "write").length;
    const acked = await losePower(dir, calls, IMAGES);
    t.diagnostic(`${IMAGES} images of ${calls.length} calls, ${writes} of them writes; ${acked} acknowledged events looked for, 0 lost`);
    // The laboratory itself is on trial: a disk that only pretends to sync the log must be found.
    const unsynced = calls.filter((call) => call.op !== "sync" || call.file !== "aos.db-wal");
    await assert.rejects(losePower(dir, unsynced, LIES), /acknowledged|dead letter|journal/);
  });
});

/** Lets the power fail so many times; how many acknowledged events were looked for. */
async function losePower(dir: string, calls: readonly Call[], images: number): Promise<number> {
  const entropy = new SeededEntropy(seed, { now: () => 0 });
  const random = (): number => entropy.random();
  let acked = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < images) {
      const image = next++;
      const place = mkdtempSync(join(dir, "image-"));
      const count = Math.floor(random() * (calls.length + 1));
      const known = leave(calls, count, place, random);
      acked += known.length;
      await assertNothingLost(place, known).catch((thrown: unknown) => {
        throw new Error(`image ${image} (call ${count} of ${calls.length}), LAB_SEED=${seed}: ${String(thrown)}`, { cause: thrown });
      });
      rmSync(place, { recursive: true });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: TOGETHER }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return acked;
}
