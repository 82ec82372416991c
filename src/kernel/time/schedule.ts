import type { Calendar } from "./calendar.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { AosError } from "../errors.ts";

/** What becomes of ticks that were missed, by downtime or a clock's jump: none fires, the newest fires, or each fires. */
export type MissedPolicy = "skip" | "once" | "all";

/** What a tick does while the work of an earlier one still runs: nothing, wait for it, or abort it. */
export type OverlapPolicy = "skip" | "queue" | "cancel";

interface SchedulePolicies {
  readonly missed: MissedPolicy;
  /** How far back missed ticks are caught up, in milliseconds; older ones never fire. */
  readonly windowMs: number;
  readonly overlap: OverlapPolicy;
  /** Each tick is delayed by less than this, in milliseconds, so that many agents do not wake at once. */
  readonly jitterMs: number;
}

/** A schedule by cron expression in a time zone. */
export interface CronSchedule extends SchedulePolicies {
  readonly kind: "cron";
  readonly expression: string;
  readonly tz: string;
}

/** A schedule by interval: `anchorAt` plus every multiple of `everyMs`, before and after it. Time zones do not touch it. */
export interface EverySchedule extends SchedulePolicies {
  readonly kind: "every";
  readonly everyMs: number;
  readonly anchorAt: number;
}

/** When an agent is woken by the clock: plain JSON, so that it can be stored and compared. */
export type ScheduleSpec = CronSchedule | EverySchedule;

/** Policies of a schedule as its author writes them. */
export interface ScheduleOptions {
  /** Default `"once"`. */
  readonly missed?: MissedPolicy | undefined;
  /** Default `"1h"`. */
  readonly window?: Duration | undefined;
  /** Default `"skip"`. */
  readonly overlap?: OverlapPolicy | undefined;
  /** Default none; at most a day, and shorter than the interval of `every`. */
  readonly jitter?: Duration | undefined;
}

/** Policies of a cron schedule, and its zone. */
export interface CronOptions extends ScheduleOptions {
  /** An IANA time zone name. Default `"UTC"`. */
  readonly tz?: string | undefined;
}

/** Policies of an interval, and its phase. */
export interface EveryOptions extends ScheduleOptions {
  /** An instant (epoch ms) that is a tick, which fixes all others; it does not start the schedule. Default 0. */
  readonly anchor?: number | undefined;
}

const MISSED: readonly MissedPolicy[] = ["skip", "once", "all"];
const OVERLAP: readonly OverlapPolicy[] = ["skip", "queue", "cancel"];
const EXPRESSION_MAX = 256;
const EVERY_MIN_MS = 10;
const JITTER_MAX_MS = 86_400_000;
const INVALID = "SCHEDULE_INVALID";

/**
 * Describes a schedule by a cron expression of five fields, or six with seconds first; `validateSchedule` checks it against a calendar.
 * @throws AosError SCHEDULE_INVALID where an option is malformed.
 */
export function cron(expression: string, options: CronOptions = {}): CronSchedule {
  if (typeof expression !== "string" || expression.trim() === "") {
    throw new AosError(INVALID, "a cron expression is a text of five or six fields");
  }
  if (expression.length > EXPRESSION_MAX) {
    throw new AosError(INVALID, `a cron expression has at most ${EXPRESSION_MAX} characters`);
  }
  const tz = options.tz ?? "UTC";
  if (typeof tz !== "string" || tz === "") {
    throw new AosError(INVALID, 'a time zone is an IANA name such as "Europe/London"');
  }
  return { kind: "cron", expression: expression.trim(), tz, ...policies(options) };
}

/**
 * Describes a schedule that ticks at a fixed interval, from 10 ms; it does not drift.
 * @throws AosError SCHEDULE_INVALID where the interval or an option is malformed.
 */
export function every(interval: Duration, options: EveryOptions = {}): EverySchedule {
  const everyMs = parseDuration(interval, INVALID);
  const anchorAt = options.anchor ?? 0;
  if (everyMs < EVERY_MIN_MS) {
    throw new AosError(INVALID, `an interval is at least ${EVERY_MIN_MS} ms`);
  }
  if (!Number.isSafeInteger(anchorAt)) {
    throw new AosError(INVALID, "an anchor is an instant in whole epoch milliseconds");
  }
  const spec: EverySchedule = { kind: "every", everyMs, anchorAt, ...policies(options) };
  if (spec.jitterMs >= everyMs) {
    throw new AosError(INVALID, "the jitter of an interval is shorter than the interval");
  }
  return spec;
}

/**
 * Checks that a schedule's expression and zone are real and that it ever ticks.
 * @throws AosError SCHEDULE_INVALID otherwise.
 */
export function validateSchedule(spec: ScheduleSpec, calendar: Calendar): void {
  if (spec.kind === "cron") calendar.validate(spec.expression, spec.tz);
}

/** The first tick strictly after an instant (epoch ms), without jitter; `undefined` where there is none ever again. */
export function nextOccurrence(spec: ScheduleSpec, after: number, calendar: Calendar): number | undefined {
  if (spec.kind === "cron") return calendar.next(spec.expression, spec.tz, after);
  const { everyMs, anchorAt } = spec;
  return anchorAt + (Math.floor((after - anchorAt) / everyMs) + 1) * everyMs;
}

/** The next ticks after an instant, without jitter, at most `count` (up to 1,000). */
export function preview(spec: ScheduleSpec, from: number, count: number, calendar: Calendar): readonly number[] {
  const ticks: number[] = [];
  let at = nextOccurrence(spec, from, calendar);
  while (at !== undefined && ticks.length < Math.min(count, 1_000)) {
    ticks.push(at);
    at = nextOccurrence(spec, at, calendar);
  }
  return ticks;
}

/**
 * The delay of one tick, in whole milliseconds from 0 to below `jitterMs`: the same for the same seed text and tick, on every node and after a restart.
 * `hash01` maps a text evenly into [0, 1).
 */
export function jitterOf(spec: ScheduleSpec, occurrence: number, seedText: string, hash01: (text: string) => number): number {
  if (spec.jitterMs === 0) return 0;
  return Math.floor(hash01(`${seedText}|${occurrence}`) * spec.jitterMs);
}

/** What a tick does now. */
export type OverlapDecision = "run" | OverlapPolicy;

/** Decides what a tick does, given since when (epoch ms) the work of an earlier tick runs; `undefined` where none does. */
export function overlapDecision(spec: ScheduleSpec, runningSince: number | undefined): OverlapDecision {
  return runningSince === undefined ? "run" : spec.overlap;
}

function policies(options: ScheduleOptions): SchedulePolicies {
  const missed = options.missed ?? "once";
  const overlap = options.overlap ?? "skip";
  if (!MISSED.includes(missed)) {
    throw new AosError(INVALID, `missed is one of ${MISSED.join(", ")}`);
  }
  if (!OVERLAP.includes(overlap)) {
    throw new AosError(INVALID, `overlap is one of ${OVERLAP.join(", ")}`);
  }
  const jitterMs = parseDuration(options.jitter ?? 0, INVALID);
  if (jitterMs > JITTER_MAX_MS) throw new AosError(INVALID, "a jitter is at most a day");
  return { missed, windowMs: parseDuration(options.window ?? "1h", INVALID), overlap, jitterMs };
}
