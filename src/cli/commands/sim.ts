import type { Command } from "commander";
import type { SimulationResult } from "../../testing/index.ts";
import { readInteger } from "../arguments.ts";
import { EXIT } from "../exit-code.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";

const STEPS = 500;
const STEPS_MAX = 1_000_000;
const SEED_MAX = 2 ** 31;
const SEEDS_MAX = 1_000_000;
/** Seeds between two lines of progress. */
const PROGRESS = 100;

interface SimOptions {
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly trace?: boolean;
  readonly traceHash?: boolean;
}

/** Adds `sim`. */
export function addSim(program: Command, io: Io): void {
  program
    .command("sim")
    .description("Simulate the kernel under faults from a seed, in virtual time; exit 1 where an invariant breaks.")
    .option("--seed <n>", "the first seed", readInteger("--seed", 0, SEED_MAX), 1)
    .option("--seeds <n>", "how many seeds, one after the other", readInteger("--seeds", 1, SEEDS_MAX), 1)
    .option("--steps <n>", "steps with faults; then everything heals and must finish", readInteger("--steps", 1, STEPS_MAX), STEPS)
    .option("--trace", "print each decision as it is hashed, on stderr")
    .option("--trace-hash", "print the hash of all decisions last")
    .addHelpText(
      "after",
      "\nExamples:\n  aos sim --seed 7 --steps 500 --trace-hash\n  aos sim --seeds 1000\n\nWhat is checked, and how: docs/simulation.md",
    )
    .action(async (options: SimOptions, command: Command) => {
      const { simulateKernel } = await import("../../testing/index.ts");
      const isJson = commonOf(command).json === true;
      const { seed: first, seeds, steps } = options;
      let last: SimulationResult | undefined;
      for (let seed = first; seed < first + seeds && !io.signal.aborted; seed++) {
        const onTrace = options.trace === true ? (line: string) => io.note(line) : undefined;
        last = await simulateKernel({ seed, steps, onTrace });
        if (last.violation !== undefined) break;
        if (!isJson && seeds > 1 && (seed - first + 1) % PROGRESS === 0) io.note(`${seed - first + 1} of ${seeds} seeds`);
      }
      if (last === undefined) return;
      if (isJson) writeJson(io, toldOf(last, steps));
      else tell(io, last, steps, first);
      if (last.violation !== undefined) io.exitCode = EXIT.failed;
      if (options.traceHash === true && !isJson) io.out(last.hash);
    });
}

function tell(io: Io, last: SimulationResult, steps: number, first: number): void {
  const { violation, seed, counts } = last;
  if (violation === undefined) {
    const which = seed === first ? `seed ${seed}` : `seeds ${first} to ${seed}`;
    io.out(`${which}: no invariant broke in ${steps} steps each and until everything had finished`);
    io.out(
      `the last one: ${counts.turns} turns, ${counts.storeCalls} store calls, ${counts.deaths} deaths, ${counts.acknowledged} events acknowledged`,
    );
    return;
  }
  for (const line of last.tail) io.note(line);
  io.out(`seed ${seed}: invariant ${violation.invariant} broke at step ${violation.step}: ${violation.message}`);
  io.out(`replay: ${replay(last, steps)}`);
}

const replay = ({ seed }: SimulationResult, steps: number): string => `aos sim --seed ${seed} --steps ${steps} --trace`;

function toldOf(last: SimulationResult, steps: number): Readonly<Record<string, unknown>> {
  const { seed, counts, hash, violation, elapsedMs } = last;
  const found = violation === undefined ? {} : { violation, replay: replay(last, steps) };
  return { ok: violation === undefined, seed, steps: last.steps, elapsedMs, ...counts, hash, ...found };
}
