import { createHash, randomInt } from "node:crypto";
import type { Command } from "commander";
import type { SimulationResult, Violation } from "../../testing/index.ts";
import { readInteger } from "../arguments.ts";
import { EXIT } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { span } from "../time.ts";

const STEPS = 500;
const STEPS_MAX = 10_000_000;
const SEED_MAX = 1e15;
const SEEDS_MAX = 100_000_000;
/** Seeds that nobody has to type are short. */
const FRESH_SEED_MAX = 1_000_000_000;
const PROGRESS_NS = 3_000_000_000n;

interface Options {
  readonly seed?: number;
  readonly seeds: number;
  readonly steps: number;
  readonly trace?: boolean;
  readonly traceHash?: boolean;
}

/** Adds `sim`. */
export function addSim(program: Command, io: Io): void {
  program
    .command("sim")
    .description(
      "Simulate the kernel from a seed: crashes, failing disks, jumping clocks and lost answers, while every invariant is watched.",
    )
    .option("--seed <n>", "the first seed; a fresh one where it is left out", readInteger("--seed", 0, SEED_MAX))
    .option("--seeds <n>", "how many seeds, one after the other, up to the first that breaks", readInteger("--seeds", 1, SEEDS_MAX), 1)
    .option("--steps <n>", "steps with faults; then everything heals and must finish", readInteger("--steps", 1, STEPS_MAX), STEPS)
    .option("--trace", "print every decision; of one seed")
    .option("--trace-hash", "print the hash over every store call, envelope and effect last; over all hashes where there are several")
    .addHelpText(
      "after",
      "\nIt needs no system and touches no data folder. Exit code 1 where an invariant broke.\n\nExamples:\n  aos sim --seed 7 --steps 500 --trace-hash\n  aos sim --seeds 10000",
    )
    .action(async (options: Options, command: Command) => {
      if (options.trace === true && options.seeds > 1) throw usageError("--trace is of one seed: leave out --seeds");
      await simulate(options, commonOf(command).json === true, io);
    });
}

interface Run {
  readonly first: number;
  readonly done: number;
  readonly totals: SimulationResult["counts"];
  readonly elapsedMs: number;
  readonly hash: string;
  readonly broken: (Violation & { readonly seed: number; readonly replay: string; readonly promise: string | undefined }) | undefined;
  readonly tail: readonly string[];
}

async function simulate(options: Options, isJson: boolean, io: Io): Promise<void> {
  const run = await runSeeds(options, isJson, io);
  const { broken, done, first, totals, elapsedMs, hash } = run;
  const isCut = broken === undefined && done < options.seeds;
  if (broken !== undefined || isCut) io.exitCode = EXIT.failed;
  if (isJson) {
    const { trace: _trace, traceHash: _traceHash, ...asked } = options;
    writeJson(io, { ...asked, seed: first, done, ok: io.exitCode === EXIT.done, ...totals, elapsedMs, broken, hash }, true);
    return;
  }
  if (broken !== undefined) {
    if (options.trace !== true) for (const line of run.tail) io.note(line);
    io.out(`seed ${broken.seed} broke "${broken.invariant}" at step ${broken.step}: ${broken.message}`);
    if (broken.promise !== undefined) io.out(`the promise: ${broken.promise}`);
    io.out(`replay: ${broken.replay}`);
  }
  const last = first + done - 1;
  io.out(
    `${done === 1 ? `seed ${first}` : `${done} seeds, ${first} to ${last}`}: ${totals.turns} turns, ${totals.acknowledged} events acknowledged, ` +
      `${totals.storeCalls} store calls, ${totals.deaths} deaths, ${span(elapsedMs)} simulated${broken === undefined ? "; no invariant broke" : ""}`,
  );
  if (isCut) io.note(`aos: stopped after ${done} of ${options.seeds} seeds`);
  if (options.traceHash === true) io.out(hash);
}

async function runSeeds({ seed, seeds, steps, trace }: Options, isJson: boolean, io: Io): Promise<Run> {
  const { INVARIANTS, simulateKernel } = await import("../../testing/index.ts");
  const first = seed ?? randomInt(FRESH_SEED_MAX);
  const totals = { turns: 0, storeCalls: 0, deaths: 0, acknowledged: 0 };
  const onTrace = trace === true ? (line: string) => io.out(isJson ? JSON.stringify({ decision: line }) : line) : undefined;
  const show = progress(io);
  const hashes = createHash("sha256");
  let elapsedMs = 0;
  let hash = "";
  // One seed is stopped as any process is; of many, the one that runs is finished and counted.
  const isStopped = (): boolean => seeds > 1 && io.signal.aborted;
  for (let done = 1; ; done++) {
    const at = first + done - 1;
    const onStep = (step: number): void => show(seeds > 1 ? `${done - 1} of ${seeds} seeds` : `${Math.min(step, steps)} of ${steps} steps`);
    const result = await simulateKernel({ seed: at, steps, onTrace, onStep });
    for (const [name, count] of Object.entries(result.counts)) totals[name as keyof typeof totals] += count;
    elapsedMs += result.elapsedMs;
    hashes.update(result.hash);
    hash = result.hash;
    const { violation, tail } = result;
    if (violation === undefined && done < seeds && !isStopped()) continue;
    const replay = `npx aos sim --seed ${at} --steps ${steps} --trace`;
    const promise = violation === undefined ? undefined : (INVARIANTS as Readonly<Record<string, string>>)[violation.invariant];
    const broken = violation === undefined ? undefined : { ...violation, seed: at, promise, replay };
    return { first, done, totals, elapsedMs, hash: seeds === 1 ? hash : hashes.digest("hex"), broken, tail };
  }
}

/** Says every few seconds how far it is, to people only. The simulation has taken all other clocks. */
function progress(io: Io): (line: string) => void {
  let saidAt = process.hrtime.bigint();
  return (line) => {
    const now = process.hrtime.bigint();
    if (!io.isTty || now - saidAt < PROGRESS_NS) return;
    saidAt = now;
    io.note(`aos: ${line}`);
  };
}
