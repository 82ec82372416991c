import { readFileSync } from "node:fs";
import { usageError } from "./failure.ts";
import type { Io } from "./io.ts";
import { faultPosition } from "./json-fault.ts";

const TYPE = /^[a-z][a-z0-9-]{0,62}$/;
const ID = /^[A-Za-z0-9._~-]{1,128}$/;
const DURATION = /^(?:\d+(?:ms|[wdhms]))+$/;

/** Reads `TYPE/ID`; a tenant in front is allowed. */
export function readAddress(given: string): string {
  const parts = given.split("/");
  const [type = "", id = ""] = parts.slice(-2);
  if (parts.length < 2 || parts.length > 3 || !TYPE.test(type) || !ID.test(id)) {
    throw usageError(`"${given.slice(0, 80)}" is not TYPE/ID, such as cfo/main`);
  }
  return given;
}

/** Joins TYPE and ID as two arguments give them. */
export function joinAddress(type: string, id: string): string {
  return readAddress(`${type}/${id}`);
}

/** Reads a whole number. */
export function readInteger(what: string, min: number, max: number): (given: string) => number {
  return (given) => {
    const value = Number(given);
    if (!/^\d+$/.test(given) || value < min || value > max) {
      throw usageError(`${what} "${given.slice(0, 40)}" is not a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

/** Reads a duration such as `5m` or `1h30m`, leaving it as it is written. */
export function readDuration(given: string): string {
  if (!DURATION.test(given)) {
    throw usageError(`"${given.slice(0, 40)}" is not a duration; write 500ms, 5m or 1h30m`);
  }
  return given;
}

/** Milliseconds of a duration that `readDuration` took. */
export function durationMs(duration: string): number {
  const units: Readonly<Record<string, number>> = {
    ms: 1,
    s: 1_000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
    w: 604_800_000,
  };
  return [...duration.matchAll(/(\d+)(ms|[wdhms])/g)].reduce((sum, [, digits, unit = ""]) => sum + Number(digits) * (units[unit] ?? 0), 0);
}

/** Reads a JSON argument: the text itself, `@file`, or `-` for stdin; undefined where it was left out. */
export async function readJson(given: string | undefined, what: string, io: Pick<Io, "read">): Promise<unknown> {
  if (given === undefined) return undefined;
  if (given === "-") return parseJson(await io.read(), `${what} from stdin`);
  if (given.startsWith("@")) return parseJson(readText(given.slice(1)), `${what} in ${given.slice(1)}`);
  return parseJson(given, what);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw usageError(`cannot read ${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw usageError(`${what} is not JSON: ${describeFault(text)}`);
  }
}

function describeFault(text: string): string {
  const at = faultPosition(text);
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - (before.lastIndexOf("\n") + 1) + 1;
  const found = at >= text.length ? "it ends too early" : `unexpected ${JSON.stringify(text[at])}`;
  return `${found} at position ${at}${line > 1 ? ` (line ${line}, column ${column})` : ""}`;
}
