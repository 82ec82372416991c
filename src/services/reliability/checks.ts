import { AosError } from "../../kernel/index.ts";

/** The longest wait that any part of this unit accepts: 366 days in ms. */
export const WAIT_MS_MAX = 366 * 24 * 3_600_000;

/**
 * Returns the value if it is a finite number in the range.
 * @throws AosError CONFIG_INVALID naming the setting.
 */
export function numberIn(name: string, value: number, min: number, max: number): number {
  if (!(Number.isFinite(value) && value >= min && value <= max))
    throw new AosError("CONFIG_INVALID", `${name} must be a number from ${min} to ${max}`, {
      details: { name, value, min, max },
    });
  return value;
}

/**
 * Returns the value if it is a whole number in the range.
 * @throws AosError CONFIG_INVALID naming the setting.
 */
export function wholeIn(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value))
    throw new AosError("CONFIG_INVALID", `${name} must be a whole number`, {
      details: { name, value },
    });
  return numberIn(name, value, min, max);
}
