/** W1, W2 and W3 inside this process, through the public API. */
import { AgentOperatingSystem } from "aosjs";
import { statSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Ball, Counter, Player, Tick } from "./agents.ts";
import { Samples } from "./samples.ts";

/** What a load gave. */
export interface Load {
  readonly perSecond: number;
  readonly latency: Samples;
}

const AGENTS = 1_000;
const WARMING = 1_000;
const WAKES = 1_000;

/** A system with the agents of W1, all of them touched once. */
export async function counters(dir: string): Promise<AgentOperatingSystem> {
  const aos = await AgentOperatingSystem.boot({ dir });
  await aos.load(Counter);
  await aos.kernel.registerMany(
    "counter",
    Array.from({ length: AGENTS }, (_, at) => ({ id: `a${at}` })),
  );
  await Promise.all(Array.from({ length: AGENTS }, (_, at) => aos.emit(Tick, { n: 0 }, { to: [Counter, `a${at}`] })));
  return aos;
}

let sent = 0;

/** W1: `clients` callers, each sends an event to some agent and waits until event and turn are durable. */
export async function events(aos: AgentOperatingSystem, clients: number, ms: number): Promise<Load> {
  const latency = new Samples();
  let done = 0;
  const start = performance.now();
  const client = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      const n = ++sent;
      const from = performance.now();
      await aos.emit(Tick, { n }, { to: [Counter, `a${(n * 7_919) % AGENTS}`], key: `k${n}` });
      latency.add(performance.now() - from);
      done++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { perSecond: (done / (performance.now() - start)) * 1_000, latency };
}

/** W2: two agents throw a ball there and back, a durable commit for each hop; each round trip is a chain of its own. */
export async function pingPong(dir: string, ms: number): Promise<Load> {
  await using aos = await AgentOperatingSystem.boot({ dir });
  await aos.register(Player, "left");
  await aos.register(Player, "right");
  const latency = new Samples();
  const watching = new AbortController();
  const stream = aos.watch([Player, "left"], { signal: watching.signal })[Symbol.asyncIterator]();
  let done = 0;
  const start = performance.now();
  while (performance.now() - start < ms) {
    const from = performance.now();
    // `left` gets it back in the turn that the ball's last throw causes.
    const back = stream.next();
    await aos.sendAgentMessage("player/left", "player/right", { type: Ball.name, data: { left: 1 } });
    await back;
    latency.add(performance.now() - from);
    done++;
  }
  const perSecond = (done / (performance.now() - start)) * 1_000;
  watching.abort();
  return { perSecond, latency };
}

/** What W3 measured. */
export interface Sleepers {
  readonly createdMs: number;
  /** Bytes on disk over bytes of state. */
  readonly diskRatio: number;
  readonly heapBytesEach: number;
  readonly wake: Samples;
  readonly idleCpuShare: number;
}

/** W3: many agents asleep, each with 1 KiB of state. */
export async function sleepers(dir: string, count: number): Promise<Sleepers> {
  await using aos = await AgentOperatingSystem.boot({ dir, "cache.bytes": 1 << 20 });
  await aos.load(Counter);
  const ids = Array.from({ length: count }, (_, at) => ({ id: `s${at}` }));
  // The ids are the caller's; what is measured is what the system keeps.
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const from = performance.now();
  await aos.kernel.registerMany("counter", ids);
  const createdMs = performance.now() - from;
  globalThis.gc?.();
  const heapBytesEach = Math.max(0, process.memoryUsage().heapUsed - heapBefore) / count;
  const { state } = await aos.kernel.state("counter/s0");
  const stateBytes = JSON.stringify(state).length * count;
  const wake = new Samples();
  // What the burst of creation left in the log is copied back when nothing happens; that is not what is measured.
  await pause(2_000);
  // Each wake is of another agent, which lies on disk; the first ones are for the compiler and are not counted.
  for (let at = 0; at < WARMING + WAKES; at++) {
    const id = `s${(at * 7_919) % count}`;
    const begun = performance.now();
    await aos.emit(Tick, { n: at }, { to: [Counter, id] });
    if (at >= WARMING) wake.add(performance.now() - begun);
  }
  await pause(2_000);
  const cpu = process.cpuUsage();
  const idleFrom = performance.now();
  await pause(5_000);
  const used = process.cpuUsage(cpu);
  const idleCpuShare = (used.user + used.system) / 1_000 / (performance.now() - idleFrom);
  const disk = readdirSync(dir)
    .map((name) => statSync(join(dir, name)).size)
    .reduce((sum, size) => sum + size, 0);
  return { createdMs, diskRatio: disk / stateBytes, heapBytesEach, wake, idleCpuShare };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
