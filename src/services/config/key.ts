import { type Duration, formatDuration, isAosError, parseDuration } from "../../kernel/index.ts";
import { formatBytes, parseBytes } from "./bytes.ts";
import { redactConnection, type Secret } from "./secret.ts";

/** How the value of a key is read and shown. */
export type ConfigType = "text" | "choice" | "flag" | "number" | "duration" | "bytes" | "list" | "secret";

/** One row of a configuration table. `Value` is what `get` returns, `Input` what a file or the caller may write. */
export interface ConfigKey<Value, Input> {
  readonly type: ConfigType;
  readonly default: Value;
  readonly description: string;
  /** The environment variable; derived from the key's name where left out. */
  readonly env?: string | undefined;
  /** Reads what a layer gave: a string where it came as text, JSON otherwise; a secret stays as it was written. @throws Fault */
  read(raw: unknown, asText: boolean): unknown;
  /** How a value is shown to people; never a secret. */
  show(value: Value): string;
  /** Checks a secret once its reference is resolved; answers with what is wrong, without the secret. */
  readonly checkSecret?: ((text: string) => string | undefined) | undefined;
  /** Only for inference; absent at run time. */
  readonly input?: Input;
}

/** A row of whatever type. */
export type AnyKey = ConfigKey<unknown, unknown>;

/** What `get` returns for a row. */
export type ValueOf<Key> = Key extends ConfigKey<infer Value, unknown> ? Value : never;

/** What a file or the caller may write for a row. */
export type InputOf<Key> = Key extends ConfigKey<unknown, infer Input> ? Input : never;

/** Why a raw value is refused; carries words, never the value of a secret. */
export class Fault extends Error {}

interface Row<Value> {
  readonly default: Value;
  readonly description: string;
  readonly env?: string | undefined;
}
interface Range {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

const TEXT_MAX = 4_096;
const LIST_MAX = 1_000;

/** A key of free text, at most 4,096 characters. A `connection` is shown without its credentials. */
export function text<Default extends string | undefined>(
  row: Row<Default> & {
    readonly pattern?: RegExp | undefined;
    readonly wanted?: string | undefined;
    readonly connection?: boolean | undefined;
  },
): ConfigKey<Default | string, string> {
  const { pattern, wanted = "a text" } = row;
  return {
    ...rowOf(row),
    type: "text",
    read(raw) {
      const ok = typeof raw === "string" && raw !== "" && raw.length <= TEXT_MAX;
      if (!ok || pattern?.test(raw) === false) throw new Fault(`is not ${wanted}`);
      return raw;
    },
    show: (value) => (value === undefined ? "" : row.connection ? redactConnection(value) : value),
  };
}

/** A key of one word among several. */
export function choice<const Word extends string>(row: Row<Word> & { readonly choices: readonly Word[] }): ConfigKey<Word, Word> {
  return {
    ...rowOf(row),
    type: "choice",
    read(raw) {
      const word = row.choices.find((known) => known === raw);
      if (word === undefined) throw new Fault(`is not one of ${row.choices.join(", ")}`);
      return word;
    },
    show: String,
  };
}

/** A key that is on or off; as text `true`, `false`, `1` or `0`. */
export function flag(row: Row<boolean>): ConfigKey<boolean, boolean> {
  return {
    ...rowOf(row),
    type: "flag",
    read(raw, asText) {
      if (typeof raw === "boolean") return raw;
      if (asText && (raw === "true" || raw === "1")) return true;
      if (asText && (raw === "false" || raw === "0")) return false;
      throw new Fault("is not true or false");
    },
    show: String,
  };
}

/** A key of a whole number. */
export function integer(row: Row<number> & Range): ConfigKey<number, number> {
  return {
    ...rowOf(row),
    type: "number",
    read(raw, asText) {
      const value = asText ? integerFrom(raw) : raw;
      if (typeof value !== "number" || !Number.isSafeInteger(value)) {
        throw new Fault("is not a whole number");
      }
      return within(value, row, String);
    },
    show: String,
  };
}

/** A key of a duration in milliseconds, written `"5m"` or as a number of milliseconds; see `parseDuration`. */
export function duration(row: Row<number> & Range): ConfigKey<number, Duration> {
  return {
    ...rowOf(row),
    type: "duration",
    read: (raw, asText) =>
      within(
        unitAware(raw, asText, (input) => parseDuration(input, "CONFIG_INVALID")),
        row,
        formatDuration,
      ),
    show: formatDuration,
  };
}

/** A key of a size in bytes, written `"64KiB"` or as a number of bytes. */
export function bytes(row: Row<number> & Range): ConfigKey<number, string | number> {
  return {
    ...rowOf(row),
    type: "bytes",
    read: (raw, asText) => within(unitAware(raw, asText, parseBytes), row, formatBytes),
    show: formatBytes,
  };
}

/** A key of several words, each once, at most 1,000; as text separated by commas. */
export function list(
  row: Row<readonly string[]> & { readonly pattern: RegExp; readonly wanted: string },
): ConfigKey<readonly string[], readonly string[]> {
  return {
    ...rowOf(row),
    type: "list",
    read(raw, asText) {
      const parts: unknown = asText && typeof raw === "string" ? raw.split(",").map((part) => part.trim()) : raw;
      if (!Array.isArray(parts) || parts.length > LIST_MAX) throw new Fault(`is not a list of ${row.wanted}`);
      const words = parts.map((part: unknown) => {
        if (typeof part !== "string" || !row.pattern.test(part)) {
          throw new Fault(`is not a list of ${row.wanted}`);
        }
        return part;
      });
      return [...new Set(words)];
    },
    show: (value) => value.join(","),
  };
}

/** A key whose value is never shown: the secret itself, or a reference `env:NAME` or `file:/absolute/path`. A file may only hold references. */
export function secret(
  row: Omit<Row<undefined>, "default"> & {
    readonly check?: ((text: string) => string | undefined) | undefined;
  },
): ConfigKey<Secret | undefined, string> {
  return {
    type: "secret",
    default: undefined,
    description: row.description,
    env: row.env,
    checkSecret: row.check,
    read(raw) {
      const ok = typeof raw === "string" && raw !== "" && raw.length <= TEXT_MAX;
      if (!ok) throw new Fault("is not a text, nor a reference such as env:NAME or file:/path");
      return raw;
    },
    show: (value) => (value === undefined ? "" : value.toString()),
  };
}

function rowOf<Value>(row: Row<Value>): Row<Value> {
  return { default: row.default, description: row.description, env: row.env };
}

function integerFrom(raw: unknown): number | undefined {
  return typeof raw === "string" && /^-?\d{1,16}$/.test(raw) ? Number(raw) : undefined;
}

function unitAware(raw: unknown, asText: boolean, parse: (input: string | number) => number): number {
  const input = asText ? (integerFrom(raw) ?? raw) : raw;
  if (typeof input !== "string" && typeof input !== "number") {
    throw new Fault("is neither a number nor a text with a unit");
  }
  try {
    return parse(input);
  } catch (error) {
    if (!isAosError(error)) throw error;
    throw new Fault(`is refused: ${error.message}`, { cause: error });
  }
}

function within(value: number, { min, max }: Range, show: (value: number) => string): number {
  if (min !== undefined && value < min) throw new Fault(`is below the minimum of ${show(min)}`);
  if (max !== undefined && value > max) throw new Fault(`is above the maximum of ${show(max)}`);
  return value;
}
