/** An operation of a JSON Patch; `was` is an addition for people, which RFC 6902 tells appliers to ignore. @see RFC 6902 */
export interface PatchOp {
  readonly op: "add" | "remove" | "replace";
  /** JSON Pointer. */
  readonly path: string;
  readonly value?: unknown;
  readonly was?: unknown;
}

/** Two values that are still to be compared. */
interface Pair {
  readonly was: unknown;
  readonly now: unknown;
  readonly path: string;
}

type Step = PatchOp | Pair;

/** The operations that make one JSON value the other, in the order in which they are to be applied. */
export function jsonPatch(was: unknown, now: unknown): readonly PatchOp[] {
  const ops: PatchOp[] = [];
  const alike = new Alike();
  // A list of what is to be done and no recursion: states may be nested deeper than the stack reaches.
  const open: Step[] = [{ was, now, path: "" }];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if ("op" in step) ops.push(step);
    else for (const each of compare(step, alike).toReversed()) open.push(each);
  }
  return ops;
}

function compare({ was, now, path }: Pair, alike: Alike): readonly Step[] {
  if (was === now) return [];
  if (Array.isArray(was) && Array.isArray(now)) return compareLists(was, now, path, alike);
  if (isRecord(was) && isRecord(now)) return compareRecords(was, now, path);
  return [{ op: "replace", path, value: now, was }];
}

function compareRecords(was: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>, path: string): readonly Step[] {
  const steps: Step[] = [];
  for (const key of Object.keys(was)) {
    const place = `${path}/${escaped(key)}`;
    steps.push(Object.hasOwn(now, key) ? { was: was[key], now: now[key], path: place } : { op: "remove", path: place, was: was[key] });
  }
  for (const key of Object.keys(now))
    if (!Object.hasOwn(was, key)) steps.push({ op: "add", path: `${path}/${escaped(key)}`, value: now[key] });
  return steps;
}

/** What both ends share stays; what lies between is compared by place. */
function compareLists(was: readonly unknown[], now: readonly unknown[], path: string, alike: Alike): readonly Step[] {
  const steps: Step[] = [];
  const shorter = Math.min(was.length, now.length);
  let first = 0;
  while (first < shorter && alike.are(was[first], now[first])) first++;
  let last = 0;
  while (last < shorter - first && alike.are(was[was.length - 1 - last], now[now.length - 1 - last])) last++;
  const [wasEnd, nowEnd] = [was.length - last, now.length - last];
  const both = Math.min(wasEnd, nowEnd);
  for (let at = first; at < both; at++) steps.push({ was: was[at], now: now[at], path: `${path}/${at}` });
  for (let at = wasEnd - 1; at >= both; at--) steps.push({ op: "remove", path: `${path}/${at}`, was: was[at] });
  for (let at = both; at < nowEnd; at++) steps.push({ op: "add", path: `${path}/${at}`, value: now[at] });
  return steps;
}

/** Tells values that are alike. Each list and record is looked at once, so that lists within lists cost no more than their size. */
class Alike {
  readonly #numbers = new Map<string, number>();
  readonly #known = new WeakMap<object, string>();

  are(left: unknown, right: unknown): boolean {
    return left === right || this.#nameOf(left) === this.#nameOf(right);
  }

  /** One name for all values that are alike: a scalar's JSON, a number for the rest. Loops, not callbacks: states may be deep. */
  #nameOf(value: unknown): string {
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    let text = "";
    if (Array.isArray(value)) for (const each of value) text += `${this.#nameOf(each)},`;
    else
      for (const key of Object.keys(value).toSorted())
        text += `${JSON.stringify(key)}:${this.#nameOf((value as Record<string, unknown>)[key])},`;
    const whole = `${Array.isArray(value) ? "[" : "{"}${text}`;
    const number = this.#numbers.get(whole) ?? this.#numbers.size;
    this.#numbers.set(whole, number);
    const name = `#${number}`;
    this.#known.set(value, name);
    return name;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
