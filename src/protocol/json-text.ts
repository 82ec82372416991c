import { isUtf8 } from "node:buffer";
import { AosError } from "../kernel/index.ts";

/** Levels of nesting that a JSON text may have. */
export const JSON_DEPTH_MAX = 200;

/**
 * Reads bytes as UTF-8 JSON of bounded depth.
 * @throws AosError BODY_INVALID.
 */
export function parseJson(bytes: Uint8Array | string, what: string): unknown {
  let text: string;
  if (typeof bytes === "string") text = bytes;
  else if (isUtf8(bytes)) text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  else throw new AosError("BODY_INVALID", `${what} is not valid UTF-8`);
  if (text === "") throw new AosError("BODY_INVALID", `${what} is empty; JSON is expected`);
  if (isDeep(text))
    throw new AosError("BODY_INVALID", `${what} is nested deeper than ${JSON_DEPTH_MAX} levels`, {
      details: { limit: JSON_DEPTH_MAX },
    });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AosError("BODY_INVALID", `${what} is not valid JSON: ${cause instanceof Error ? cause.message.slice(0, 200) : ""}`, {
      cause,
    });
  }
}

/** Whether a text opens more levels than are allowed; brackets inside strings do not count. */
function isDeep(text: string): boolean {
  // Each level takes a bracket to open it.
  if (text.length <= JSON_DEPTH_MAX) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(text, at + 1);
      if (at < 0) return false;
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      if (++depth > JSON_DEPTH_MAX) return true;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth--;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Where the quote stands that ends a string; -1 where none does. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH && at - 1 - slashes >= from) slashes++;
    if (slashes % 2 === 0) return at;
    at = text.indexOf('"', at + 1);
  }
  return -1;
}

/** The media type of a `Content-Type`, lower case, without parameters; empty where there is none. */
export function mediaTypeOf(header: string | undefined): string {
  if (header === undefined) return "";
  const end = header.indexOf(";");
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

/** Whether a media type is JSON: `application/json`, `text/json` or anything `+json`. */
export function isJsonType(mediaType: string): boolean {
  return mediaType === "application/json" || mediaType === "text/json" || mediaType.endsWith("+json");
}
