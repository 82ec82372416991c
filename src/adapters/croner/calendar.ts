import { Cron, CronPattern } from "croner";
import { AosError, type Calendar } from "../../kernel/index.ts";
import { gapEnd, isTimeZone, wallTime } from "./wall-time.ts";

const KEPT_MAX = 1_000;
const EXPRESSION_MAX = 256;
/** Where `validate` begins to look for a first occurrence: any instant does, as the Gregorian calendar repeats after 400 years. */
const ORIGIN = Date.UTC(2024, 0, 1);

interface Compiled {
  readonly inZone: Cron;
  /** The same expression over wall times taken as UTC; only for fixed times. */
  readonly onWall: Cron | undefined;
}

/**
 * The calendar on croner. Fields are `minute hour day month weekday`, or six with seconds first; `L`, `W`, `#`, names and `@daily` style nicknames
 * are croner's. A day of month and a weekday together mean either; `+` before the weekday means both.
 */
export class CronerCalendar implements Calendar {
  readonly #compiled = new Map<string, Compiled>();

  next(expression: string, timeZone: string, after: number): number | undefined {
    const { inZone, onWall } = this.#compile(expression, timeZone);
    const found = inZone.nextRun(new Date(after))?.getTime();
    if (found === undefined || onWall === undefined) return found;
    return lostInGap(onWall, timeZone, after, found) ?? found;
  }

  validate(expression: string, timeZone: string): void {
    if (this.next(expression, timeZone, ORIGIN) === undefined) {
      throw new AosError("SCHEDULE_INVALID", `the cron expression ${JSON.stringify(expression)} never occurs`);
    }
  }

  #compile(expression: string, timeZone: string): Compiled {
    const key = `${timeZone}\n${expression}`;
    const kept = this.#compiled.get(key);
    if (kept !== undefined) return kept;
    const compiled = compile(expression, timeZone);
    const oldest = this.#compiled.keys().next().value;
    if (this.#compiled.size >= KEPT_MAX && oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(key, compiled);
    return compiled;
  }
}

/**
 * Croner drops a fixed time in a gap that ends on the next local day: 23:30 in America/Nuuk, where clocks go from 23:00 to 00:00 in March. Every
 * fixed time has to occur, so this finds the first wall time that matches and, where that falls into a gap which ends before what croner found,
 * answers with the gap's end.
 */
function lostInGap(onWall: Cron, timeZone: string, after: number, found: number): number | undefined {
  const last = wallTime(found, timeZone);
  let wall = onWall.nextRun(new Date(wallTime(after, timeZone)))?.getTime();
  while (wall !== undefined && wall < last) {
    const end = gapEnd(wall, timeZone);
    if (end !== undefined && end > after && end < found) return end;
    wall = onWall.nextRun(new Date(wall))?.getTime();
  }
  return undefined;
}

function compile(expression: string, timeZone: string): Compiled {
  if (!isTimeZone(timeZone)) {
    throw new AosError("SCHEDULE_INVALID", `${JSON.stringify(timeZone)} is not a time zone; write an IANA name such as "Europe/London"`);
  }
  // Croner reads a text with a colon as a date that fires once.
  if (expression.includes(":") || expression.length > EXPRESSION_MAX) throw malformed(expression);
  const mode = "5-or-6-parts";
  const fixedTimeRule = "no-wildcard";
  try {
    const { isFixedTime } = new CronPattern(expression, timeZone, { mode, fixedTimeRule });
    return {
      inZone: new Cron(expression, { timezone: timeZone, mode, fixedTimeRule }),
      onWall: isFixedTime ? new Cron(expression, { utcOffset: 0, mode }) : undefined,
    };
  } catch (cause) {
    throw malformed(expression, cause);
  }
}

function malformed(expression: string, cause?: unknown): AosError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new AosError(
    "SCHEDULE_INVALID",
    `${JSON.stringify(expression.slice(0, EXPRESSION_MAX))} is not a cron expression of five or six fields${why}`,
    { cause },
  );
}
