import type { Command } from "commander";
import type { Agent, AgentType, AosClient, TurnRecord } from "../../client/index.ts";
import { readAddress, readInteger } from "../arguments.ts";
import { causeTree } from "../cause-tree.ts";
import { type Common, connect, dataFolder, read } from "../connection.ts";
import { readRunFile } from "../data-folder.ts";
import { notFound } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import type { Reader } from "../reader.ts";
import { type Column, table } from "../table.ts";
import { relative } from "../time.ts";

interface PsOptions {
  readonly type?: string;
  readonly state?: string;
  readonly nodes?: boolean;
}

interface LogOptions {
  readonly follow?: boolean;
  readonly after?: number;
  readonly replay?: boolean;
}

const PAGE = 1_000;

/** Adds `ps`, `state`, `log`, `why` and `types`. */
export function addInspect(program: Command, io: Io): void {
  program
    .command("ps")
    .description("List the agents, of a stopped data folder too.")
    .option("--type <type>", "agents of this type")
    .option("--state <state>", "agents in this state: running, sleeping, paused, quarantined, terminated, code-missing")
    .option("--nodes", "list the processes instead")
    .addHelpText("after", "\nExamples:\n  aos ps --state quarantined\n  aos ps --json")
    .action((options: PsOptions, command: Command) =>
      options.nodes === true ? nodes(commonOf(command), io) : ps(options, commonOf(command), io),
    );

  program
    .command("state")
    .description("Print an agent's state.")
    .command("get <TYPE/ID>")
    .description("Print an agent's last committed state, of a stopped data folder too.")
    .option("--meta", "print {state, version, turn}")
    .option("--at <turn>", "the state as this turn left it", readInteger("--at", 1, Number.MAX_SAFE_INTEGER))
    .action(async (given: string, options: { readonly meta?: boolean; readonly at?: number }, command: Command) => {
      const address = readAddress(given);
      const common = commonOf(command);
      const found = await read(common, (reader): Promise<{ readonly state: unknown }> =>
        options.at === undefined ? reader.state(address) : reader.timeline.stateAt(address, options.at),
      );
      writeJson(io, options.meta === true ? found : found.state, common.json === true || !io.isTty);
    });

  program
    .command("log <TYPE/ID>")
    .description("Print an agent's turns as JSON lines, of a stopped data folder too.")
    .option("-f, --follow", "go on with new turns as they are committed")
    .option("--after <seq>", "turns after this number", readInteger("--after", 0, Number.MAX_SAFE_INTEGER))
    .option("--replay", "print what `aos replay` runs: the state before the first turn, then the turns with what they were given")
    .addHelpText("after", "\nExamples:\n  aos log cfo/main -f --after 12\n  aos log cfo/main --replay > cfo.jsonl")
    .action(async (given: string, { follow = false, after = 0, replay = false }: LogOptions, command: Command) => {
      const address = readAddress(given);
      const common = commonOf(command);
      if (replay) await replayable(common, address, io);
      else if (follow) await followLog(await connect(common), address, after, io);
      else
        await read(common, async (reader) => {
          for await (const record of records(reader, address, after)) io.out(JSON.stringify(record));
        });
    });

  addExplain(program, io);
}

function addExplain(program: Command, io: Io): void {
  program
    .command("why <ID>")
    .description("Show what an event, a chain or a conversation led to, over all agents.")
    .action(async (id: string, _options: unknown, command: Command) => {
      const common = commonOf(command);
      const rows = await (await connect(common)).why(id);
      if (rows.length === 0) throw notFound(`nothing is known of ${id}; its records may be older than the journal keeps`);
      if (common.json === true) writeJson(io, rows, true);
      else for (const line of causeTree(rows)) io.out(line);
    });

  program
    .command("types")
    .description("List the agent types whose code is loaded.")
    .action(async (_options: unknown, command: Command) => {
      const common = commonOf(command);
      const types = await (await connect(common)).types();
      if (common.json === true) writeJson(io, types, true);
      else
        for (const line of table(types, [
          ["TYPE", ({ name }) => name],
          ["REVISION", ({ revision }) => revision],
          ["ACCEPTS", accepts],
        ]))
          io.out(line);
    });
}

