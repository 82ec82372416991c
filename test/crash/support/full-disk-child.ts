/** AOS on a small file system of its own: `full-disk-child.ts FOLDER`; a ballast file leaves when space is asked for. */
import { AgentOperatingSystem } from "aosjs";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KernelEvent } from "../../../src/kernel/index.ts";
import { assertKept, Keeper, surviveFullDisk } from "./full-disk.ts";

const BALLAST_BYTES = 8 << 20;
const [folder = ""] = process.argv.slice(2);
const dir = join(folder, "data");
const ballast = join(folder, "ballast");
writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES, 1));
const events: KernelEvent[] = [];

async function boot(): Promise<AgentOperatingSystem> {
  const aos = await AgentOperatingSystem.boot({ dir, report: (event) => events.push(event) });
  await aos.loadAll([Keeper]);
  return aos;
}

const first = await boot();
const survived = await surviveFullDisk(first.kernel, events, () => rmSync(ballast));
await first.shutdown();
await using second = await boot();
await assertKept(second.kernel, survived.afterwards);
console.log(JSON.stringify(survived));
