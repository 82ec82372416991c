import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { run } from "../support/checkout.ts";
import { foreign, withFolder } from "./support/processes.ts";

const CHILD = fileURLToPath(new URL("support/suicidal-child.ts", import.meta.url));
const Left = z.object({
  killer: z.string(),
  waits: z.number(),
  dead: z.array(z.string()),
  seen: z.object({ seen: z.record(z.string(), z.number()) }),
});
/** One attempt that nobody suspected, five behind a start mark (the limit of attempts), and the life that gives it up. */
const LIVES_MAX = 7;

async function live(dir: string, crashesMax: number): Promise<{ readonly lives: number; readonly left: z.infer<typeof Left> }> {
  for (let lives = 1; lives <= LIVES_MAX; lives++) {
    const args = ["--conditions=aosjs-source", CHILD, dir, String(crashesMax), lives === 1 ? "yes" : "no"];
    const ended = await run(process.execPath, args, { env: foreign(), timeout: 20_000 });
    if (ended.code === 0) return { lives, left: Left.parse(JSON.parse(ended.stdout)) };
    assert.equal(ended.signal, "SIGKILL", ended.stderr);
  }
  return assert.fail(`it still kills its process in life ${LIVES_MAX}`);
}

const FATES = [
  {
    fate: "an agent whose handler kills its process three times is quarantined",
    crashesMax: 3,
    killer: "quarantined",
    waits: 1,
    dead: [],
  },
  {
    fate: "mail whose handler kills its process in every attempt becomes a dead letter",
    crashesMax: 1_000,
    killer: "sleeping",
    waits: 0,
    dead: ["CRASHED"],
  },
];

for (const { fate, crashesMax, killer, waits, dead } of FATES) {
  test(`${fate}, and others lose nothing`, async (t) => {
    await withFolder(async (dir) => {
      const { lives, left } = await live(dir, crashesMax);
      t.diagnostic(`lives: ${lives}`);
      assert.deepEqual({ killer: left.killer, waits: left.waits, dead: left.dead }, { killer, waits, dead });
      const early = Array.from({ length: 20 }, (_, at) => [`early-${at}`, 1]);
      assert.deepEqual(left.seen.seen, Object.fromEntries([...early, ["always", 1]]));
    });
  });
}
