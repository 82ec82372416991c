/** An operation of a JSON Patch; `was` is an addition for people, which RFC 6902 tells appliers to ignore. @see RFC 6902 */
export interface PatchOp {
  readonly op: "add" | "remove" | "replace";
  /** JSON Pointer. */
  readonly path: string;
  readonly value?: unknown;
  readonly was?: unknown;
}

/** The operations that make one JSON value the other, in the order in which they are to be applied. */
export function jsonPatch(was: unknown, now: unknown): readonly PatchOp[] {
  const ops: PatchOp[] = [];
  compare(was, now, "", ops);
  return ops;
}

function compare(was: unknown, now: unknown, path: string, ops: PatchOp[]): void {
  if (was === now) return;
  if (Array.isArray(was) && Array.isArray(now)) compareLists(was, now, path, ops);
  else if (isRecord(was) && isRecord(now)) compareRecords(was, now, path, ops);
  else ops.push({ op: "replace", path, value: now, was });
}

function compareRecords(
  was: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
  path: string,
  ops: PatchOp[],
): void {
  for (const key of Object.keys(was)) {
    const place = `${path}/${escaped(key)}`;
    if (!Object.hasOwn(now, key)) ops.push({ op: "remove", path: place, was: was[key] });
    else compare(was[key], now[key], place, ops);
  }
  for (const key of Object.keys(now))
    if (!Object.hasOwn(was, key)) ops.push({ op: "add", path: `${path}/${escaped(key)}`, value: now[key] });
}

/** What both ends share stays; what lies between is compared by place. */
function compareLists(was: readonly unknown[], now: readonly unknown[], path: string, ops: PatchOp[]): void {
  const shorter = Math.min(was.length, now.length);
  let first = 0;
  while (first < shorter && isSame(was[first], now[first])) first++;
  let last = 0;
  while (last < shorter - first && isSame(was[was.length - 1 - last], now[now.length - 1 - last])) last++;
  const [wasEnd, nowEnd] = [was.length - last, now.length - last];
  const both = Math.min(wasEnd, nowEnd);
  for (let at = first; at < both; at++) compare(was[at], now[at], `${path}/${at}`, ops);
  for (let at = wasEnd - 1; at >= both; at--) ops.push({ op: "remove", path: `${path}/${at}`, was: was[at] });
  for (let at = both; at < nowEnd; at++) ops.push({ op: "add", path: `${path}/${at}`, value: now[at] });
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
