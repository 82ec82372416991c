/**
 * Reads cron expressions against an IANA time zone. It is a pure function of its arguments and of the zone data it ships with.
 *
 * Where clocks change, an implementation keeps these promises. A *fixed* expression has no `*`, `?` or step in seconds, minutes and hours; any
 * other is an *interval*.
 * - A fixed time that does not exist that day (clocks go forward) occurs once, at the first instant after the gap.
 * - A fixed time that exists twice (clocks go back) occurs once, at the first of the two.
 * - An interval occurs whenever the local time matches: `* * * * *` each real minute, through both passes of a repeated hour, and never in a gap.
 */
export interface Calendar {
  /**
   * The first occurrence strictly after `after` (epoch ms), on a whole second; `undefined` where there is none ever again.
   * @throws AosError SCHEDULE_INVALID where the expression or the zone is malformed.
   */
  next(expression: string, timeZone: string, after: number): number | undefined;
  /**
   * Accepts an expression of five fields, or six with seconds first, that occurs at least once, in a zone that is known.
   * @throws AosError SCHEDULE_INVALID otherwise.
   */
  validate(expression: string, timeZone: string): void;
}
