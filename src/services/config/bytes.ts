import { AosError } from "../../kernel/index.ts";

const UNITS: readonly (readonly [unit: string, size: number])[] = [
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
  ["B", 1],
];

/**
 * Reads a size into whole bytes: `"64KiB"`, `"1MiB"`, `"2GiB"`, `"512B"`, or a number of bytes.
 * @throws AosError CONFIG_INVALID where it is malformed, negative, fractional or past 2^53.
 */
export function parseBytes(input: string | number): number {
  const [, digits, unit] = /^(\d{1,16})([KMG]iB|B)$/.exec(String(input)) ?? [];
  const size = UNITS.find(([name]) => name === unit)?.[1] ?? NaN;
  const value = typeof input === "number" ? input : Number(digits) * size;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new AosError("CONFIG_INVALID", `${JSON.stringify(input)} is not a size; write a whole number with B, KiB, MiB or GiB`);
  }
  return value;
}

/** Writes whole bytes in the largest unit that divides them, so that `parseBytes` reads them back. */
export function formatBytes(value: number): string {
  const [unit, size] = UNITS.find(([, each]) => value > 0 && value % each === 0) ?? ["B", 1];
  return `${value / size}${unit}`;
}
