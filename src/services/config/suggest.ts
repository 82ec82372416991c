/** Longer names are no slip of the pen, and the comparison's cost grows with their length. */
const WRONG_MAX = 100;

/** The known name that is nearest to a wrong one, or `undefined` where none is near enough to be meant. */
export function suggest(wrong: string, known: readonly string[]): string | undefined {
  if (wrong.length > WRONG_MAX) return undefined;
  const bound = Math.max(2, Math.floor(wrong.length / 3));
  let best: string | undefined;
  let least = bound + 1;
  for (const name of known) {
    const last = name.slice(name.lastIndexOf(".") + 1);
    // "port" means "http.port" more than any name of four other letters.
    const far = Math.min(distance(wrong, name), last === wrong ? 1 : Infinity);
    if (far < least) [best, least] = [name, far];
  }
  return best;
}

/** Levenshtein's distance, ignoring case. */
function distance(left: string, right: string): number {
  const [a, b] = [left.toLowerCase(), right.toLowerCase()];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      line.push(Math.min((above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1, (above[column - 1] ?? 0) + same));
    }
    above = line;
  }
  return above[b.length] ?? 0;
}
