import { AosError } from "../../kernel/index.ts";
import type { ConfigType, ValueOf } from "./key.ts";
import { type ConfigFault, type ConfigSource, type Layer, type LayerEntry, readEnvironment, readValues } from "./layers.ts";
import type { AnySchema, ConfigSchema, ConfigTable } from "./schema.ts";
import { resolveSecret, type SecretReaders } from "./secret.ts";

/** The layers above the defaults, each as it was found; a later one overrides an earlier one. */
export interface ConfigLayers {
  readonly file?: { readonly path: string; readonly values: unknown } | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly runtime?: object | undefined;
}

/** One line of `explain`: what is in force, and why. */
export interface ConfigRow {
  readonly key: string;
  readonly type: ConfigType;
  /** JSON; durations in ms, sizes in bytes; secrets and credentials as a placeholder; `null` where there is none. */
  readonly value: unknown;
  /** The value as people read it: `30s`, `1MiB`. */
  readonly text: string;
  readonly source: ConfigSource;
  /** The file or variable that gave the value. */
  readonly from: string | undefined;
  readonly default: unknown;
  /** The environment variable that sets the key. */
  readonly env: string;
  readonly description: string;
}

/** A valid configuration: every key has a value, and every value a source. */
export interface Config<Table extends ConfigTable> {
  get<Key extends keyof Table>(key: Key): ValueOf<Table[Key]>;
  source(key: keyof Table & string): ConfigSource;
  /** A row for each key, in the table's order. */
  explain(): readonly ConfigRow[];
}

/**
 * Lays file, environment and caller's values over the defaults, and resolves references to secrets.
 * @throws AosError CONFIG_INVALID with all faults at once in its message and in `details.faults`.
 */
export function loadConfig<Table extends ConfigTable>(
  schema: ConfigSchema<Table>,
  layers: ConfigLayers = {},
  readers: SecretReaders = {},
): Config<Table> {
  const read: Layer[] = [];
  if (layers.file !== undefined) {
    read.push(readValues(schema, "file", layers.file.values, layers.file.path));
  }
  read.push(readEnvironment(schema, layers.environment ?? {}));
  read.push(readValues(schema, "runtime", layers.runtime ?? {}));
  const faults = read.flatMap((layer) => layer.faults);
  const winners = new Map<string, LayerEntry>();
  for (const entry of read.flatMap((layer) => layer.entries)) winners.set(entry.key, entry);
  for (const [key, row] of schema.keys) {
    const entry = winners.get(key);
    if (row.type !== "secret" || entry === undefined) continue;
    const resolved = resolveSecret(String(entry.value), readers);
    const problem = "problem" in resolved ? resolved.problem : row.checkSecret?.(resolved.secret.reveal());
    if (problem !== undefined) faults.push({ ...placeOf(entry), problem });
    else if ("secret" in resolved) winners.set(key, { ...entry, value: resolved.secret });
  }
  assertValid(faults);
  return configOf(schema, winners);
}

/**
 * Refuses a layer that has faults.
 * @throws AosError CONFIG_INVALID with all faults at once in its message and in `details.faults`.
 */
export function assertValid(faults: readonly ConfigFault[]): void {
  if (faults.length === 0) return;
  const lines = faults.map(({ key, source, from, problem, suggestion }) => {
    const place = from === undefined ? source : from === key ? "environment" : `${source} ${from}`;
    const hint = suggestion === undefined ? "" : `; did you mean ${suggestion}?`;
    return `${key === "" ? "the configuration" : key} (${place}) ${problem}${hint}`;
  });
  throw new AosError("CONFIG_INVALID", lines.join("\n"), { details: { faults } });
}

function configOf<Table extends ConfigTable>(schema: ConfigSchema<Table>, winners: ReadonlyMap<string, LayerEntry>): Config<Table> {
  const valueOf = (key: string): unknown => {
    const row = schema.keys.get(key);
    if (row === undefined) {
      throw new AosError("CONFIG_INVALID", `${key} is not a configuration key`);
    }
    const entry = winners.get(key);
    return entry === undefined ? row.default : entry.value;
  };
  return {
    // The table's rows give each value its type; a map of unknown values cannot carry that.
    get: <Key extends keyof Table>(key: Key) => valueOf(String(key)) as ValueOf<Table[Key]>,
    source: (key) => winners.get(key)?.source ?? "default",
    explain: () => explain(schema, winners, valueOf),
  };
}

function explain(schema: AnySchema, winners: ReadonlyMap<string, LayerEntry>, valueOf: (key: string) => unknown): readonly ConfigRow[] {
  const variables = new Map([...schema.variables].map(([variable, key]) => [key, variable]));
  return [...schema.keys].map(([key, row]) => {
    const value = valueOf(key);
    const text = row.show(value);
    const shown = row.type === "text" || row.type === "secret" ? text : value;
    return {
      key,
      type: row.type,
      value: value === undefined ? null : shown,
      text,
      source: winners.get(key)?.source ?? "default",
      from: winners.get(key)?.from,
      default: row.default ?? null,
      env: variables.get(key) ?? "",
      description: row.description,
    };
  });
}

function placeOf({ key, source, from }: LayerEntry): Omit<ConfigFault, "problem"> {
  return { key, source, from };
}
