import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { count, EXPECTED } from "../../examples/boardroom/expected.ts";
import { loadExamples } from "../../examples/boardroom/replay.ts";

const SCRIPT = fileURLToPath(new URL("../support/boardroom.ts", import.meta.url));
const Recorded = z.array(z.object({ desk: z.string(), deliveries: z.array(z.string()) }));
const eventOf = new Map((await loadExamples()).map(({ delivery, event }) => [delivery, event]));

interface Ended {
  readonly signal: string | undefined;
  readonly output: string;
}

function run(dir: string, killAt = 0): Promise<Ended> {
  const args = ["--conditions=aosjs-source", SCRIPT, dir, String(killAt)];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: 60_000, maxBuffer: 1 << 26 }, (error, output, errors) => {
      if (error !== null && error.signal !== "SIGKILL") reject(new Error(errors, { cause: error }));
      else resolve({ signal: error?.signal ?? undefined, output });
    });
  });
}

function assertTable(output: string): void {
  const pairs = Recorded.parse(JSON.parse(output)).flatMap(({ desk, deliveries }) => deliveries.map((delivery) => ({ desk, delivery })));
  const ids = pairs.map(({ delivery }) => delivery);
  assert.deepEqual(ids.toSorted(), [...eventOf.keys()].toSorted());
  assert.deepEqual(count(pairs.map(({ desk, delivery }) => [desk, eventOf.get(delivery) ?? "unknown"])), EXPECTED);
}

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "aos-boardroom-"));
  try {
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test("after a replay every delivery is in exactly one decision, as the independent table says; so after a second", async () => {
  await withFolder(async (dir) => {
    assertTable((await run(dir)).output);
    assertTable((await run(dir)).output);
  });
});

for (const killAt of [1, 137, 328]) {
  test(`after kill -9 at delivery ${killAt} and a restart the same table holds`, async () => {
    await withFolder(async (dir) => {
      assert.equal((await run(dir, killAt)).signal, "SIGKILL");
      assertTable((await run(dir)).output);
    });
  });
}
