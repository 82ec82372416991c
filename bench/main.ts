/** `npm run bench`: every figure of `docs/performance.md`, beside a raw baseline of the same run. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SERVER_FLAGS } from "../bin/launch.mjs";
import { startChild, startServer } from "./children.ts";
import { batches, ingest, requests } from "./doors.ts";
import { Rounds, table } from "./figures.ts";
import { counters, events, pingPong, sleepers } from "./in-process.ts";
import { AgentOperatingSystem } from "aosjs";
import { rawUpserts } from "./raw.ts";
import { planSleepers } from "./upgrade.ts";
import { recover } from "./recovery.ts";
import { grow } from "./storage.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "w1,doors,w2,w3,w4,upgrade,syncs,storage" },
  },
});
const wanted = new Set(values.only.split(","));
const rounds = 3;
const ms = values.quick ? 600 : 3_000;
const dir = mkdtempSync(fileURLToPath(new URL("../.aos-bench-", import.meta.url)));
const figures = new Rounds();
const note = (text: string): void => console.error(text);

note(`machine     ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB`);
note(`software    Node ${process.versions.node}, SQLite ${process.versions["sqlite"] ?? "?"}, ${process.execArgv.join(" ")}`);
note("durability  WAL, synchronous=FULL: an acknowledgement follows an fsync; journal, dedupe, fencing on");
note(`rounds      ${rounds}, interleaved; medians\n`);

try {
  if (wanted.has("w1")) await w1();
  if (wanted.has("doors")) await doors();
  if (wanted.has("w2")) await w2();
  if (wanted.has("w3")) await w3();
  if (wanted.has("w4")) await w4();
  if (wanted.has("upgrade")) await upgrade();
  if (wanted.has("syncs")) syncs();
  if (wanted.has("storage")) await storage();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
for (const figure of figures.figures()) if (values.json) console.log(JSON.stringify(figure));
if (!values.json) console.log(table(figures.figures()));

async function w1(): Promise<void> {
  await using aos = await counters(join(dir, "w1"));
  for (let round = 0; round < rounds; round++) {
    const raw1 = rawUpserts(dir, 1, ms / 3);
    const raw100 = rawUpserts(dir, 100, ms);
    const at64 = await events(aos, 64, ms);
    const at1 = await events(aos, 1, ms / 3);
    figures.ratio("W1 64 clients", "events/s", at64.perSecond, raw100.perSecond, { atLeast: 0.5 });
    figures.ratio("W1 64 clients p99 / raw-100 p50", "ms", at64.latency.quantile(0.99), raw100.transaction.quantile(0.5), { atMost: 8 });
    let best = at64.perSecond;
    for (const clients of [128, 512, 1_024]) best = Math.max(best, (await events(aos, clients, ms)).perSecond);
    figures.ratio("W1 best of 64, 128, 512 and 1,024 clients", "events/s", best, raw100.perSecond, { atLeast: 0.7 });
    figures.ratio("W1 one client p50 / raw-1 p50", "ms", at1.latency.quantile(0.5), raw1.transaction.quantile(0.5), { atMost: 2.5 });
    note(`W1 round ${round + 1} of ${rounds}`);
  }
  for (let round = 0; round < rounds; round++) {
    const child = await startChild([...SERVER_FLAGS, "bench/memory-child.ts", join(dir, `memory-${round}`), String(ms)]);
    figures.value("W1 peak memory, 64 clients", "MB", Number(child.ready["peak"]) / 1e6, { atMost: 250 });
  }
}

async function doors(): Promise<void> {
  const inside = await counters(join(dir, "inside"));
  const prepared = await counters(join(dir, "served"));
  await prepared.shutdown();
  const server = await startServer(join(dir, "served"));
  const bare = await startChild(["bench/bare-server.ts"]);
  const url = String(server.ready["url"]);
  await requests(url, 64, 500);
  for (let round = 0; round < rounds; round++) {
    const baseline = await requests(String(bare.ready["url"]), 64, ms);
    const served = await requests(url, 64, ms);
    figures.ratio("W1 one HTTP request per event / bare node:http", "events/s", served.perSecond, baseline.perSecond, { atLeast: 0.5 });
    const direct = await events(inside, 64, ms);
    figures.ratio("W1 batch door / in process", "events/s", await batches(url, ms), direct.perSecond, { atLeast: 0.5 });
    figures.ratio("W1 streaming door / in process", "events/s", await ingest(url, ms), direct.perSecond, { atLeast: 0.5 });
    note(`doors round ${round + 1} of ${rounds}`);
  }
  await bare.stop("SIGKILL");
  await server.stop();
  await inside.shutdown();
}

async function w2(): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const raw1 = rawUpserts(dir, 1, ms / 3);
    const load = await pingPong(join(dir, `w2-${round}`), ms);
    figures.ratio("W2 round trips / raw-1", "round trips/s", load.perSecond, raw1.perSecond, { atLeast: 0.2 });
  }
}

async function w3(): Promise<void> {
  const count = values.quick ? 20_000 : 100_000;
  const raw1 = rawUpserts(dir, 1, 1_000);
  const found = await sleepers(join(dir, "w3"), count);
  const label = `W3 ${count.toLocaleString("en-US")} sleepers`;
  figures.value(`${label}: created`, "s", found.createdMs / 1_000, { atMost: 3 });
  figures.value(`${label}: disk / state`, "", found.diskRatio, { atMost: 1.6 });
  figures.value(`${label}: heap each`, "B", found.heapBytesEach, { atMost: 200 });
  figures.ratio(`${label}: wake p99 / fsync p50`, "ms", found.wake.quantile(0.99), raw1.transaction.quantile(0.5), { atMost: 5 });
  figures.value(`${label}: idle CPU`, "%", found.idleCpuShare * 100, { atMost: 0.5 });
}

async function w4(): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const found = await recover(join(dir, `w4-${round}`));
    figures.value("W4 process start to first turn", "ms", found.firstMs, { atMost: 400 });
    figures.value("W4 process start to the last of 10,000", "ms", found.lastMs, { atMost: 1_200 });
    figures.value("W4 lost", "events", found.lost, { atMost: 0 });
    figures.value("W4 duplicated", "events", found.duplicated, { atMost: 0 });
  }
}

async function upgrade(): Promise<void> {
  const count = values.quick ? 20_000 : 100_000;
  const found = await planSleepers(join(dir, "upgrade"), count);
  const label = `upgrade plan of ${count.toLocaleString("en-US")} sleepers`;
  figures.value(`${label}: stopped folder`, "s", found.stoppedMs / 1_000, { atMost: 60 });
  figures.value(`${label}: running system`, "s", found.runningMs / 1_000, { atMost: 60 });
}

/** What a run without any acknowledgement syncs, for the start and the end, is taken off. */
function syncs(): void {
  const count = 200;
  const idle = countSyncs(0);
  const busy = countSyncs(count);
  if (idle === undefined || busy === undefined) note("skipped: syncs per acknowledgement, since strace is not installed");
  else figures.value("syncs per acknowledgement, one client", "", (busy - idle) / count, { atLeast: 1 });
}

