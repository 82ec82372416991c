import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { AosClient, TypeUpgrade } from "../../client/index.ts";
import { durationMs, readDuration, readInteger } from "../arguments.ts";
import { type Common, connect, dataFolder, findRunning } from "../connection.ts";
import { isDataFolder } from "../data-folder.ts";
import { EXIT } from "../exit-code.ts";
import { notFound, usageError } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { table } from "../table.ts";

type System = typeof import("../../system/index.ts");
type Source = Parameters<System["planWith"]>[1];
type Report = Awaited<ReturnType<System["planWith"]>>;
type Differences = Awaited<ReturnType<System["replayWith"]>>["differences"];

interface ApplyOptions {
  readonly ramp?: readonly number[];
  readonly stopAt?: number | string;
  readonly soak?: string;
  readonly status?: boolean;
}

const TURNS = 5;
const PAGE = 500;
const SHOWN_MAX = 50;
const several = (file: string, files: readonly string[]): readonly string[] => [...files, file];

/** Adds `upgrade` and `replay`. */
export function addUpgrade(program: Command, io: Io): void {
  const upgrade = program.command("upgrade").description("Plan, apply and roll back upgrades of agents' states.");
  upgrade
    .command("plan")
    .description("Tell what new code would do to every stored agent, of a running system or a stopped data folder. Nothing is changed.")
    .option("--agents <file>", "an agents file or package with the new code; repeatable", several, [])
    .option("--type <type>", "agents of this type only")
    .option("--turns <n>", "how many of each agent's last turns to replay", readInteger("--turns", 0, 1_000), TURNS)
    .addHelpText("after", "\nExits with 1 where an agent would fail.\n\nExample:\n  aos upgrade plan --agents ./my-agents.ts")
    .action((options: { readonly agents: readonly string[]; readonly type?: string; readonly turns: number }, command: Command) =>
      plan(options, commonOf(command), io),
    );
  upgrade
    .command("apply [TYPE]")
    .description("Take agents to the version of the loaded code, those of one type or of all, by stages.")
    .option("--ramp <shares>", "rising shares of the agents, such as 1%,10%,100%", readRamp)
    .option("--stop-at <failures>", "stop when more agents fail: a number, or a share such as 2% (default: 1%)", readThreshold)
    .option("--soak <duration>", "watch the turns of a stage so long before the next one", readDuration)
    .option("--status", "show how upgrades stand, and begin none")
    .addHelpText(
      "after",
      "\nIt goes on by itself, also after a crash; asking again shows how it stands.\n\nExamples:\n  aos upgrade apply cfo --ramp 1%,10%,100% --soak 10m\n  aos upgrade apply --status",
    )
    .action((type: string | undefined, options: ApplyOptions, command: Command) => apply(type, options, commonOf(command), io));
  upgrade
    .command("rollback <TYPE>")
    .description("Put a type's agents back to the states before their last migration; changes of state since then are gone.")
    .action(async (type: string, _options: unknown, command: Command) => {
      writeJson(io, await (await connect(commonOf(command))).upgrades.rollback(type), true);
    });
  addReplay(program, io);
}

function addReplay(program: Command, io: Io): void {
  program
    .command("replay <FILE>")
    .description("Run the turns of a journal file against code and name what differs. Nothing leaves; exits with 1 where anything differs.")
    .option("--agents <file>", "an agents file or package with the code; repeatable", several, [])
    .addHelpText("after", "\nExample:\n  aos log cfo/main --replay > cfo.jsonl\n  aos replay cfo.jsonl --agents ./my-agents.ts")
    .action(async (file: string, { agents }: { readonly agents: readonly string[] }, command: Command) => {
      if (agents.length === 0) throw usageError("replay needs the code: --agents FILE");
      const { replayWith } = await import("../../system/index.ts");
      const result = await replayWith(agents, readText(file));
      // A file of which nothing could be run proves nothing.
      if (result.differences.length > 0 || result.replayed === 0) io.exitCode = EXIT.failed;
      if (commonOf(command).json === true) return writeJson(io, result, true);
      for (const line of differenceLines(result.differences)) io.out(line);
      io.out(`${result.replayed} turns replayed, ${result.differences.length} differences${skippedText(result.skipped)}`);
      if (result.replayed === 0) io.out("nothing could be run: turns keep what a replay needs where `journal.payloads` is on");
    });
}

async function plan(
  { agents, type, turns }: { readonly agents: readonly string[]; readonly type?: string; readonly turns: number },
  common: Common,
  io: Io,
): Promise<void> {
  if (agents.length === 0) throw usageError("upgrade plan needs the new code: --agents FILE");
  const { planWith, loadSettings } = await import("../../system/index.ts");
  const stateBytes = (await loadSettings()).get("limits.stateBytes");
  const progress = (done: number): void => {
    if (io.isTty && done > 0) io.note(`${done.toLocaleString("en-US")} agents looked at`);
  };
  const report = await withSource({ type, turns }, common, (source) => planWith(agents, source, { stateBytes, progress }));
  if (report.failing > 0) io.exitCode = EXIT.failed;
  if (common.json === true) return writeJson(io, report, true);
  for (const line of planLines(report)) io.out(line);
}

