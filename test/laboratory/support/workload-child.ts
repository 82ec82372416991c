/**
 * Runs the reference workload once: `workload-child.ts FOLDER mixed|late`. What is acknowledged is written to the standard output
 * before the next is sent; what is refused is said with its code and tried again.
 */
import { AgentOperatingSystem, isAosError } from "aosjs";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Desk, DESKS, LATE, MIXED, rested, SETTINGS, WorkEvent } from "./workload.ts";

const PATIENCE_MS = 15_000;
const AGAIN_MS = 10;
const [dir = "", which = "mixed"] = process.argv.slice(2);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** Does something until it is not refused. What is refused with anything but a code ends the process. */
async function insist<T>(what: string, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (!isAosError(thrown)) {
        say(`untyped ${what} ${String(thrown)}`);
        throw thrown;
      }
      say(`refused ${what} ${thrown.code}`);
      if (performance.now() > until) throw thrown;
      await pause(AGAIN_MS);
    }
  }
}

const aos = await insist("boot", () => AgentOperatingSystem.boot({ dir, ...SETTINGS }));
await insist("load", () => aos.loadAll([Desk]));
for (const desk of DESKS) await insist("register", () => aos.register(Desk, desk));
for (const { id, desk, kind, turns } of which === "late" ? LATE : MIXED) {
  say(`sent ${id}`);
  await insist(id, () => aos.emit(WorkEvent, { id, kind, turns, world: join(dir, "..", "world") }, { to: [Desk, desk], key: id }));
  say(`acked ${id}`);
}
await rested(aos);
say("rested");
await aos.shutdown().then(
  () => say("closed"),
  (thrown: unknown) => say(isAosError(thrown) ? `refused shutdown ${thrown.code}` : `untyped shutdown ${String(thrown)}`),
);
