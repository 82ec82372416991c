import type { Moment } from "../client/index.ts";

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** Epoch ms of a moment; undefined where there is none. */
function epochMs(moment: Moment | null | undefined): number | undefined {
  if (moment === undefined || moment === null) return undefined;
  const ms = typeof moment === "number" ? moment : Date.parse(moment);
  return Number.isFinite(ms) ? ms : undefined;
}

/** A moment as RFC 3339 in UTC. */
export function rfc3339(moment: Moment): string {
  const ms = epochMs(moment);
  return ms === undefined ? String(moment) : new Date(ms).toISOString();
}

/** A moment as people say it: `3s ago`, `in 2m`, `now`; one unit, rounded down. */
export function relative(moment: Moment | null | undefined, now: number): string | undefined {
  const ms = epochMs(moment);
  if (ms === undefined) return undefined;
  const distance = Math.abs(ms - now);
  const unit = UNITS.find(([, length]) => distance >= length);
  if (unit === undefined) return "now";
  const text = `${Math.floor(distance / unit[1])}${unit[0]}`;
  return ms < now ? `${text} ago` : `in ${text}`;
}

/** A size as people say it: `1.5 MiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let at = 0;
  while (value >= 1_024 && at < units.length - 1) {
    value /= 1_024;
    at += 1;
  }
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}

/** A length of time as people write it: `1h30m`, `250ms`. */
export function span(ms: number): string {
  let rest = ms;
  let text = "";
  for (const [unit, unitMs] of [...UNITS, ["ms", 1] as const]) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text === "" ? "0ms" : text;
}
