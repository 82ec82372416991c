import { AosError, type Limits, LIMITS } from "../../kernel/index.ts";
import type { FaultRates, ScriptedFault } from "./faults.ts";
import type { Violation } from "./invariants.ts";
import { begin, heal } from "./phases.ts";
import { SimRandom } from "./random.ts";
import { type Memory, SAMPLE_AGENTS, SAMPLE_BUDGETS } from "./sample-agents.ts";
import { Simulation } from "./simulation.ts";
import { Workload } from "./workload.ts";

/** How the kernel is simulated. */
export interface KernelSimulationOptions {
  readonly seed: number;
  /** Steps with faults; then everything heals and must finish. 500 unless given. */
  readonly steps?: number | undefined;
  readonly script?: readonly ScriptedFault[] | undefined;
  /** Instead of the ones that the seed chooses. */
  readonly faults?: FaultRates | undefined;
  /** Told of each decision. */
  readonly onTrace?: ((line: string) => void) | undefined;
  /** Told now and then of the step that it has come to. */
  readonly onStep?: ((step: number) => void) | undefined;
}

/** What a simulation of the kernel came to. */
export interface SimulationResult {
  readonly seed: number;
  /** Steps in all, those of healing included. */
  readonly steps: number;
  /** Simulated milliseconds. */
  readonly elapsedMs: number;
  /** Turns that were committed, store calls, deaths of the process. */
  readonly counts: { readonly turns: number; readonly storeCalls: number; readonly deaths: number; readonly acknowledged: number };
  /** Over every store call, envelope and effect: kernel decisions alone. */
  readonly hash: string;
  readonly violation: Violation | undefined;
  /** The last decisions. */
  readonly tail: readonly string[];
}

/** Steps between two calls of `onStep`. */
const TOLD_STEPS = 100;
const START_AT = 1_767_225_600_000;
const STEPS = 500;

/**
 * Simulates the kernel with agents of its own under the faults that a seed chooses, and says which invariant broke.
 * @throws AosError USAGE where a number is none, or another simulation runs in this process.
 */
export async function simulateKernel(options: KernelSimulationOptions): Promise<SimulationResult> {
  const { seed, steps = STEPS } = options;
  checkWhole("seed", seed, 0);
  checkWhole("steps", steps, 1);
  const choice = new SimRandom(seed).stream("choice");
  const answer = (input: { readonly id: string }): { readonly ref: string } => ({ ref: `ref of ${input.id}` });
  const sim = new Simulation({
    seed,
    agents: SAMPLE_AGENTS,
    rates: options.faults ?? chooseRates(choice),
    script: options.script,
    limits: chooseLimits(choice),
    effects: { safe: answer, keyed: answer, asked: answer, once: answer },
    areCallsDistinct: true,
    isStrict: true,
    // Within an hour, so that calendar periods end in the middle of things.
    startAt: START_AT + choice.int(3_600_000),
    budgets: SAMPLE_BUDGETS,
    onTrace: options.onTrace,
  });
  const startAt = sim.scheduler.now;
  const workload = new Workload(sim);
  const busy = sim.isBusy;
  // One asks others, the other waits for its budget until the agenda, which may be late, wakes it.
  sim.isBusy = (agent) => agent.type === "asker" || agent.type === "miser" || busy(agent);
  try {
    await begin(sim, () => workload.register());
    const eagerness = choice.pick([0.1, 0.3, 0.5]);
    const acts = sim.random.stream("acts");
    sim.faults.isHealed = false;
    for (let at = 0; at < steps && sim.violation === undefined; at++) {
      if (at % TOLD_STEPS === 0) options.onStep?.(at);
      if (acts.chance(eagerness)) workload.act();
      await sim.step();
    }
    const isDone = await heal(sim, (node) => {
      workload.resumeAll(node);
      workload.settleDoubts(node);
    });
    if (isDone) checkFinished(sim, workload);
    return {
      seed,
      steps: sim.steps,
      elapsedMs: sim.scheduler.now - startAt,
      counts: {
        turns: [...sim.model.agents.values()].reduce((sum, { turn }) => sum + turn, 0),
        storeCalls: sim.faults.calls,
        deaths: sim.deaths,
        acknowledged: [...workload.acked].length,
      },
      hash: sim.trace.hash(),
      violation: sim.violation,
      tail: sim.trace.tail,
    };
  } finally {
    sim.close();
  }
}

function checkWhole(what: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) throw new AosError("USAGE", `${what} ${value} is not a whole number from ${min}`);
}

/** Swarm testing: each seed has its own mixture, since some faults hide what others would show. */
function chooseRates(random: SimRandom): FaultRates {
  const some = (...rates: readonly number[]): number => (random.chance(0.5) ? 0 : random.pick(rates));
  return {
    crash: some(0.001, 0.005, 0.02),
    storeFailure: some(0.01, 0.05, 0.2),
    diskFull: some(0.01),
    death: some(0.002, 0.01),
    clockJump: some(0.005, 0.02),
    stall: some(0.01, 0.05),
    late: some(0.05, 0.3),
    lostAck: some(0.1, 0.3),
    slowEffect: some(0.2, 0.5),
    failedEffect: some(0.1, 0.3),
    lostAnswer: some(0.1, 0.3),
    hungEffect: some(0.05, 0.2),
    rival: 0.01,
  };
}

function chooseLimits(random: SimRandom): Limits {
  return {
    ...LIMITS,
    mailboxDepth: 12,
    chainDepth: 12,
    fullCopyEvery: random.pick([4, 8, 64]),
    cacheBytes: random.pick([4_000, 64 << 20]),
    concurrency: random.pick([1, 2, 256]),
    commitBatch: random.pick([1, 3, 1_024]),
  };
}

function checkFinished(sim: Simulation, workload: Workload): void {
  if (sim.node === undefined) sim.report("liveness", "no process is up");
  for (const { row, id } of sim.model.mail.values()) {
    if (row.timer !== undefined) continue;
    const agent = sim.model.agents.get(row.agent);
    sim.report(
      "liveness",
      `${agent?.address} (${agent?.status}): ${id} still waits (due ${row.dueAt}, ${row.parked ?? "not parked"}, ${row.attempts} attempts)`,
    );
  }
  for (const id of workload.acked) {
    const fate = sim.model.fates.get(id);
    if (fate === undefined || fate === "mail") sim.report("acknowledged", `${id} was acknowledged, but is ${fate ?? "nowhere"} in the end`);
  }
  const stats = sim.node?.kernel.stats();
  if (stats !== undefined && stats.inFlight > 0) sim.report("liveness", `${stats.inFlight} turns are still in flight`);
  for (const agent of sim.model.agents.values()) {
    const { twice = [] } = JSON.parse(agent.state) as Partial<Memory>;
    // Once the window of a key has passed, the same order is a new one.
    if (twice.length > 0 && !sim.hasJumped) sim.report("once", `${agent.address} handled ${twice.join(", ")} twice`);
  }
}
