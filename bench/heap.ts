import { mkdtempSync, rmSync } from "node:fs";
import { Session } from "node:inspector";
import { counters, events } from "./in-process.ts";
const dir = mkdtempSync(new URL("../.aos-bench-", import.meta.url).pathname);
const aos = await counters(dir + "/w1");
await events(aos, 64, 1000);
const s = new Session(); s.connect();
s.post("HeapProfiler.startSampling", { samplingInterval: 4096, includeObjectsCollectedByMinorGC: false, includeObjectsCollectedByMajorGC: true } as any);
await events(aos, 64, 1500);
s.post("HeapProfiler.stopSampling", (_e, r: any) => {
  const acc = new Map<string, number>();
  const walk = (n: any, _p: string) => { const f = n.callFrame; const k = f.functionName + " " + f.url.split("/").slice(-2).join("/") + ":" + f.lineNumber; acc.set(k, (acc.get(k) ?? 0) + n.selfSize); for (const c of n.children) walk(c, k); };
  walk(r.profile.head, "");
  for (const [k, v] of [...acc].sort((a, b) => b[1] - a[1]).slice(0, 22)) console.log((v / 1048576).toFixed(1) + "MB", k);
});
await aos.shutdown();
rmSync(dir, { recursive: true });
