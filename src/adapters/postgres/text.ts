/*
 * PostgreSQL's text holds every character but U+0000. It is written as U+0001 U+0001, and U+0001 as U+0001 U+0002: what
 * has neither, nearly everything, stays as it is, equal texts stay equal, and the order of the bytes stays the same.
 */

/** A text as PostgreSQL can hold it. */
export function encodeText(text: string): string {
  if (!text.includes("\u0000") && !text.includes("\u0001")) return text;
  return text.replaceAll("\u0001", "\u0001\u0002").replaceAll("\u0000", "\u0001\u0001");
}

/** The text that `encodeText` was given. */
export function decodeText(stored: string): string {
  if (!stored.includes("\u0001")) return stored;
  // oxlint-disable-next-line no-control-regex -- the two are what is written for what cannot be
  return stored.replaceAll(/\u0001([\u0001\u0002])/g, (_, mark: string) => (mark === "\u0001" ? "\u0000" : "\u0001"));
}