function countSyncs(count: number): number | undefined {
  const traced = spawnSync(
    "strace",
    [
      "-f",
      "-c",
      "-e",
      "trace=fsync,fdatasync",
      process.execPath,
      "--conditions=aosjs-source",
      "bench/sync-child.ts",
      join(dir, `syncs-${count}`),
      String(count),
    ],
    { encoding: "utf8" },
  );
  if (traced.error !== undefined) return undefined;
  return [...traced.stderr.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?f(?:data)?sync$/gm)].reduce(
    (sum, [, found]) => sum + Number(found),
    0,
  );
}

/** Ten agents of 2 KiB: what a million turns leave is what retention allows. */
async function storage(): Promise<void> {
  const turns = values.quick ? 100_000 : 1_000_000;
  await using aos = await AgentOperatingSystem.boot({ dir: join(dir, "storage") });
  for (const { turns: done, bytes } of await grow(aos, turns, 5)) {
    const mb = (name: string): number => (bytes[name] ?? 0) / 1e6;
    const label = `storage after ${done.toLocaleString("en")} turns:`;
    figures.value(`${label} in use`, "MB", mb("used"), { atMost: 120 });
    figures.value(`${label} file and log`, "MB", mb("file") + mb("log"), { atMost: 220 });
    note(`${label} ${JSON.stringify(bytes)}`);
  }
}
