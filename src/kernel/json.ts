import { AosError } from "./errors.ts";

const DEPTH_MAX = 200;

/**
 * Refuses what JSON cannot hold faithfully: Date, Map, Set, bigint, NaN, Infinity, functions, symbols, class
 * instances, cycles and more than 200 levels. `undefined` members are absent, as in JSON.
 * @throws AosError NOT_JSON with the JSON Pointer of the fault.
 */
export function assertJson(value: unknown, what: string): void {
  // Only what is refused is looked at with its path.
  if (!isJson(value, 0)) visit(value, what, "", 0);
}

function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      return value === null || (depth < DEPTH_MAX && (Array.isArray(value) ? areJson(value, depth + 1) : isJsonObject(value, depth + 1)));
    case "undefined":
    case "bigint":
    case "function":
    case "symbol":
      return false;
  }
}

function areJson(values: readonly unknown[], depth: number): boolean {
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (typeof value !== "string" && !isJson(value, depth)) return false;
  }
  return true;
}

function isJsonObject(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined && !isJson(member, depth)) return false;
  }
  return true;
}

function visit(value: unknown, what: string, path: string, depth: number): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) refuse(what, path, String(value));
      return;
    case "object":
      if (value !== null) visitObject(value, what, path, depth);
      return;
    case "undefined":
      refuse(what, path, "undefined");
      return;
    case "bigint":
    case "function":
    case "symbol":
      refuse(what, path, `a ${typeof value}`);
  }
}

function visitObject(value: object, what: string, path: string, depth: number): void {
  if (depth >= DEPTH_MAX) refuse(what, path, `nested deeper than ${DEPTH_MAX} levels, or a cycle`);
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) visit(value[at], what, `${path}/${at}`, depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    refuse(what, path, `a ${value.constructor?.name ?? "class instance"}`);
  }
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    const kind = typeof member;
    if (kind === "string" || kind === "boolean" || kind === "undefined") continue;
    visit(member, what, `${path}/${key}`, depth + 1);
  }
}

function refuse(what: string, path: string, found: string): never {
  throw new AosError("NOT_JSON", `${what} holds ${found} at ${path === "" ? "/" : path}, which JSON cannot`, {
    details: { faults: [{ path: path === "" ? "/" : path, message: `found ${found}` }] },
  });
}

/**
 * Serialises a value after `assertJson`.
 * @throws AosError NOT_JSON.
 */
export function toJson(value: unknown, what: string): string {
  assertJson(value, what);
  return JSON.stringify(value);
}

/** The length of a text in UTF-8 bytes, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    // A surrogate pair is two units here and four bytes there; a lone one becomes U+FFFD, three bytes.
    const isPair = unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
    bytes += unit < 0x800 ? 1 : 2;
    if (isPair) at++;
  }
  return bytes;
}

/**
 * The canonical form of a JSON value, for hashing only.
 * @see RFC 8785 (JCS)
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

/** Freezes a JSON value and all that it holds. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

/** A fast 53-bit digest (cyrb53) to tell payloads apart; not for security. */
export function digest53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
