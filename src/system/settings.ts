import { readFileSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { AosError } from "../kernel/index.ts";
import { AOSConfig, type AosConfigOptions, type AosSettings, loadAosConfig } from "../services/config/index.ts";

const FILES = ["aos.config.ts", "aos.config.js", "aos.config.json"];

/** Where settings come from, beside the defaults. */
export interface SettingsSources {
  /** The uppermost layer. */
  readonly runtime?: AosConfigOptions | AOSConfig | undefined;
  /** A configuration file; left out: `aos.config.ts`, `.js` or `.json` in the working folder, where there is one. */
  readonly file?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Reads every layer and answers the settings in force.
 * @throws AosError CONFIG_INVALID with all faults at once.
 */
export async function loadSettings(sources: SettingsSources = {}): Promise<AosSettings> {
  const runtime = sources.runtime instanceof AOSConfig ? sources.runtime : new AOSConfig(sources.runtime ?? {});
  const environment = sources.environment ?? process.env;
  return loadAosConfig(
    { file: await readFile(sources.file), environment, runtime: runtime.runtime },
    {
      variable: (name) => environment[name],
      file: (path) => {
        try {
          return { text: readFileSync(path, "utf8"), mode: statSync(path).mode & 0o777 };
        } catch {
          return undefined;
        }
      },
    },
  );
}

async function readFile(
  named: string | undefined,
): Promise<{ readonly path: string; readonly values: Record<string, unknown> } | undefined> {
  const path = named === undefined ? FILES.map((name) => resolve(name)).find(exists) : resolve(named);
  if (path === undefined) return undefined;
  if (!exists(path)) throw new AosError("CONFIG_INVALID", `there is no configuration file ${path}`, { details: { path } });
  try {
    const values: unknown = extname(path) === ".json" ? JSON.parse(readFileSync(path, "utf8")) : await importDefault(path);
    if (typeof values !== "object" || values === null || Array.isArray(values)) throw new TypeError("it does not export an object");
    return { path, values: values as Record<string, unknown> };
  } catch (thrown) {
    throw new AosError(
      "CONFIG_INVALID",
      `configuration file ${path} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      { cause: thrown, details: { path } },
    );
  }
}

async function importDefault(path: string): Promise<unknown> {
  const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown; readonly config?: unknown };
  return module.default ?? module.config;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
