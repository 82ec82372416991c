import type { Command } from "commander";
import type { AosClient, DeadLetter } from "../../client/index.ts";
import { readAddress } from "../arguments.ts";
import { connect, read } from "../connection.ts";
import { usageError } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import type { Reader } from "../reader.ts";
import { table } from "../table.ts";
import { relative } from "../time.ts";

interface Filter {
  readonly agent?: string;
  readonly reason?: string;
}

interface ManyOptions extends Filter {
  readonly all?: boolean;
  readonly fresh?: boolean;
}

const PAGE = 1_000;

/** Adds `dlq ls|show|redrive|drop`. */
export function addDeadLetters(program: Command, io: Io): void {
  const dlq = program.command("dlq").description("Dead letters: mail that could not be handled.");

  dlq
    .command("ls")
    .description("List dead letters, of a stopped data folder too.")
    .option("--agent <TYPE/ID>", "of this agent", readAddress)
    .option("--reason <reason>", "with this reason")
    .action(async (filter: Filter, command: Command) => {
      const common = commonOf(command);
      const letters = await read(common, (reader) => all(reader, filter));
      if (common.json === true) return writeJson(io, letters, true);
      for (const line of letterTable(letters, io.now)) io.out(line);
    });

  dlq
    .command("show <ID>")
    .description("Print one dead letter with its payload and error.")
    .action(async (id: string, _options: unknown, command: Command) => {
      const common = commonOf(command);
      const letter = await read(common, (reader) => reader.deadLetter(id));
      writeJson(io, letter, common.json === true || !io.isTty);
    });

  dlq
    .command("redrive [ID]")
    .description("Put a dead letter back into its mailbox.")
    .option("--all", "every dead letter, or every one of the filter")
    .option("--agent <TYPE/ID>", "all of this agent", readAddress)
    .option("--reason <reason>", "all with this reason")
    .option("--fresh", "under a new id, so that effects that succeeded run again")
    .addHelpText("after", "\nExamples:\n  aos dlq redrive 0192f0c1-…\n  aos dlq redrive --agent cfo/main")
    .action(async (id: string | undefined, { fresh = false, ...options }: ManyOptions, command: Command) => {
      const filter = chosen("redrive", id, options);
      const common = commonOf(command);
      const client = await connect(common);
      if (filter === undefined) return writeJson(io, await client.redrive(id ?? "", fresh), true);
      // Only for somebody who watches: a script may read stderr as the problem.
      if (io.isTty && common.json !== true) io.note("aos: putting dead letters back …");
      writeJson(io, await client.redriveAll(filter, fresh), true);
    });

  dlq
    .command("drop [ID]")
    .description("Drop a dead letter for good.")
    .option("--all", "every dead letter, or every one of the filter")
    .option("--agent <TYPE/ID>", "all of this agent; needs --all", readAddress)
    .option("--reason <reason>", "all with this reason; needs --all")
    .action(async (id: string | undefined, options: ManyOptions, command: Command) => {
      if (id === undefined && options.all !== true) throw usageError("drop needs an ID or --all");
      const filter = chosen("drop", id, options);
      const client = await connect(commonOf(command));
      const ids = filter === undefined ? [id ?? ""] : (await all(client, filter)).map((letter) => letter.id);
      for (const each of ids) await client.drop(each);
      writeJson(io, { dropped: ids.length }, true);
    });
}

/** The filter that chooses many; undefined where an id chooses one. */
function chosen(verb: string, id: string | undefined, { all: isAll = false, agent, reason }: ManyOptions): Filter | undefined {
  const isMany = isAll || agent !== undefined || reason !== undefined;
  if (id !== undefined && isMany) throw usageError(`give ${verb} either an ID or a choice of many, not both`);
  if (id === undefined && !isMany) throw usageError(`${verb} needs an ID or --all`);
  return isMany ? { ...(agent === undefined ? {} : { agent }), ...(reason === undefined ? {} : { reason }) } : undefined;
}

async function all(reader: Pick<Reader, "deadLetters"> | AosClient, filter: Filter): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  let cursor: string | undefined;
  do {
    const page = await reader.deadLetters({ ...filter, cursor, limit: PAGE });
    letters.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return letters;
}

function letterTable(letters: readonly DeadLetter[], now: number): readonly string[] {
  return table(letters, [
    ["ID", ({ id }) => id],
    ["AGENT", ({ agent }) => agent],
    ["NAME", ({ name }) => name],
    ["REASON", ({ reason }) => reason],
    ["ATTEMPTS", ({ attempts }) => attempts],
    ["AT", ({ at }) => relative(at, now)],
    ["ERROR", ({ error }) => `${error.code}: ${error.message}`],
  ]);
}
