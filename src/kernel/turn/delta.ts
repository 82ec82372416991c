/**
 * How a journal row keeps a state: the whole text (`=` and the text); the whole text before it, and the difference from
 * that (`~`, how long the text is, `|`, the text, the difference); or the difference from the one before:
 * `prefix,suffix[,inserted,from,length]…|text`. The new state is the first `prefix` units of the old one, then for each
 * triple `inserted` units of the text after the bar and `length` units of the old state from `from`, then what is left
 * of the text, then the last `suffix` units of the old state. Units are UTF-16 code units of the JSON text.
 */
const PROBE = 24;
/** How far a probe moves on when it finds nothing, and how often. */
const STRIDE = 12;
const PROBES_MAX = 8;
const COPIES_MAX = 8;

/** Describes `next` against `previous`; whole where that is shorter. */
export function encodeDelta(previous: string, next: string): string {
  const prefix = commonPrefix(previous, next);
  const suffix = commonSuffix(previous, next, Math.min(previous.length, next.length) - prefix);
  const end = next.length - suffix;
  let head = `${prefix},${suffix}`;
  let text = "";
  let at = prefix;
  // What moved within the state, as in a window of the newest entries, stands elsewhere in the old text.
  for (let copies = 0; copies < COPIES_MAX && end - at >= PROBE; copies++) {
    const found = findCopy(previous, next, at, end);
    if (found === undefined) break;
    head += `,${found.start - at},${found.from},${found.length}`;
    text += next.slice(at, found.start);
    at = found.start + found.length;
  }
  text += next.slice(at, end);
  return head.length + text.length + 1 >= next.length ? encodeFull(next) : `${head}|${text}`;
}

function commonPrefix(previous: string, next: string): number {
  const length = runAfter(previous, 0, next, 0, Math.min(previous.length, next.length));
  return isHigh(next, length - 1) ? length - 1 : length;
}

function commonSuffix(previous: string, next: string, longest: number): number {
  const length = runBefore(previous, previous.length, next, next.length, longest);
  return length > 0 && isHigh(next, next.length - length - 1) ? length - 1 : length;
}

/** Pieces shorter than this are compared unit by unit. */
const PIECE_MIN = 16;
const PIECE = 64;

/** How many units are alike from two places on. Longer and longer pieces are compared as a whole: unit by unit costs eight times as much. */
function runAfter(left: string, from: number, right: string, at: number, longest: number): number {
  let length = 0;
  for (let piece = PIECE; piece >= PIECE_MIN;) {
    const end = length + piece;
    if (end <= longest && left.slice(from + length, from + end) === right.slice(at + length, at + end)) {
      length = end;
      piece *= 2;
    } else piece >>= 1;
  }
  while (length < longest && left.charCodeAt(from + length) === right.charCodeAt(at + length)) length++;
  return length;
}

/** How many units before two places are alike. */
function runBefore(left: string, from: number, right: string, at: number, longest: number): number {
  let length = 0;
  for (let piece = PIECE; piece >= PIECE_MIN;) {
    const end = length + piece;
    if (end <= longest && left.slice(from - end, from - length) === right.slice(at - end, at - length)) {
      length = end;
      piece *= 2;
    } else piece >>= 1;
  }
  while (length < longest && left.charCodeAt(from - 1 - length) === right.charCodeAt(at - 1 - length)) length++;
  return length;
}

function findCopy(
  previous: string,
  next: string,
  at: number,
  end: number,
): { readonly start: number; readonly from: number; readonly length: number } | undefined {
  for (let probe = 0; probe < PROBES_MAX; probe++) {
    let start = at + probe * STRIDE;
    if (start + PROBE > end) return undefined;
    let from = previous.indexOf(next.slice(start, start + PROBE));
    if (from < 0) continue;
    while (start > at && from > 0 && previous.charCodeAt(from - 1) === next.charCodeAt(start - 1)) {
      start--;
      from--;
    }
    let length = runAfter(previous, from, next, start, Math.min(end - start, previous.length - from));
    if (isHigh(next, start - 1)) {
      start++;
      from++;
      length--;
    }
    if (isHigh(next, start + length - 1)) length--;
    if (length >= PROBE - 2) return { start, from, length };
  }
  return undefined;
}

/** Whether a cut after this unit would halve a surrogate pair, which UTF-8 cannot store. */
function isHigh(text: string, at: number): boolean {
  return at >= 0 && (text.charCodeAt(at) & 0xfc00) === 0xd800;
}

/** Keeps a state whole. */
export function encodeFull(state: string): string {
  return `=${state}`;
}

/** Keeps a state whole together with the one that followed it: an agent's first, which nobody copied while it slept. */
export function encodeBoth(previous: string, next: string): string {
  return `~${previous.length}|${previous}${encodeDelta(previous, next)}`;
}

/** Whether a delta needs no state before it. */
export function isFull(delta: string): boolean {
  return delta.startsWith("=") || delta.startsWith("~");
}

/** The state before a delta that keeps it; undefined where it does not. */
export function stateBefore(delta: string): string | undefined {
  if (!delta.startsWith("~")) return undefined;
  const from = delta.indexOf("|") + 1;
  return delta.slice(from, from + Number(delta.slice(1, from - 1)));
}

/** The state after a delta. */
export function applyDelta(previous: string, delta: string): string {
  const before = stateBefore(delta);
  if (before !== undefined) return applyDelta(before, delta.slice(delta.indexOf("|") + 1 + before.length));
  if (isFull(delta)) return delta.slice(1);
  const bar = delta.indexOf("|");
  const [prefix = 0, suffix = 0, ...triples] = delta.slice(0, bar).split(",").map(Number);
  let next = previous.slice(0, prefix);
  let read = bar + 1;
  for (let at = 0; at < triples.length; at += 3) {
    const [inserted = 0, from = 0, length = 0] = triples.slice(at, at + 3);
    next += delta.slice(read, read + inserted) + previous.slice(from, from + length);
    read += inserted;
  }
  return next + delta.slice(read) + previous.slice(previous.length - suffix);
}
