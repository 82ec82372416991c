/** Where two JSON values differ. */
export interface JsonDifference {
  /** JSON Pointer. */
  readonly path: string;
  /** What was there; absent where there was nothing. */
  readonly was?: unknown;
  readonly now?: unknown;
}

const MAX = 20;

/** The first places where two JSON values differ, in the order of the first one's members; at most 20. */
export function jsonDifferences(was: unknown, now: unknown): readonly JsonDifference[] {
  const found: JsonDifference[] = [];
  compare(was, now, "", found);
  return found;
}

function compare(was: unknown, now: unknown, path: string, found: JsonDifference[]): void {
  if (found.length >= MAX || Object.is(was, now)) return;
  if (!isContainer(was) || !isContainer(now) || Array.isArray(was) !== Array.isArray(now)) {
    found.push({ path: path === "" ? "/" : path, was, now });
    return;
  }
  for (const key of new Set([...Object.keys(was), ...Object.keys(now)]))
    compare(was[key], now[key], `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, found);
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
