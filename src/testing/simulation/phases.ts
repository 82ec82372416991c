import { toAosError } from "../../kernel/index.ts";
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

const SETUP_STEPS = 2_000;
/** Steps that each agent to register may take beside. */
const STEPS_PER_AGENT = 50;
const HEAL_MS = 3 * 3_600_000;
const AFTERWARDS_MS = 60_000;
/** Times that nothing was left to do, in a row, until everything is taken to be finished. */
const QUIET_ROUNDS = 3;
const HEAL_STEPS = 40_000;
/** How often operators look after what is in doubt and who was set aside while everything heals. */
const CARE_STEPS = 50;

/**
 * Boots the first process and registers whoever is there from the start, before anything fails.
 * @throws AosError whatever registration is refused with.
 */
export async function begin(sim: Simulation, register: () => Promise<void>, agents = 0): Promise<void> {
  sim.onUp = () => void sim.checkStore(false);
  sim.boot();
  const enrolment: { isAsked: boolean; isDone: boolean; failure?: unknown } = { isAsked: false, isDone: false };
  for (let at = 0; at < SETUP_STEPS + agents * STEPS_PER_AGENT && !enrolment.isDone && sim.violation === undefined; at++) {
    if (sim.node !== undefined && !enrolment.isAsked) {
      enrolment.isAsked = true;
      void register().then(
        () => void (enrolment.isDone = true),
        (thrown: unknown) => void (enrolment.failure = thrown),
      );
    }
    await sim.step();
    if (enrolment.failure !== undefined) throw toAosError(enrolment.failure);
  }
  if (!enrolment.isDone) sim.report("liveness", "the agents could not be registered");
}

/**
 * Lets nothing fail any more, until nothing is left to do; operators look after the system meanwhile. True where no
 * invariant broke on the way.
 */
export async function heal(sim: Simulation, care: (node: SimNode) => void): Promise<boolean> {
  sim.faults.heal();
  sim.trace.add("healed");
  let until = sim.scheduler.now + HEAL_MS;
  let quiet = 0;
  for (let at = 0; at < HEAL_STEPS && sim.violation === undefined && quiet < QUIET_ROUNDS; at++) {
    const { node } = sim;
    const isResting = !(await sim.step(until));
    if (node !== undefined && (isResting || at % CARE_STEPS === 0)) care(node);
    if (!isResting) continue;
    // Whoever was just resumed is given the time to finish, too.
    quiet = sim.scheduler.isIdle ? quiet + 1 : 0;
    until = sim.scheduler.now + Math.max(AFTERWARDS_MS, waitsFor(sim));
  }
  if (sim.violation !== undefined) return false;
  await sim.checkStore(true);
  return true;
}

/** How long the latest mail that is due at a time must be waited for, ms: the wall clock may have jumped back before it. */
function waitsFor(sim: Simulation): number {
  const now = sim.node?.clock.now();
  if (now === undefined) return 0;
  const times = [...sim.model.mail.values()].map(({ row }) => (row.timer === undefined ? (row.dueAt ?? 0) : 0));
  return Math.max(0, ...times.map((dueAt) => (dueAt - now) * 2 + 1_000 * (dueAt > now ? 1 : 0)));
}
