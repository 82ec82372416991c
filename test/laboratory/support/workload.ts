/** The reference workload of the crash laboratory: what is sent, who handles it, and what must be there afterwards. */
import { type AgentOperatingSystem, AosError, effect, event, isAosError, PurposeDrivenAgent, state } from "aosjs";
import { appendFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

/** What a piece of work makes a desk do. */
type Kind = "plain" | "effect" | "timer" | "doomed" | "chain" | "bulk";

/** One event of the workload. */
export interface Work {
  readonly id: string;
  readonly desk: string;
  readonly kind: Kind;
  /** Turns that follow it, one after the other. */
  readonly turns: number;
}

/** The address parts of the desks. */
export const DESKS = ["a", "b"] as const;
/** Bytes of a state that changes in all of them with each turn: below what is written at once, so that the row waits. */
const BULK_BYTES = 30_000;
/** How long a timer runs. */
const TIMER_MS = 3;

/** A few of everything, acknowledged one after the other. */
export const MIXED: readonly Work[] = (
  ["plain", "effect", "timer", "chain", "doomed", "plain", "chain", "effect", "timer", "plain"] as const
).map((kind, at) => ({ id: `e${at}`, desk: at % 3 === 0 ? "b" : "a", kind, turns: kind === "chain" ? 12 : 0 }));
/** So many turns of so few agents that rows which fell behind the journal are written, and the mark of how far they came. */
export const LATE: readonly Work[] = [
  { id: "l0", desk: "a", kind: "bulk", turns: 700 },
  { id: "l1", desk: "b", kind: "bulk", turns: 500 },
  ...MIXED,
];

const WorkData = z.object({
  id: z.string(),
  kind: z.enum(["plain", "effect", "timer", "doomed", "chain", "bulk"]),
  turns: z.number(),
  /** The file that stands for the outside world: a line for each call of an effect. */
  world: z.string(),
});
/** A piece of work arrives. */
export const WorkEvent = event("work", WorkData);
const Step = event("step", z.object({ id: z.string(), isBulk: z.boolean() }));
const Tick = event("tick", z.object({ id: z.string() }));
const Counts = z.record(z.string(), z.number());
/** What a desk has counted. */
export const DeskState = z.object({ seen: Counts, steps: Counts, ticks: Counts, stamps: Counts, bulk: z.string() });
/** What a desk has counted. */
export type DeskState = z.infer<typeof DeskState>;

const Stamp = effect("stamp", {
  input: z.object({ id: z.string(), world: z.string() }),
  output: z.object({}),
  repeat: "key",
  key: ({ id }) => id,
  run: ({ id, world }) => {
    appendFileSync(world, `${id}\n`);
    return {};
  },
});

/** Counts all that reaches it. */
export class Desk extends PurposeDrivenAgent.define({
  type: "desk",
  purpose: "Count whatever arrives, so that a loss or a double shows",
  state: state(1, DeskState, { initial: () => ({ seen: {}, steps: {}, ticks: {}, stamps: {}, bulk: "" }) }),
  on: { work: WorkEvent, step: Step, tick: Tick },
  uses: [Stamp],
  sends: [Step, Tick],
  supervise: { restarts: 100_000, within: "1h" },
}) {
  readonly handlers = this.handle({
    work: async (ctx, { data: { id, kind, turns, world } }) => {
      if (kind === "doomed") throw new AosError("EFFECT_FAILED", "never", { retryable: false });
      if (kind === "effect") {
        await ctx.effect(Stamp, { id, world });
        add(ctx.state.stamps, id);
      }
      if (kind === "timer") ctx.timer(id, ctx.now + TIMER_MS, Tick, { id });
      for (let turn = 0; turn < turns; turn++) ctx.tell(ctx.self.address, Step, { id, isBulk: kind === "bulk" });
      add(ctx.state.seen, id);
    },
    step: (ctx, { data: { id, isBulk } }) => {
      if (isBulk) ctx.state.bulk = randomBytes(BULK_BYTES / 2).toString("hex");
      add(ctx.state.steps, id);
    },
    tick: (ctx, { data: { id } }) => add(ctx.state.ticks, id),
  });
}

function add(counts: Record<string, number>, id: string): void {
  counts[id] = (counts[id] ?? 0) + 1;
}

/** Boots nothing by itself: the settings under which the workload runs, also when it is looked at afterwards. */
export const SETTINGS = { "retry.attempts": 100, "retry.delayMs": 5, "retry.factor": 1, "turn.crashesMax": 1_000 } as const;

/** Waits until all mail of the desks is handled and no timer is left. @throws Error after `patienceMs`. */
export async function rested(aos: AgentOperatingSystem, patienceMs = 60_000): Promise<void> {
  const until = performance.now() + patienceMs;
  while (performance.now() < until) {
    if (await isQuiet(aos).catch(unlessStore)) return;
    await pause(5);
  }
  throw new Error("the desks did not come to rest");
}

async function isQuiet(aos: AgentOperatingSystem): Promise<boolean> {
  const { stats } = aos.status();
  if (stats.inFlight > 0 || stats.storeIsDown) return false;
  for (const desk of DESKS) {
    const row = await aos.store.agent(`default/desk/${desk}`);
    if (row === undefined) return false;
    if ((await aos.store.mail(row.no)).length > 0 || (await aos.store.delayed(row.no)).length > 0) return false;
  }
  return true;
}

/** A store that cannot be read just now says so, and is asked again. */
function unlessStore(thrown: unknown): false {
  if (isAosError(thrown, "STORE_FAILED") || isAosError(thrown, "DISK_FULL")) return false;
  throw thrown;
}
