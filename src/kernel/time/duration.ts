import { AosError, type AosErrorCode } from "../errors.ts";

/** A length of time as people write it: `"5m"`, `"1h30m"`, `"3d"`, or a number of milliseconds. */
export type Duration = string | number;

/** The longest duration that is accepted, in milliseconds: ten years of 365.25 days, rounded up to a day. */
export const DURATION_MAX_MS = 3_653 * 86_400_000;

/** The larger first. */
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];
const TEXT_MAX = 64;
const SHAPE = /^(?:\d+(?:ms|[wdhms]))+$/;
const PART = /(\d+)(ms|[wdhms])/g;

/**
 * Reads a duration into whole milliseconds, from 0 to `DURATION_MAX_MS`. Units are w, d, h, m, s and ms, the larger first, each once.
 * @throws AosError with `code` where the text is malformed, negative, fractional or too long.
 */
export function parseDuration(input: Duration, code: AosErrorCode = "USAGE"): number {
  const ms = typeof input === "number" ? input : fromText(input);
  if (ms === undefined || !Number.isInteger(ms) || ms < 0) {
    throw new AosError(code, `${shown(input)} is not a duration; write whole numbers with units, such as "500ms", "5m" or "1h30m"`);
  }
  if (ms > DURATION_MAX_MS) {
    throw new AosError(code, `${shown(input)} is longer than the limit of ten years (3653d)`);
  }
  return ms;
}

/** Writes whole milliseconds so that `parseDuration` reads them back: `"1h30m"`, `"250ms"`, `"0ms"`. Weeks are written as days. */
export function formatDuration(ms: number): string {
  let rest = parseDuration(ms);
  let text = "";
  for (const [unit, unitMs] of UNITS.slice(1)) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text === "" ? "0ms" : text;
}

function fromText(text: unknown): number | undefined {
  if (typeof text !== "string" || text.length > TEXT_MAX || !SHAPE.test(text)) return undefined;
  let total = 0;
  let last = -1;
  for (const [, digits, unit] of text.matchAll(PART)) {
    const rank = UNITS.findIndex(([known]) => known === unit);
    // "30m1h" and "1m1m" are refused: they are more often a slip than a wish.
    if (rank <= last) return undefined;
    total += Number(digits) * (UNITS[rank]?.[1] ?? NaN);
    last = rank;
  }
  return total;
}

function shown(input: unknown): string {
  if (typeof input === "string") return JSON.stringify(input.slice(0, TEXT_MAX));
  return typeof input === "number" ? String(input) : `a value of type ${typeof input}`;
}
