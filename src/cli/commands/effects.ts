import { Argument, type Command, Option } from "commander";
import type { EffectResolution } from "../../client/index.ts";
import { readAddress, readInteger, readJson } from "../arguments.ts";
import { connect } from "../connection.ts";
import { usageError } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { table } from "../table.ts";
import { relative } from "../time.ts";

interface ListOptions {
  readonly state?: string;
  readonly agent?: string;
  readonly limit: number;
}

interface ResolveOptions {
  readonly output?: string;
  readonly message?: string;
}

const OUTCOMES = ["done", "failed", "retry"] as const;
const LIMIT = 1_000;

/** Adds `effects ls|resolve`. */
export function addEffects(program: Command, io: Io): void {
  const effects = program.command("effects").description("Calls to the outside, and those that may or may not have happened.");

  effects
    .command("ls")
    .description("List effects.")
    .addOption(new Option("--state <state>", "effects in this state").choices(["intent", "done", "failed", "in-doubt"]))
    .option("--agent <TYPE/ID>", "effects of this agent", readAddress)
    .option("--limit <n>", "at most this many", readInteger("--limit", 1, LIMIT), LIMIT)
    .addHelpText("after", "\nExample:\n  aos effects ls --state in-doubt")
    .action(async ({ state, agent, limit }: ListOptions, command: Command) => {
      const common = commonOf(command);
      const rows = await (await connect(common)).effects({ state, agent, limit });
      if (common.json === true) return writeJson(io, rows, true);
      const lines = table(rows, [
        ["ID", ({ id }) => id],
        ["AGENT", (row) => row.agent],
        ["NAME", ({ name }) => name],
        ["STATE", (row) => row.state],
        ["ATTEMPTS", ({ attempts }) => attempts],
        ["AT", ({ at }) => relative(at, io.now)],
        ["KEY", ({ key }) => key],
      ]);
      for (const line of lines) io.out(line);
    });

  effects
    .command("resolve <ID>")
    .addArgument(new Argument("<OUTCOME>", "what became of it").choices(OUTCOMES))
    .description("Say what became of an effect in doubt; the turn that waits for it goes on.")
    .option("--output <json>", "with done: what the call gave, as JSON, @file or -")
    .option("--message <text>", "with failed: why")
    .addHelpText(
      "after",
      '\nExamples:\n  aos effects resolve 0192f0c1-… done --output \'{"ref":"p-17"}\'\n  aos effects resolve 0192f0c1-… failed --message "the bank never saw it"\n  aos effects resolve 0192f0c1-… retry',
    )
    .action(async (id: string, outcome: (typeof OUTCOMES)[number], options: ResolveOptions, command: Command) => {
      const resolution = await resolutionOf(outcome, options, io);
      const client = await connect(commonOf(command));
      writeJson(io, await client.resolveEffect(id, resolution), true);
    });
}

async function resolutionOf(outcome: (typeof OUTCOMES)[number], { output, message }: ResolveOptions, io: Io): Promise<EffectResolution> {
  if (output !== undefined && outcome !== "done") throw usageError("--output goes with done");
  if (message !== undefined && outcome !== "failed") throw usageError("--message goes with failed");
  if (outcome === "retry") return { outcome };
  if (outcome === "failed") return { outcome, message };
  return { outcome, output: (await readJson(output, "--output", io)) ?? null };
}
