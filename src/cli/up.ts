import type { Command } from "commander";
import { readInteger } from "./arguments.ts";
import { findRunning } from "./connection.ts";
import { readRunFile } from "./data-folder.ts";
import { problemOf } from "./failure.ts";
import { ProblemError } from "../client/index.ts";
import type { Io } from "./io.ts";
import type { Served } from "../http/index.ts";
import { commonOf } from "./program.ts";

interface UpOptions {
  readonly port?: number;
  readonly host?: string;
  readonly agents: readonly string[];
  readonly store?: string;
  readonly node?: string;
  readonly config?: string;
}

/** The third signal ends a process that does not end by itself. */
const SIGNALS_MAX = 3;
/** What a start that failed left open is not waited for longer. */
const FAILED_MS = 1_000;
/** The greeting names so many agents. */
const NAMED_MAX = 12;
const FORCED_EXIT = 130;

/** Adds `aos up`. */
export function addUp(program: Command, io: Io): void {
  program
    .command("up")
    .description("Start a system and serve it until it is told to stop.")
    .option("--agents <file>", "an agents file or package; repeatable", (file: string, files: readonly string[]) => [...files, file], [])
    .option("--port <port>", "the port; 0 takes any that is free", readInteger("--port", 0, 65_535))
    .option("--host <address>", "the address to listen on (default: 127.0.0.1)")
    .option("--store <store>", "sqlite, memory or a postgres:// URL")
    .option("--node <name>", "the name of this process")
    .option("--config <file>", "a configuration file")
    .addHelpText(
      "after",
      "\nPrints one JSON line when it is ready; SIGTERM drains and exits 0.\n\nExample:\n  aos up --dir .aos --agents ./my-agents.ts --port 7117",
    )
    .action((options: UpOptions, command: Command) => up(options, commonOf(command), io));
}

async function up(
  options: UpOptions,
  { dir, json }: { readonly dir?: string | undefined; readonly json?: boolean | undefined },
  io: Io,
): Promise<void> {
  const stop = stopSignal();
  // Only now: the help and the completion of this command do not need a system.
  const { cliEnvironment, loadSettings, openServing } = await import("../system/index.ts");
  const folder = dir ?? (await loadSettings({ file: options.config })).get("dir");
  const { agents, config, ...given } = options;
  const boot = { dir, port: given.port, host: given.host, store: given.store, node: given.node };
  const starting = async (): Promise<Served> => {
    const serving = await openServing({
      boot: { ...boot, configFile: config, isSupervised: cliEnvironment().isSupervised },
      agents,
      write: (line) => io.note(line.trimEnd()),
    });
    // Agents are at work by now; the door's code is read while they are.
    const { serveOver } = await import("../http/index.ts");
    return serveOver(serving);
  };
  const served = await starting().catch((thrown: unknown) => {
    endSoon();
    throw nameOwner(thrown, folder);
  });
  const ready = {
    ready: true,
    url: served.url,
    pid: process.pid,
    dir: folder,
    ...(served.apiKey === undefined ? {} : { apiKey: served.apiKey }),
  };
  if (json === true || !io.isTty) io.out(JSON.stringify(ready));
  else for (const line of greeting(ready, await registered(folder))) io.out(line);
  await stop;
  await served.close();
  // An agent's own timer or socket must not keep a system alive that has drained.
  process.exit(0);
}

/** Addresses of the agents there are; one more than are shown tells that there are more. */
async function registered(dir: string): Promise<readonly string[]> {
  const client = await findRunning({ dir });
  const page = await client?.agents({ limit: NAMED_MAX + 1 });
  return page?.items.map(({ address }) => address) ?? [];
}

function endSoon(): void {
  setTimeout(() => process.exit(), FAILED_MS).unref();
}

/** What people see when a system is ready. */
export function greeting(
  ready: {
    readonly url: string;
    readonly dir: string;
    readonly pid: number;
    readonly apiKey?: string;
  },
  agents: readonly string[],
): readonly string[] {
  return [
    `AOS runs at ${ready.url}`,
    `  data    ${ready.dir}`,
    `  agents  ${agents.length === 0 ? "none yet; `aos register TYPE ID` makes one" : named(agents)}`,
    ...(ready.apiKey === undefined ? [] : [`  key     ${ready.apiKey}`, "          shown this once: keep it"]),
    `Stop it with Ctrl-C or \`kill ${ready.pid}\`.`,
  ];
}

function named(agents: readonly string[]): string {
  const shown = agents.slice(0, NAMED_MAX).join(", ");
  return agents.length > NAMED_MAX ? `${shown} and more; \`aos ps\` lists them` : shown;
}

/** Resolves at the first signal; a signal at start-up counts as well. */
function stopSignal(): Promise<void> {
  let signals = 0;
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => {
        signals += 1;
        resolve();
        if (signals >= SIGNALS_MAX) process.exit(FORCED_EXIT);
      });
    }
  });
}

/** The owner's pid is what a person needs to go on, so that it always stands in the message. */
function nameOwner(thrown: unknown, dir: string): unknown {
  const problem = problemOf(thrown);
  const pid = readRunFile(dir)?.pid;
  if (problem.code !== "DATA_LOCKED" || pid === undefined || problem.detail.includes(String(pid))) return thrown;
  return new ProblemError({ ...problem, detail: `${problem.detail} (it belongs to process ${pid})` }, { cause: thrown });
}
