import type { Command } from "commander";
import { readAddress, readInteger } from "../arguments.ts";
import { connect, read } from "../connection.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";

const turnOf = readInteger("a turn", 1, Number.MAX_SAFE_INTEGER);

/** Adds `diff`, `rewind` and `fork`. */
export function addTimeline(program: Command, io: Io): void {
  program
    .command("diff <TYPE/ID> <FROM> <TO>")
    .description("Show what changed in an agent's state between two turns, of a stopped data folder too; --json prints a JSON Patch.")
    .addHelpText("after", "\nExample:\n  aos diff cfo/main 12 15")
    .action(async (given: string, from: string, to: string, _options: unknown, command: Command) => {
      const address = readAddress(given);
      const [first, second] = [turnOf(from), turnOf(to)];
      const common = commonOf(command);
      const found = await read(common, (reader) => reader.timeline.diff(address, first, second));
      if (common.json === true) return writeJson(io, found, true);
      if (found.patch.length === 0) io.out(`turns ${first} and ${second} left the same state`);
      for (const { op, path, value, was } of found.patch) {
        if (op !== "add") io.out(`- ${path || "/"} ${JSON.stringify(was)}`);
        if (op !== "remove") io.out(`+ ${path || "/"} ${JSON.stringify(value)}`);
      }
    });

  program
    .command("rewind <TYPE/ID> <TURN>")
    .description("Give an agent the state of an earlier turn, as a new turn. History stays, and so do mail, timers and effects.")
    .option("--reason <text>", "why; it stands in the journal")
    .addHelpText("after", '\nExample:\n  aos rewind cfo/main 12 --reason "a wrong import"')
    .action(async (given: string, turn: string, { reason }: { readonly reason?: string }, command: Command) => {
      const address = readAddress(given);
      const to = turnOf(turn);
      writeJson(io, await (await connect(commonOf(command))).timeline.rewind(address, to, reason), true);
    });

  program
    .command("fork <TYPE/ID> <NEWID>")
    .description(
      "Make a new agent of another one's state: paused, without mail, timers and schedules; its effects are dry until it is resumed.",
    )
    .option("--at <turn>", "fork at this turn, and not at the newest", turnOf)
    .option("--start", "let it take mail at once; its effects answer EFFECT_DRY until `aos resume`")
    .addHelpText("after", "\nExample:\n  aos fork cfo/main what-if --at 12 --start")
    .action(async (given: string, id: string, options: { readonly at?: number; readonly start?: boolean }, command: Command) => {
      const address = readAddress(given);
      const client = await connect(commonOf(command));
      writeJson(io, await client.timeline.fork(address, id, { turn: options.at, start: options.start }), true);
    });
}
