/**
 * How a journal row keeps a state: either the whole text (`=` and the text) or the difference from the one before,
 * `prefix,from,length,suffix|inserted`: the new text is the old one's first `prefix` units, then `length` units of it
 * from `from`, then `inserted`, then its last `suffix` units. Units are UTF-16 code units of the JSON text.
 */
const PROBE = 24;

/** Describes `next` against `previous`; whole where that is shorter. */
export function encodeDelta(previous: string, next: string): string {
  const shorter = Math.min(previous.length, next.length);
  let prefix = 0;
  while (prefix < shorter && previous.charCodeAt(prefix) === next.charCodeAt(prefix)) prefix++;
  if (isHigh(next, prefix - 1)) prefix--;
  let suffix = 0;
  while (
    suffix < shorter - prefix &&
    previous.charCodeAt(previous.length - 1 - suffix) === next.charCodeAt(next.length - 1 - suffix)
  ) {
    suffix++;
  }
  if (isHigh(next, next.length - suffix - 1)) suffix--;
  if (suffix < 0) suffix = 0;
  let from = prefix;
  let length = 0;
  const end = next.length - suffix;
  if (end - prefix > PROBE) {
    // A window that moved: what was dropped at its front and added at its end stands elsewhere in the old text.
    const found = previous.indexOf(next.slice(prefix, prefix + PROBE), prefix);
    if (found >= 0) {
      from = found;
      while (
        prefix + length < end &&
        from + length < previous.length &&
        previous.charCodeAt(from + length) === next.charCodeAt(prefix + length)
      ) {
        length++;
      }
      if (isHigh(next, prefix + length - 1)) length--;
    }
  }
  const inserted = next.slice(prefix + length, end);
  return inserted.length + 32 > next.length
    ? encodeFull(next)
    : `${prefix},${from},${length},${suffix}|${inserted}`;
}

/** Whether a cut after this unit would halve a surrogate pair, which UTF-8 cannot store. */
function isHigh(text: string, at: number): boolean {
  return at >= 0 && (text.charCodeAt(at) & 0xfc00) === 0xd800;
}

/** Keeps a state whole. */
export function encodeFull(state: string): string {
  return `=${state}`;
}

/** Whether a delta needs no state before it. */
export function isFull(delta: string): boolean {
  return delta.startsWith("=");
}

/** The state after a delta. */
export function applyDelta(previous: string, delta: string): string {
  if (isFull(delta)) return delta.slice(1);
  const bar = delta.indexOf("|");
  const [prefix = 0, from = 0, length = 0, suffix = 0] = delta.slice(0, bar).split(",").map(Number);
  return (
    previous.slice(0, prefix) +
    previous.slice(from, from + length) +
    delta.slice(bar + 1) +
    previous.slice(previous.length - suffix)
  );
}
