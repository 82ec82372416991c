import type { Command } from "commander";
import type { Schedule } from "../../client/index.ts";
import { readAddress, readInteger } from "../arguments.ts";
import { connect } from "../connection.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { table } from "../table.ts";
import { relative, rfc3339, span } from "../time.ts";

const COUNT = 5;
const COUNT_MAX = 100;

/** Adds `cron ls|next|run`. */
export function addCron(program: Command, io: Io): void {
  const cron = program.command("cron").description("Schedules of agents.");

  cron
    .command("ls [TYPE/ID]")
    .description("List schedules with their next time.")
    .action(async (given: string | undefined, _options: unknown, command: Command) => {
      const agent = given === undefined ? undefined : readAddress(given);
      const common = commonOf(command);
      const rows = await (await connect(common)).schedules(agent);
      if (common.json === true) return writeJson(io, rows, true);
      const lines = table(rows, [
        ["AGENT", (row) => row.agent],
        ["NAME", ({ name }) => name],
        ["WHEN", when],
        ["NEXT", ({ nextAt }) => (nextAt === undefined || nextAt === null ? undefined : rfc3339(nextAt))],
        ["", ({ nextAt }) => relative(nextAt, io.now)],
      ]);
      for (const line of lines) io.out(line);
    });

  cron
    .command("next <TYPE/ID> <NAME>")
    .description("Print the next times of a schedule, one a line.")
    .option("--count <n>", "how many", readInteger("--count", 1, COUNT_MAX), COUNT)
    .addHelpText("after", "\nExample:\n  aos cron next cfo/main monthEnd --count 12")
    .action(async (given: string, name: string, { count }: { readonly count: number }, command: Command) => {
      const address = readAddress(given);
      const common = commonOf(command);
      const times = (await (await connect(common)).nextTimes(address, name, count)).map(rfc3339);
      if (common.json === true) return writeJson(io, times, true);
      for (const time of times) io.out(time);
    });

  cron
    .command("run <TYPE/ID> <NAME>")
    .description("Fire a schedule now; its plan stays as it is.")
    .action(async (given: string, name: string, _options: unknown, command: Command) => {
      const address = readAddress(given);
      const client = await connect(commonOf(command));
      writeJson(io, await client.runSchedule(address, name), true);
    });
}

function when({ spec }: Schedule): string {
  const { kind, expression, tz, everyMs } = spec as { readonly [field: string]: unknown };
  if (kind === "cron") return `${String(expression)} (${String(tz)})`;
  return typeof everyMs === "number" ? `every ${span(everyMs)}` : JSON.stringify(spec);
}
