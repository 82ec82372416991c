import { AosError } from "../../kernel/index.ts";
import type { AnyKey } from "./key.ts";

/** A table of keys: dotted names and their rows. */
export type ConfigTable = Readonly<Record<string, AnyKey>>;

/** A checked table, and which environment variables belong to it. */
export interface ConfigSchema<Table extends ConfigTable> extends AnySchema {
  readonly table: Table;
}

/** A checked table whose types are not known here. */
export interface AnySchema {
  readonly keys: ReadonlyMap<string, AnyKey>;
  /** Variable → key. */
  readonly variables: ReadonlyMap<string, string>;
  /** Variables that begin so and are not known are faults. */
  readonly prefix: string;
  /** Variables with the prefix that belong to others; a trailing `*` stands for any ending. */
  readonly foreign: readonly string[];
}

const NAME = /^[a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*)*$/;

/**
 * Makes one table of keys the truth about a configuration: names, types, defaults, bounds, variables, words.
 * @throws AosError CONFIG_INVALID where the table contradicts itself.
 */
export function defineConfig<const Table extends ConfigTable>(
  table: Table,
  environment: { readonly prefix: string; readonly foreign?: readonly string[] },
): ConfigSchema<Table> {
  const keys = new Map<string, AnyKey>(Object.entries(table));
  const variables = new Map<string, string>();
  for (const [key, row] of keys) {
    if (!NAME.test(key)) throw wrongTable(key, "is not a dotted name");
    const parent = [...keys.keys()].find((other) => key.startsWith(`${other}.`));
    if (parent !== undefined) throw wrongTable(key, `lies inside the key ${parent}`);
    if (row.default !== undefined) row.read(row.default, false);
    const variable = row.env ?? environment.prefix + upperSnake(key);
    if (variables.has(variable)) throw wrongTable(key, `shares the variable ${variable}`);
    variables.set(variable, key);
  }
  return { table, keys, variables, prefix: environment.prefix, foreign: environment.foreign ?? [] };
}

/** `turn.deadlineMs` → `TURN_DEADLINE_MS`. */
function upperSnake(key: string): string {
  return key
    .replaceAll(".", "_")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toUpperCase();
}

function wrongTable(key: string, problem: string): AosError {
  return new AosError("CONFIG_INVALID", `the configuration table is wrong: ${key} ${problem}`);
}
