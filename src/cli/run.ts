import { type Command, CommanderError } from "commander";
import { EXIT, type ExitCode, exitCodeOf } from "./exit-code.ts";
import { problemOf, sentence } from "./failure.ts";
import type { Io } from "./io.ts";
import { addCommands, createProgram } from "./program.ts";

/** Runs one command to its end and answers with its exit code; whatever fails is said on stderr. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    const program = createProgram(io);
    const [first, second] = program.parseOptions([...args]).operands;
    const verb = first === "help" ? second : first;
    await addCommands(program, io, (name) => name === verb);
    if (first === undefined && args.length === 0) {
      program.outputHelp();
      return EXIT.done;
    }
    await program.parseAsync([...args], { from: "user" }).catch((thrown: unknown) => {
      throw nameVerbs(thrown, program, verb);
    });
    return io.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.done;
    const problem = problemOf(thrown);
    io.note(args.includes("--json") ? JSON.stringify(problem) : sentence(problem));
    return exitCodeOf(problem);
  }
}

/** A group without its verb: what is missing is said, and what there is. */
function nameVerbs(thrown: unknown, program: Command, group: string | undefined): unknown {
  if (!(thrown instanceof CommanderError) || thrown.code !== "commander.help") return thrown;
  const found = program.commands.find((command) => command.name() === group);
  const verbs = (found ?? program).commands.map((command) => command.name()).join(", ");
  const place = group === undefined ? "aos" : `aos ${group}`;
  return new CommanderError(EXIT.usage, thrown.code, `\`${place}\` needs one of: ${verbs}`);
}
