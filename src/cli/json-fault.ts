const SPACE = /[\t\n\r ]*/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// JSON forbids control characters in a text, and so does this.
// oxlint-disable-next-line eslint/no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
// oxlint-disable-next-line eslint/no-control-regex
const STRING_START = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/**
 * Where a text stops being JSON: the offset of the first character that does not belong, the text's length where it ends too early.
 * `JSON.parse` says so only sometimes, and in words that differ between engines.
 */
export function faultPosition(text: string): number {
  /** The closing brackets that are still to come. */
  const open: ("]" | "}")[] = [];
  let wants: "value" | "key" | "next" = "value";
  /** Whether a bracket has just been opened: it may close at once. */
  let isFirst = false;
  let at = 0;
  for (;;) {
    at = skip(text, at, SPACE);
    const char = text[at];
    const close = open.at(-1);
    if (char !== undefined && char === close && (wants === "next" || isFirst)) {
      open.pop();
      [wants, isFirst] = ["next", false];
      at += 1;
    } else if (wants === "next") {
      if (close === undefined || char !== ",") return at;
      wants = close === "}" ? "key" : "value";
      at += 1;
    } else if (wants === "key") {
      const end = skip(text, at, STRING);
      if (end === at) return skip(text, at, STRING_START);
      at = skip(text, end, SPACE);
      if (text[at] !== ":") return at;
      [wants, isFirst] = ["value", false];
      at += 1;
    } else if (char === "{" || char === "[") {
      open.push(char === "{" ? "}" : "]");
      [wants, isFirst] = [char === "{" ? "key" : "value", true];
      at += 1;
    } else {
      const end = skip(text, at, char === '"' ? STRING : SCALAR);
      if (end === at) return skip(text, at, STRING_START);
      [wants, isFirst] = ["next", false];
      at = end;
    }
  }
}

function skip(text: string, from: number, pattern: RegExp): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}
