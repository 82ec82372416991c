import { mkdtempSync, rmSync } from "node:fs";
import { counters, events } from "./in-process.ts";
const dir = mkdtempSync(new URL("../.aos-bench-", import.meta.url).pathname);
const aos = await counters(dir + "/w1");
for (let i = 0; i < 4; i++) { const l = await events(aos, 64, 1000); console.log(l.perSecond | 0, aos.kernel.stats().commits, process.memoryUsage().rss>>20); }
await aos.shutdown();
rmSync(dir, { recursive: true });
