/** Each bug that is planted in the kernel is found by a named invariant within 300 seeds; a patch that no longer applies fails. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { INVARIANTS } from "../../src/testing/index.ts";
import { PLANTED } from "./support/planted.ts";

const script = fileURLToPath(new URL("support/run-planted.ts", import.meta.url));
const run = promisify(execFile);

for (const [at, { name }] of PLANTED.entries()) {
  test(`the simulator finds ${name}`, async () => {
    const { stdout } = await run(process.execPath, ["--conditions=aosjs-source", script, String(at)]);
    console.log(`${name}: ${stdout.trim() || "not found"}`);
    assert.ok(Object.keys(INVARIANTS).includes(stdout.split(" ")[0] ?? ""), `not found within 300 seeds: ${name}`);
  });
}
