import { randomInt } from "node:crypto";
import { AosError, type LoadableAgent, LIMITS, type Period } from "../../kernel/index.ts";
import { type FaultRates, type ScriptedFault, USUAL_FAULTS } from "../simulation/faults.ts";
import type { SimulationResult } from "../simulation/kernel-simulation.ts";
import { begin, heal } from "../simulation/phases.ts";
import { type SimEffect } from "../simulation/sim-outside.ts";
import { Simulation } from "../simulation/simulation.ts";
import { Clients } from "./clients.ts";
import type { Happening } from "./happenings.ts";
import { World } from "./world.ts";

/** Something that must hold: it is broken where this answers false or a text that says how, or throws. */
export type Promised = (world: World) => boolean | string | void;

/** How a fleet is simulated. */
export interface FleetSimulationOptions {
  /** Decides everything; a fresh one, which the result names, unless given. */
  readonly seed?: number | undefined;
  /** Simulated days with faults, at most 3,650; 30 unless given. Then everything heals and must finish. */
  readonly days?: number | undefined;
  /** Who is there from the start; one `main` of each type unless given. */
  readonly register?: readonly { readonly agent: LoadableAgent; readonly id: string; readonly config?: unknown }[] | undefined;
  /** What comes from outside: see `sends`, `commands`, `operates`. */
  readonly events?: readonly Happening[] | undefined;
  /** What answers effects, by name, in place of their own code. */
  readonly effects?: Readonly<Record<string, SimEffect>> | undefined;
  /** What must hold after every commit, by name. */
  readonly invariants?: Readonly<Record<string, Promised>> | undefined;
  /** What must hold once nothing fails any more and everything has finished, by name. */
  readonly finally?: Readonly<Record<string, Promised>> | undefined;
  /** `usual` unless given. */
  readonly faults?: FaultRates | "usual" | "none" | undefined;
  /** Faults at given times or store calls. */
  readonly script?: readonly ScriptedFault[] | undefined;
  /** Whether `Date`, `Math.random` and random values of `crypto` throw, too; otherwise they are simulated. */
  readonly strict?: boolean | undefined;
  /** Epoch ms of the first moment; 2026-01-01T00:00:00Z unless given. */
  readonly startAt?: number | undefined;
  /** Told of each decision. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** What a simulated fleet came to. */
export interface FleetSimulationResult extends SimulationResult {
  /** The world as it was in the end. */
  readonly world: World;
}

const START_AT = 1_767_225_600_000;
const DAY_MS = 86_400_000;
const DAYS = 30;
const DAYS_MAX = 3_650;
const FRESH_SEED_MAX = 1_000_000_000;
/** Ends a fleet that keeps itself busy for ever. */
const STEPS_MAX = 20_000_000;
const PERIODS: readonly Period[] = ["minute", "hour", "day", "month"];

/**
 * Simulates agents of one's own in virtual time, so that a month of a fleet takes seconds: clients send, processes die,
 * disks fail, answers are lost, as the seed decides; the kernel's own invariants are watched beside the given ones.
 * Only one simulation runs in a process at a time.
 * @throws AosError USAGE where an option is wrong, PAYLOAD_INVALID or EVENT_NOT_ACCEPTED where an event is, and whatever
 * registration is refused with.
 */
export async function simulate(agents: readonly LoadableAgent[], options: FleetSimulationOptions = {}): Promise<FleetSimulationResult> {
  const seed = options.seed ?? randomInt(FRESH_SEED_MAX);
  const { days = DAYS, register = agents.map((agent) => ({ agent, id: "main", config: undefined })) } = options;
  check(agents, seed, days, options);
  const sim = new Simulation({
    seed,
    agents,
    rates: ratesOf(options.faults),
    script: options.script,
    limits: LIMITS,
    effects: options.effects ?? {},
    areCallsDistinct: false,
    isStrict: options.strict === true,
    startAt: options.startAt ?? START_AT,
    budgets: budgetsOf(agents),
    onTrace: options.onTrace,
  });
  try {
    const startAt = sim.scheduler.now;
    const world = new World(sim);
    // What a handler waits for is its own: it may wait for a time, or ask.
    sim.isBusy = () => true;
    const enrol = async (): Promise<void> => {
      for (const { agent, id, config } of register) await sim.node?.kernel.register(agent.contract.type, { id, config });
    };
    await begin(sim, enrol, register.length);
    const endAt = sim.scheduler.now + days * DAY_MS;
    const clients = new Clients(sim, agents, endAt);
    if (sim.violation === undefined) {
      sim.onCommit = () => promise(sim, world, options.invariants);
      sim.faults.isHealed = false;
      clients.begin(options.events ?? []);
      await live(sim, clients, endAt);
      await finish(sim, world, clients, options);
    }
    return {
      seed,
      steps: sim.steps,
      elapsedMs: sim.scheduler.now - startAt,
      counts: {
        turns: [...sim.model.agents.values()].reduce((sum, { turn }) => sum + turn, 0),
        storeCalls: sim.faults.calls,
        deaths: sim.deaths,
        acknowledged: clients.acked.size,
      },
      hash: sim.trace.hash(),
      violation: sim.violation,
      tail: sim.trace.tail,
      world,
    };
  } finally {
    sim.close();
  }
}

async function live(sim: Simulation, clients: Clients, endAt: number): Promise<void> {
  while (sim.violation === undefined && (await sim.step(endAt))) {
    if (clients.mistake !== undefined) throw clients.mistake;
    if (sim.steps > STEPS_MAX) sim.report("liveness", `after ${STEPS_MAX} steps there is no end of it: do agents keep each other busy?`);
  }
}

async function finish(sim: Simulation, world: World, clients: Clients, options: FleetSimulationOptions): Promise<void> {
  if (sim.violation !== undefined) return;
  const isDone = await heal(sim, (node) => {
    clients.resume(node);
    clients.settleDoubts(node);
  });
  if (clients.mistake !== undefined) throw clients.mistake;
  if (!isDone) return;
  checkFinished(sim, clients);
  promise(sim, world, options.finally);
}

/** What waits without a reason: not for a time, a condition or an agent that was set aside. */
function checkFinished(sim: Simulation, clients: Clients): void {
  const now = sim.node?.clock.now();
  if (now === undefined) return sim.report("liveness", "no process is up");
  for (const { row, id } of sim.model.mail.values()) {
    const agent = sim.model.agents.get(row.agent);
    const waits = row.timer !== undefined || (row.dueAt ?? 0) > now || agent?.status !== "initialized";
    const isForSomebody = row.parked !== undefined && !row.parked.includes('"kind":"in-doubt"');
    if (!waits && !isForSomebody)
      sim.report("liveness", `${agent?.address}: ${id} still waits (${row.parked ?? "ready"}, ${row.attempts} attempts)`);
  }
  for (const label of clients.unheard) sim.report("liveness", `${label} was never acknowledged`);
  for (const id of clients.acked) if (!sim.model.knows(id)) sim.report("acknowledged", `${id} was acknowledged, but is nowhere in the end`);
}

/** Asks what was promised; the first that does not hold is the violation. */
function promise(sim: Simulation, world: World, promises: Readonly<Record<string, Promised>> = {}): void {
  for (const [name, holds] of Object.entries(promises)) {
    try {
      const answer = sim.relaxed(() => holds(world));
      if (answer === false || typeof answer === "string")
        sim.report(name, answer === false ? `does not hold after ${world.day.toFixed(2)} days` : answer);
    } catch (thrown) {
      sim.report(name, thrown instanceof Error ? thrown.message : String(thrown));
    }
  }
}

function ratesOf(faults: FleetSimulationOptions["faults"] = "usual"): FaultRates {
  if (faults === "usual") return USUAL_FAULTS;
  return faults === "none" ? {} : faults;
}

/** The limits of the contracts' budgets, by which the simulator counts itself. */
function budgetsOf(agents: readonly LoadableAgent[]): Readonly<Record<string, number>> {
  const budgets: Record<string, number> = {};
  for (const { contract } of agents)
    for (const [quantity, limits] of Object.entries(contract.budget ?? {}))
      for (const period of PERIODS) {
        const limit = limits[period];
        if (limit !== undefined) budgets[`${contract.type}|${quantity}|${period}`] = limit;
      }
  return budgets;
}

function check(agents: readonly LoadableAgent[], seed: number, days: number, options: FleetSimulationOptions): void {
  const wrong = (why: string): never => {
    throw new AosError("USAGE", why);
  };
  if (agents.length === 0) wrong("simulate at least one agent type");
  if (!Number.isSafeInteger(seed) || seed < 0) wrong(`seed ${seed} is not a whole number from 0`);
  if (!(days > 0 && days <= DAYS_MAX)) wrong(`days ${days} is not a number above 0 and at most ${DAYS_MAX}`);
  const used = new Set(agents.flatMap(({ contract }) => (contract.uses ?? []).map(({ name }) => name)));
  for (const name of Object.keys(options.effects ?? {})) if (!used.has(name)) wrong(`no agent of the simulation uses an effect ${name}`);
  for (const name of Object.keys(options.invariants ?? {}))
    if (options.finally !== undefined && name in options.finally) wrong(`two promises are called "${name}"`);
  const { faults } = options;
  for (const [name, rate] of typeof faults === "object" ? Object.entries(faults) : [])
    if (!(rate >= 0 && rate <= 1)) wrong(`the rate of ${name} is not from 0 to 1`);
}
