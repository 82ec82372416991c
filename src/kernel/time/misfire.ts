import type { Calendar } from "./calendar.ts";
import { nextOccurrence, type ScheduleSpec } from "./schedule.ts";

/** How many ticks one look yields, and what counts as late. */
export interface DueLimits {
  /** The most ticks that fire at once, and the most that are listed as missed; 1 or more. */
  readonly max: number;
  /** A tick this far behind `now`, in milliseconds, is still punctual. Default 60,000. */
  readonly graceMs?: number | undefined;
  /** The jitter of a tick, in milliseconds from 0 to below `spec.jitterMs`: `jitterOf` with a seed. Default none. */
  readonly delayOf?: ((occurrence: number) => number) | undefined;
}

/** What a schedule has to do now. Lists are in rising order; a tick is named by its instant without jitter. */
export interface DueTicks {
  readonly fire: readonly number[];
  /** Ticks that never fire, to be journaled: the newest of them, at most `max`. */
  readonly missed: readonly number[];
  /** Whether older ticks than those listed were missed too. */
  readonly missedMore: boolean;
  /** What to store as the next call's `lastFiredAt`: every tick up to it is settled. */
  readonly settledAt: number;
  /** The next tick to wait for, to which its delay is added; `undefined` where there is none ever again. */
  readonly next: number | undefined;
}

/**
 * Applies the misfire policy to the ticks after `lastFiredAt` that are due by `now` (epoch ms).
 *
 * A punctual tick always fires. A late one is missed: `skip` fires none; `once` fires the newest within the window, unless a punctual tick fires
 * now and stands for it; `all` fires each within the window. Of more than `max` ticks the newest fire. When the clock went back behind
 * `lastFiredAt` nothing fires twice. The work is bounded by `max`, however long the downtime.
 */
export function dueOccurrences(spec: ScheduleSpec, lastFiredAt: number, now: number, calendar: Calendar, limits: DueLimits): DueTicks {
  const { max, graceMs = 60_000, delayOf = () => 0 } = limits;
  const after = (at: number): number | undefined => nextOccurrence(spec, at, calendar);
  const pending = firstPending(spec, lastFiredAt, now, after, delayOf);
  const next = pending ?? after(Math.max(now, lastFiredAt));
  // A tick that still waits for its delay holds back those behind it, so that one watermark describes what is settled.
  const until = pending === undefined ? now : pending - 1;
  const due = newest(after, lastFiredAt, until, max * 2);
  const behind = (tick: number): number => now - tick - delayOf(tick);
  const punctual = due.filter((tick) => behind(tick) <= graceMs);
  const late = due.filter((tick) => behind(tick) > graceMs);
  const fire = [...caughtUp(spec, late, punctual, behind), ...punctual].slice(-max);
  const fired = new Set(fire);
  const missed = due.filter((tick) => !fired.has(tick)).slice(-max);
  const oldest = Math.min(fire[0] ?? Infinity, missed[0] ?? Infinity);
  const first = due.length === 0 ? undefined : after(lastFiredAt);
  return {
    fire,
    missed,
    missedMore: first !== undefined && first < oldest,
    settledAt: due.at(-1) ?? lastFiredAt,
    next,
  };
}

function caughtUp(
  spec: ScheduleSpec,
  late: readonly number[],
  punctual: readonly number[],
  behind: (tick: number) => number,
): readonly number[] {
  const within = late.filter((tick) => behind(tick) <= spec.windowMs);
  if (spec.missed === "all") return within;
  return spec.missed === "skip" || punctual.length > 0 ? [] : within.slice(-1);
}

/** The first tick that is reached but whose delay is not over yet. */
function firstPending(
  spec: ScheduleSpec,
  lastFiredAt: number,
  now: number,
  after: (at: number) => number | undefined,
  delayOf: (tick: number) => number,
): number | undefined {
  if (spec.jitterMs === 0) return undefined;
  let tick = after(Math.max(lastFiredAt, now - spec.jitterMs));
  while (tick !== undefined && tick <= now) {
    if (tick + delayOf(tick) > now) return tick;
    tick = after(tick);
  }
  return undefined;
}

/**
 * The last `count` ticks in (low, high], rising. A calendar only looks forward, so the search walks back in blocks that double while they hold
 * few ticks and halve where they hold too many: it takes some multiples of `count` steps whatever the distance.
 */
function newest(after: (at: number) => number | undefined, low: number, high: number, count: number): readonly number[] {
  let found: number[] = [];
  let end = high;
  let span = count * 1_000;
  while (found.length < count && end > low) {
    const start = Math.max(low, end - span);
    const block = ticksIn(after, start, end, count * 2 + 1);
    if (block.length > count * 2) {
      span = Math.ceil((end - start) / 2);
      continue;
    }
    found = [...block, ...found].slice(-count);
    end = start;
    span *= 2;
  }
  return found;
}

function ticksIn(after: (at: number) => number | undefined, low: number, high: number, most: number): number[] {
  const ticks: number[] = [];
  let tick = after(low);
  while (tick !== undefined && tick <= high && ticks.length < most) {
    ticks.push(tick);
    tick = after(tick);
  }
  return ticks;
}
