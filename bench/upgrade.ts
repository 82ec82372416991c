/** How long a plan of an upgrade takes that looks at every sleeping agent. */
import { spawnSync } from "node:child_process";
import { AgentOperatingSystem } from "aosjs";
import { Counter, Tick } from "./agents.ts";
import { startServer } from "./children.ts";

/** Turns that each agent has had; of all but the first the state before is known. */
const TURNS = 3;
const BURST = 1_000;

/** What planning took, from the start of the command to its end. */
export interface Planned {
  readonly stoppedMs: number;
  readonly runningMs: number;
}

/** Makes sleeping agents of 1 KiB of state that have had a few turns, then plans their upgrade on the stopped folder and beside the running system. */
export async function planSleepers(dir: string, count: number): Promise<Planned> {
  {
    await using aos = await AgentOperatingSystem.boot({ dir, journal: { payloads: true } });
    await aos.load(Counter);
    await aos.kernel.registerMany(
      "counter",
      Array.from({ length: count }, (_, at) => ({ id: `s${at}` })),
    );
    for (let from = 0; from < count * TURNS; from += BURST)
      await Promise.all(Array.from({ length: BURST }, (_, at) => aos.emit(Tick, { n: at }, { to: [Counter, `s${(from + at) % count}`] })));
  }
  const stoppedMs = plan(dir, count);
  const server = await startServer(dir);
  const runningMs = plan(dir, count);
  await server.stop();
  return { stoppedMs, runningMs };
}

function plan(dir: string, count: number): number {
  const from = performance.now();
  const ended = spawnSync(
    process.execPath,
    ["bin/aos.js", "upgrade", "plan", "--agents", "bench/upgraded-agents.ts", "--dir", dir, "--json"],
    {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    },
  );
  const took = performance.now() - from;
  const report = JSON.parse(ended.stdout === "" ? "{}" : ended.stdout) as {
    readonly agents?: number;
    readonly migrated?: number;
    readonly replay?: { readonly replayed: number };
  };
  if (report.agents !== count || report.migrated !== count || report.replay?.replayed !== count * TURNS)
    throw new Error(`the plan looked at ${report.agents} agents: ${ended.stderr}`);
  return took;
}
