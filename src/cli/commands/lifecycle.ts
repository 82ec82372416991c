import type { Command } from "commander";
import { joinAddress, readAddress, readJson } from "../arguments.ts";
import { commonOf } from "../program.ts";
import { connect } from "../connection.ts";
import { usageError } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";

interface MoveOptions {
  readonly type?: string;
  readonly all?: boolean;
  readonly reason?: string;
  readonly restored?: boolean;
}

const MOVES = {
  pause: "Stop giving an agent its mail; the mail stays.",
  resume: "Let a paused or quarantined agent go on.",
  kill: "Abort the turn in flight and leave the agent paused; its mail stays.",
  quarantine: "Set an agent aside until somebody resumes it.",
} as const;

/** Adds `register`, `terminate`, the moves and `wake`. */
export function addLifecycle(program: Command, io: Io): void {
  program
    .command("register <TYPE> <ID>")
    .description("Register an agent, once and for ever. Where it exists nothing changes.")
    .option("--config <json>", "the agent's configuration: JSON, @file or - for stdin")
    .addHelpText("after", '\nExample:\n  aos register cfo main --config \'{"currency":"EUR"}\'')
    .action(async (type: string, id: string, options: { readonly config?: string }, command: Command) => {
      const address = joinAddress(type, id);
      const config = await readJson(options.config, "--config", io);
      const client = await connect(commonOf(command));
      writeJson(io, await client.register(address, config), true);
    });

  program
    .command("terminate <TYPE/ID>")
    .description("End an agent for good: its address stays taken, its mail becomes undeliverable.")
    .action(async (given: string, _options: unknown, command: Command) => {
      const address = readAddress(given);
      const client = await connect(commonOf(command));
      writeJson(io, await client.terminate(address), true);
    });

  for (const name of Object.keys(MOVES).filter(isMove)) {
    const verb = program
      .command(`${name} [TYPE/ID]`)
      .description(MOVES[name])
      .option("--type <type>", "every agent of this type")
      .option("--all", "every agent")
      .option("--reason <text>", "why; it stands in the journal")
      .addHelpText("after", `\nExamples:\n  aos ${name} cfo/main\n  aos ${name} --type cfo --reason "audit"\n  aos ${name} --tenant acme`)
      .action((given: string | undefined, options: MoveOptions, command: Command) => move(name, given, options, command, io));
    if (name === "resume") verb.option("--restored", "every agent that a restore paused, and no other");
  }

  program
    .command("wake <TYPE/ID>")
    .description("Wake an agent: it takes its mail, or has a turn that does nothing.")
    .action(async (given: string, _options: unknown, command: Command) => {
      const address = readAddress(given);
      const client = await connect(commonOf(command));
      writeJson(io, await client.wake(address), true);
    });
}

async function move(
  name: keyof typeof MOVES,
  given: string | undefined,
  { type, all, reason, restored }: MoveOptions,
  command: Command,
  io: Io,
): Promise<void> {
  const common = commonOf(command);
  if (given !== undefined) {
    if (type !== undefined || all === true || restored === true)
      throw usageError(`give ${name} either TYPE/ID or a choice of many, not both`);
    const address = readAddress(given);
    const client = await connect(common);
    writeJson(io, await client.move(address, name, reason), true);
    return;
  }
  const isWhole = type === undefined && all !== true && restored !== true;
  // AOS_TENANT says where a command acts; only an option may widen it to a whole tenant.
  const isTenant = command.parent?.getOptionValueSource("tenant") === "cli";
  if (isWhole && !isTenant) throw usageError(`${name} needs TYPE/ID, --type T, --tenant T or --all`);
  const client = await connect(common);
  const choice = { type, tenant: common.tenant, restored, ...(type === undefined ? { all: true } : {}) };
  writeJson(io, await client.moveAll(choice, name, reason), true);
}

function isMove(name: string): name is keyof typeof MOVES {
  return name in MOVES;
}
