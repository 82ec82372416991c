import { Command, Option } from "commander";
import type { Common } from "./connection.ts";
import { GROUPS } from "./groups.ts";
import type { Io } from "./io.ts";
import { version } from "./version.ts";

/** Adds the commands of a group to the program. */
export type AddCommands = (program: Command, io: Io) => void;

/** Help is as wide as this where no terminal says otherwise. */
const HELP_COLUMNS = 100;

/** The program without any command: its options and its manner of failing. */
export function createProgram(io: Io): Command {
  const program = new Command("aos")
    .description("AOS, the Agent Operating System: register an agent once, and it runs for ever.")
    .usage("COMMAND [options]")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addOption(new Option("--dir <folder>", "the system of this data folder (default: .aos, or as configured)").env("AOS_DIR"))
    .addOption(new Option("--url <url>", "the system at this address").env("AOS_URL"))
    .addOption(new Option("--api-key <key>", "the credential (else AOS_KEY or AOS_API_KEY, or the data folder's own)"))
    .addOption(new Option("--tenant <name>", "act in this tenant; for fleet operators").env("AOS_TENANT"))
    .addOption(new Option("--environment-key <key>").env("AOS_KEY").hideHelp())
    .addOption(new Option("--server-key <key>").env("AOS_API_KEY").hideHelp())
    .option("--json", "print JSON; errors are one problem object on stderr")
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, "")),
      // What went wrong is thrown, and said in one place.
      writeErr: () => undefined,
      getOutHelpWidth: () => (io.isTty ? process.stdout.columns : HELP_COLUMNS),
    });
  program.addHelpText("after", EXAMPLES);
  return program;
}

/** Adds the commands: those of the groups to load in full, all others by name only, which keeps a start fast. */
export async function addCommands(program: Command, io: Io, mustLoad: (verb: string) => boolean): Promise<void> {
  for (const { verbs, load } of GROUPS) {
    const names = Object.keys(verbs);
    if (names.some(mustLoad)) (await load())(program, io);
    else for (const [name, summary] of Object.entries(verbs)) program.command(name).description(summary);
  }
}

/** The common options as a command sees them. */
export function commonOf(command: Command): Common {
  const { serverKey, environmentKey, ...common } = command.optsWithGlobals<Common & { readonly serverKey?: string }>();
  return { ...common, environmentKey: environmentKey ?? serverKey };
}

const EXAMPLES = `
Examples:
  aos up --agents ./my-agents.ts            start a system with its agents
  aos ps                                    list the agents
  aos send cfo/main invoice.received '{"id":"i1","amount":40}' --wait
  aos log cfo/main -f                       follow an agent's turns
  aos why 0192f0c1-…                        show what an event led to

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 conflict, 6 unavailable.`;