async function withSource<T>(
  selection: { readonly type: string | undefined; readonly turns: number },
  common: Common,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const running = await findRunning(common);
  if (running !== undefined && (common.url !== undefined || (await running.isUp()))) {
    // States of all tenants are asked for, unless one is named.
    const everywhere = common.tenant === undefined ? await widest(common, running) : running;
    return use({
      contracts: () => everywhere.upgrades.contracts(),
      snapshots: async (cursor) =>
        (await everywhere.upgrades.snapshots({ ...selection, cursor, limit: PAGE })) as Awaited<ReturnType<Source["snapshots"]>>,
    });
  }
  const dir = await dataFolder(common);
  if (!isDataFolder(dir)) throw notFound(`there is no data folder ${dir} to plan an upgrade of; --dir names another`);
  const { openStopped } = await import("../../system/index.ts");
  const stopped = await openStopped(dir);
  const { api } = stopped;
  try {
    return await use({
      contracts: () => api.storedContracts(),
      snapshots: (cursor) => api.snapshots({ ...selection, tenant: common.tenant, cursor, limit: PAGE }),
    });
  } finally {
    await stopped.close();
  }
}

async function widest(common: Common, running: AosClient): Promise<AosClient> {
  const all = await findRunning({ ...common, tenant: "*" });
  if (all === undefined) return running;
  return all.agents({ limit: 1 }).then(
    () => all,
    () => running,
  );
}

async function apply(type: string | undefined, options: ApplyOptions, common: Common, io: Io): Promise<void> {
  const { upgrades } = await connect(common);
  if (options.status !== true) {
    const soakMs = options.soak === undefined ? undefined : durationMs(options.soak);
    const given = { ramp: options.ramp, stopAt: options.stopAt, soakMs };
    const old = (await upgrades.status(type)).filter(needsUpgrade);
    for (const each of type === undefined ? old.map((one) => one.type) : [type]) await upgrades.apply(each, given);
  }
  const found = await upgrades.status(type);
  if (common.json === true) return writeJson(io, found, true);
  for (const line of statusLines(found)) io.out(line);
}

function needsUpgrade({ version, versions }: TypeUpgrade): boolean {
  return Object.keys(versions).some((each) => Number(each) !== version);
}

function statusLines(found: readonly TypeUpgrade[]): readonly string[] {
  const rows = table(found, [
    ["TYPE", ({ type }) => type],
    ["VERSION", ({ version }) => version],
    [
      "AGENTS",
      ({ versions }) =>
        Object.entries(versions)
          .map(([version, count]) => `${count} at ${version}`)
          .join(", "),
    ],
    ["MARKED", ({ marked }) => marked],
    [
      "UPGRADE",
      ({ ramp }) => (ramp === undefined ? undefined : `${ramp.status}, ${ramp.status === "done" ? 100 : (ramp.stages[ramp.stage] ?? 0)} %`),
    ],
    ["MIGRATED", ({ ramp }) => ramp?.migrated],
    ["FAILED", ({ ramp }) => ramp?.failed],
    ["WHY", ({ ramp }) => ramp?.why],
  ]);
  return [...rows, ...found.flatMap(({ examples }) => examples.map(({ agent, status, message }) => `${agent}  ${status}: ${message}`))];
}

function planLines(report: Report): readonly string[] {
  const { agents, migrated, failing, groups, contracts, replay } = report;
  const head = `${agents.toLocaleString("en-US")} agents: ${migrated} would be migrated, ${failing} would fail`;
  const found = groups.flatMap(({ isFailure, type, code, message, path, count, agents: some }) => [
    `${isFailure ? "FAILS" : "look "}  ${count} × ${type}  ${code}${path === undefined ? "" : ` at ${path}`}: ${message}`,
    `       ${some.join(" ")}${count > some.length ? " …" : ""}`,
  ]);
  const changes = contracts.map(({ type, part, change }) => `       ${type} ${part}: ${change}`);
  const turns = `${replay.replayed} turns replayed, ${replay.differing} do otherwise${skippedText(replay.skipped)}`;
  return [head, ...found, ...(changes.length === 0 ? [] : ["the contracts change:", ...changes]), turns];
}

function differenceLines(differences: Differences): readonly string[] {
  const lines = differences.slice(0, SHOWN_MAX).map((each) => {
    const values = each.was === undefined && each.now === undefined ? "" : `: was ${brief(each.was)}, now ${brief(each.now)}`;
    return `${each.agent} turn ${each.turn}  ${each.what} ${each.path}  ${each.detail}${values}`;
  });
  return differences.length > SHOWN_MAX ? [...lines, `and ${differences.length - SHOWN_MAX} more; --json prints all`] : lines;
}

function skippedText(skipped: Readonly<Record<string, number>>): string {
  const parts = Object.entries(skipped).map(([why, count]) => `${count} not (${why})`);
  return parts.length === 0 ? "" : `, ${parts.join(", ")}`;
}

function brief(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 120);
}

function readRamp(given: string): readonly number[] {
  const shares = given.split(",").map((share) => Number(share.trim().replace(/%$/, "")));
  if (shares.some((share) => !Number.isFinite(share) || share <= 0 || share > 100))
    throw usageError(`--ramp "${given.slice(0, 80)}" is not a list of shares such as 1%,10%,100%`);
  return shares;
}

function readThreshold(given: string): number | string {
  if (/^\d+(?:\.\d+)?%$/.test(given)) return given;
  return readInteger("--stop-at", 0, 1_000_000_000)(given);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw notFound(`cannot read ${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
