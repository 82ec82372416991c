/** The reference workload where little is to be had: real limits of the process, set by its shell and by Node. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { foreign } from "../crash/support/processes.ts";
import { run } from "../support/checkout.ts";
import { folder } from "../support/scene.ts";
import { acknowledged } from "./support/lives.ts";
import { assertSurvived } from "./support/survivors.ts";
import { LATE } from "./support/workload.ts";

const CHILD = fileURLToPath(new URL("support/workload-child.ts", import.meta.url));
const FILES_MAX = 64;
const HEAP_MB = 128;

test(`with ${FILES_MAX} file descriptors and ${HEAP_MB} MB of heap 1,200 turns with big states are all done, and nothing is refused`, async (t) => {
  const place = folder(t);
  const dir = join(place, "data");
  mkdirSync(dir);
  const limited = `ulimit -n ${FILES_MAX} && exec "$@"`;
  const node = [process.execPath, `--max-old-space-size=${HEAP_MB}`, "--conditions=aosjs-source", CHILD, dir, "late"];
  const ended = await run("sh", ["-c", limited, "sh", ...node], { env: foreign(), timeout: 60_000 });
  assert.equal(ended.code, 0, ended.stderr);
  const said = ended.stdout.trim().split("\n");
  assert.equal(said.at(-1), "closed");
  assert.deepEqual(
    said.filter((line) => /^(refused|untyped) /.test(line)),
    [],
  );
  assert.equal(acknowledged(said).size, LATE.length);
  await assertSurvived(place, LATE, acknowledged(said));
});
