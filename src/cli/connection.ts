import { existsSync } from "node:fs";
import { AosClient, problemError } from "../client/index.ts";
import { isDataFolder, readOperatorToken, readRunFile } from "./data-folder.ts";
import { notFound } from "./failure.ts";
import type { Reader } from "./reader.ts";

/** The options that every command takes. */
export interface Common {
  readonly url?: string | undefined;
  readonly dir?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly tenant?: string | undefined;
  readonly json?: boolean | undefined;
  /** What the environment holds for `apiKey`. */
  readonly environmentKey?: string | undefined;
}

/** Names of configuration files that may say where the data folder is. */
const CONFIG_FILES = ["aos.config.ts", "aos.config.js", "aos.config.json"];

/** The data folder that the options, the environment or the configuration name. */
export async function dataFolder({ dir }: Common): Promise<string> {
  if (dir !== undefined) return dir;
  if (!CONFIG_FILES.some((name) => existsSync(name))) return ".aos";
  // Loading the system costs more than a whole command: only a configuration file is worth it.
  const { loadSettings } = await import("../system/index.ts");
  return (await loadSettings()).get("dir");
}

/**
 * Finds the running system.
 * @throws ProblemError UNAVAILABLE where none runs.
 */
export async function connect(common: Common): Promise<AosClient> {
  const running = await findRunning(common);
  if (running !== undefined) return running;
  const dir = await dataFolder(common);
  throw problemError("UNAVAILABLE", 503, `no system runs in ${dir}; start it with \`aos up --dir ${dir}\`, or name one with --url`);
}

/** The running system, or undefined where the data folder has none. */
export async function findRunning(common: Common): Promise<AosClient | undefined> {
  const { url, tenant, apiKey } = common;
  const dir = url === undefined || common.dir !== undefined ? await dataFolder(common) : undefined;
  const run = dir === undefined ? undefined : readRunFile(dir);
  const address = url ?? run?.url;
  if (address === undefined) return undefined;
  // The token opens one system only: it is never sent to another address.
  const token = dir !== undefined && run !== undefined && sameOrigin(run.url, address) ? readOperatorToken(dir) : undefined;
  return new AosClient({ url: address, tenant, key: apiKey ?? token ?? common.environmentKey });
}

/**
 * Reads from the running system, or from the data folder where none runs.
 * @throws ProblemError NOT_FOUND where there is no data folder either.
 */
export async function read<T>(common: Common, use: (reader: Reader) => Promise<T>): Promise<T> {
  const running = await findRunning(common);
  if (running !== undefined && (common.url !== undefined || (await running.isUp()))) return use(running);
  const dir = await dataFolder(common);
  if (!isDataFolder(dir)) throw notFound(`there is no data folder ${dir}; \`aos up --dir ${dir}\` makes it, --dir names another`);
  const [{ openStopped }, { stoppedReader }] = await Promise.all([import("../system/index.ts"), import("./stopped-reader.ts")]);
  const stopped = await openStopped(dir);
  try {
    return await use(stoppedReader(stopped.api, common.tenant));
  } finally {
    await stopped.close();
  }
}

function sameOrigin(left: string, right: string): boolean {
  return URL.canParse(left) && URL.canParse(right) && new URL(left).origin === new URL(right).origin;
}
