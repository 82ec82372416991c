import { mkdtempSync, rmSync } from "node:fs";
import { rawUpserts } from "./raw.ts";
import { counters, events, pingPong } from "./in-process.ts";
const dir = mkdtempSync(new URL("../.aos-bench-", import.meta.url).pathname);
const aos = await counters(dir + "/w1");
const ms = Number(process.argv[2] ?? 2000);
for (let round = 0; round < 3; round++) {
  const raw1 = rawUpserts(dir, 1, ms / 2);
  const raw = rawUpserts(dir, 100, ms);
  const c64 = await events(aos, 64, ms);
  const c1 = await events(aos, 1, ms / 2);
  const c1k = await events(aos, 1024, ms);
  console.log({ raw1: raw1.perSecond | 0, raw1p50: raw1.transaction.quantile(0.5).toFixed(3), raw100: raw.perSecond | 0, rawp50: raw.transaction.quantile(0.5).toFixed(2), c64: c64.perSecond | 0, ratio: (c64.perSecond / raw.perSecond).toFixed(2), p50: c64.latency.quantile(0.5).toFixed(2), p99: c64.latency.quantile(0.99).toFixed(2), c1p50: c1.latency.quantile(0.5).toFixed(3), c1k: c1k.perSecond | 0, ratio1k: (c1k.perSecond / raw.perSecond).toFixed(2), rss: process.memoryUsage().rss >> 20 });
}
await aos.shutdown();
for (let round = 0; round < 2; round++) {
  const raw1 = rawUpserts(dir, 1, ms / 2);
  const pp = await pingPong(`${dir}/w2-${round}`, ms);
  console.log({ raw1: raw1.perSecond | 0, pingpong: pp.perSecond | 0, ratio: (pp.perSecond / raw1.perSecond).toFixed(2) });
}
rmSync(dir, { recursive: true });
