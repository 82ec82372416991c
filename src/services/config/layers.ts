import { type AnyKey, Fault } from "./key.ts";
import type { AnySchema } from "./schema.ts";
import { isReference } from "./secret.ts";
import { suggest } from "./suggest.ts";

/** Where a value came from; a later one overrides an earlier one. */
export type ConfigSource = "default" | "file" | "environment" | "runtime";

/** What is wrong with one value, in which layer. */
export interface ConfigFault {
  readonly key: string;
  readonly source: ConfigSource;
  /** The file or variable, where the layer has one. */
  readonly from?: string | undefined;
  readonly problem: string;
  readonly suggestion?: string | undefined;
}

/** A value that one layer gave, read but with secrets still as they were written. */
export interface LayerEntry {
  readonly key: string;
  readonly value: unknown;
  readonly source: ConfigSource;
  readonly from?: string | undefined;
}

/** What a layer holds: values that are well formed, and the faults of all others. */
export interface Layer {
  readonly entries: readonly LayerEntry[];
  readonly faults: readonly ConfigFault[];
}

const DEPTH_MAX = 8;
const ENTRIES_MAX = 1_000;
const NAME_SHOWN_MAX = 100;

/** Reads nested or dotted values, as a file or the caller gives them; `undefined` is absent. `alsoKnown` names are only suggested. */
export function readValues(
  schema: AnySchema,
  source: "file" | "runtime",
  values: unknown,
  from?: string,
  alsoKnown: readonly string[] = [],
): Layer {
  const entries = new Map<string, LayerEntry>();
  const faults: ConfigFault[] = [];
  const fault = (key: string, problem: string, suggestion?: string): void => {
    faults.push({ key: key.slice(0, NAME_SHOWN_MAX), source, from, problem, suggestion });
  };
  const take = (key: string, row: AnyKey, raw: unknown): void => {
    if (entries.has(key)) return fault(key, "is given twice");
    const isLiteral = typeof raw === "string" && !isReference(raw);
    if (row.type === "secret" && source === "file" && isLiteral) {
      return fault(key, "is a secret; a file holds a reference such as env:NAME or file:/path");
    }
    const value = attempt(
      () => row.read(raw, false),
      (problem) => fault(key, problem),
    );
    if (value !== undefined) entries.set(key, { key, value, source, from });
  };
  const walk = (prefix: string, node: object, depth: number): void => {
    for (const [name, raw] of Object.entries(node)) {
      const key = prefix + name;
      const row = schema.keys.get(key);
      if (raw === undefined) continue;
      if (faults.length + entries.size > ENTRIES_MAX) return;
      if (row !== undefined) take(key, row, raw);
      else if (isObject(raw) && depth < DEPTH_MAX) walk(`${key}.`, raw, depth + 1);
      else fault(key, "is not a known key", suggest(key, [...alsoKnown, ...schema.keys.keys()]));
    }
  };
  if (isObject(values)) walk("", values, 1);
  else fault("", "is not an object of keys and values");
  return { entries: [...entries.values()], faults };
}

/** Reads environment variables: those of the table, and any other with the prefix as a fault; an empty one is absent. */
export function readEnvironment(schema: AnySchema, variables: Readonly<Record<string, string | undefined>>): Layer {
  const entries: LayerEntry[] = [];
  const faults: ConfigFault[] = [];
  for (const [variable, raw] of Object.entries(variables)) {
    if (raw === undefined || raw === "") continue;
    const key = schema.variables.get(variable);
    const row = key === undefined ? undefined : schema.keys.get(key);
    const place = { source: "environment", from: variable } as const;
    if (key !== undefined && row !== undefined) {
      const value = attempt(
        () => row.read(raw, true),
        (problem) => faults.push({ key, ...place, problem }),
      );
      if (value !== undefined) entries.push({ key, value, ...place });
    } else if (variable.startsWith(schema.prefix) && !isForeign(schema, variable)) {
      const suggestion = suggest(variable, [...schema.variables.keys()]);
      faults.push({ key: variable, ...place, problem: "is not a known variable", suggestion });
    }
  }
  return { entries, faults };
}

function isForeign(schema: AnySchema, variable: string): boolean {
  return schema.foreign.some((name) => (name.endsWith("*") ? variable.startsWith(name.slice(0, -1)) : variable === name));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function attempt<Value>(read: () => Value, refuse: (problem: string) => void): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    refuse(error.message);
    return undefined;
  }
}
