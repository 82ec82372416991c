const SECOND_MS = 1_000;
/** Further than any gap is wide: the widest, in Pacific/Apia in 2011, took a whole day. */
const FAR_MS = 36 * 3_600_000;
const FORMATS_MAX = 700;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether a text names a time zone of the IANA database; offsets such as `+02:00` are not names. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/.test(name)) return false;
  try {
    formatIn(name);
    return true;
  } catch {
    return false;
  }
}

/** What a clock on the wall of a zone shows at an instant, to the second, written as if it were UTC (epoch ms). */
export function wallTime(at: number, timeZone: string): number {
  const fields = new Map<string, number>();
  for (const { type, value } of formatIn(timeZone).formatToParts(at)) {
    fields.set(type, Number(value));
  }
  const field = (name: string): number => fields.get(name) ?? 0;
  return Date.UTC(field("year"), field("month") - 1, field("day"), field("hour"), field("minute"), field("second"));
}

/** The first instant after the gap into which a wall time falls; `undefined` where that wall time exists. */
export function gapEnd(wall: number, timeZone: string): number | undefined {
  const offsetAt = (at: number): number => wallTime(at, timeZone) - at;
  const before = wall - offsetAt(wall - FAR_MS);
  const after = wall - offsetAt(wall + FAR_MS);
  if (wallTime(before, timeZone) === wall || wallTime(after, timeZone) === wall) return undefined;
  // The clocks jump between the two readings of this wall time: below the jump they show less than it, above it more.
  let low = Math.min(before, after);
  let high = Math.max(before, after);
  while (high - low > SECOND_MS) {
    const middle = low + Math.floor((high - low) / (2 * SECOND_MS)) * SECOND_MS;
    if (wallTime(middle, timeZone) < wall) low = middle;
    else high = middle;
  }
  return high;
}

function formatIn(timeZone: string): Intl.DateTimeFormat {
  const kept = formats.get(timeZone);
  if (kept !== undefined) return kept;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (formats.size < FORMATS_MAX) formats.set(timeZone, format);
  return format;
}