async function ps({ type, state }: PsOptions, common: Common, io: Io): Promise<void> {
  const agents = await read(common, async (reader) => {
    const all: Agent[] = [];
    let cursor: string | undefined;
    do {
      const page = await reader.agents({ type, state, cursor, limit: PAGE });
      all.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return all;
  });
  if (common.json === true) return writeJson(io, agents, true);
  for (const line of psTable(agents, io.now)) io.out(line);
}

const why: Column<Agent> = ["REASON", ({ reason }) => reason];

/** The process list for people. */
export function psTable(agents: readonly Agent[], now: number): readonly string[] {
  return table(agents, [
    ["ADDRESS", ({ address }) => address],
    ["STATE", ({ state }) => state],
    ["MAILBOX", ({ mailbox }) => mailbox],
    ["PARKED", ({ parked }) => parked],
    ["LAST-TURN", ({ lastTurnAt }) => relative(lastTurnAt, now)],
    ["NEXT-WAKE", ({ nextWakeAt }) => relative(nextWakeAt, now)],
    ["REVISION", ({ revision }) => revision],
    ["NODE", ({ node }) => node],
    // Most fleets have nobody who is held: then there is nothing to explain.
    ...(agents.some(({ reason }) => reason !== undefined) ? [why] : []),
  ]);
}

async function nodes(common: Common, io: Io): Promise<void> {
  const client = await connect(common);
  const [first] = (await client.agents({ limit: 1 })).items;
  const run = readRunFile(await dataFolder(common));
  const isSame = run?.url === client.url;
  const rows = [
    {
      node: first?.node ?? null,
      url: client.url,
      pid: isSame ? run.pid : null,
      startedAt: isSame ? run.startedAt : null,
    },
  ];
  if (common.json === true) return writeJson(io, rows, true);
  const lines = table(rows, [
    ["NODE", ({ node }) => node],
    ["URL", ({ url }) => url],
    ["PID", ({ pid }) => pid],
    ["STARTED", ({ startedAt }) => relative(startedAt, io.now)],
  ]);
  for (const line of lines) io.out(line);
}

async function replayable(common: Common, address: string, io: Io): Promise<void> {
  const { header, turns } = await read(common, (reader) => reader.upgrades.replayable(address));
  for (const line of [header, ...turns]) io.out(JSON.stringify(line));
}

async function* records(reader: Pick<Reader, "journal">, address: string, after: number): AsyncGenerator<TurnRecord> {
  let turn = after;
  for (;;) {
    const page = await reader.journal(address, turn, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || last.turn <= turn) return;
    turn = last.turn;
  }
}

async function followLog(client: AosClient, address: string, after: number, io: Io): Promise<void> {
  // Asked for first: from here on an interruption ends the command in order, whatever it is at.
  const { signal } = io;
  let turn = after;
  let seq = 0;
  // One turn earlier, so that the stream can go on from a row that is known even where none is newer.
  for await (const record of records(client, address, Math.max(0, after - 1))) {
    seq = record.seq;
    if (record.turn <= after) continue;
    turn = record.turn;
    io.out(JSON.stringify(record));
  }
  for await (const record of client.follow({ agent: address, after: seq, signal })) {
    if (record.turn > turn || seq > 0) io.out(JSON.stringify(record));
  }
}

function accepts({ contract }: AgentType): string {
  const names = ["events", "on", "commands", "queries"].flatMap((part) => {
    const listed = contract[part];
    if (Array.isArray(listed)) return listed.map((entry: unknown) => (typeof entry === "string" ? entry : nameOf(entry)));
    return typeof listed === "object" && listed !== null ? Object.keys(listed) : [];
  });
  return names.join(", ");
}

function nameOf(entry: unknown): string {
  return typeof entry === "object" && entry !== null && "name" in entry ? String(entry.name) : "?";
}
