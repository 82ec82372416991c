/** The reference workload: `reference-child.ts FOLDER EVENTS`; prints a line for each acknowledgement and each refusal, at once. */
import { writeSync } from "node:fs";
import { boot, send } from "./power-workload.ts";

const [dir = "", events = "0"] = process.argv.slice(2);
const half = Math.floor(Number(events) / 2);

// Two lives in one process, so that the log is copied back in between.
for (const [from, to] of [
  [0, half],
  [half, 2 * half],
] as const) {
  const aos = await boot(dir);
  for (let n = from; n < to; n++) {
    try {
      await send(aos, n);
      writeSync(1, `ack ${n}\n`);
    } catch (thrown) {
      writeSync(1, `refused ${n} ${String(thrown).slice(0, 80)}\n`);
    }
  }
  await aos.shutdown();
}
writeSync(1, "end\n");
