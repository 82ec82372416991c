/**
 * The kernel. This door names what schedules, duration and errors export; the whole door comes with the kernel.
 */
export type { Calendar } from "./calendar.ts";
export { DURATION_MAX_MS, type Duration, formatDuration, parseDuration } from "./duration.ts";
export { AosError, type AosErrorCode, isAosError } from "./errors.ts";
export { type DueLimits, type DueTicks, dueOccurrences } from "./misfire.ts";
export {
  cron,
  type CronOptions,
  type CronSchedule,
  every,
  type EveryOptions,
  type EverySchedule,
  jitterOf,
  type MissedPolicy,
  nextOccurrence,
  overlapDecision,
  type OverlapDecision,
  type OverlapPolicy,
  preview,
  type ScheduleOptions,
  type ScheduleSpec,
  validateSchedule,
} from "./schedule.ts";
