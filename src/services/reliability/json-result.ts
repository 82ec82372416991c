import { AosError } from "../../kernel/index.ts";

const DEPTH_MAX = 100;

/**
 * Writes a value as JSON if it comes back equal; `undefined` stays undefined at the top.
 * @throws AosError NOT_JSON with the path of what JSON cannot carry, PAYLOAD_TOO_LARGE past the limit of UTF-8 bytes.
 */
export function toJsonText(value: unknown, bytesMax: number): string | undefined {
  if (value === undefined) return undefined;
  check(value, "$", 0);
  const text = JSON.stringify(value);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > bytesMax)
    throw new AosError("PAYLOAD_TOO_LARGE", `the result has ${bytes} bytes of at most ${bytesMax}`, {
      details: { bytes, bytesMax },
    });
  return text;
}

function check(value: unknown, path: string, depth: number): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (typeof value !== "object") refuse(path, typeof value === "number" ? `${value}` : typeof value);
  if (depth >= DEPTH_MAX) refuse(path, `nesting deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) {
    // By index, for `entries` would not show a hole.
    for (let n = 0; n < value.length; n++) check(value[n], `${path}[${n}]`, depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse(path, className(value));
  for (const [key, member] of Object.entries(value)) {
    // A member that is undefined is left out by JSON, which is how optional fields are written.
    if (member !== undefined) check(member, `${path}.${key}`, depth + 1);
  }
}

function className(value: object): string {
  return `an instance of ${value.constructor?.name ?? "a class"}`;
}

function refuse(path: string, what: string): never {
  throw new AosError("NOT_JSON", `the result is not JSON: ${what} at ${path}`, {
    details: { path },
  });
}
