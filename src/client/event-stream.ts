/**
 * One message of a server-sent event stream.
 * @see HTML Living Standard, section 9.2
 */
export interface StreamMessage {
  /** The last id seen so far. */
  readonly id: string;
  readonly event: string;
  /** Undefined where only the id moved on. */
  readonly data: string | undefined;
}

/** More characters than this without a line's end are no event stream. */
const LINE_MAX = 64 * 1_048_576;

/** Reads a body as server-sent events; comments and unknown fields are skipped, an unfinished message at the end too. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamMessage> {
  let id = "";
  let told = "";
  let event = "";
  let data: string[] = [];
  for await (const line of lines(body)) {
    if (line === "") {
      const text = data.length > 0 ? data.join("\n") : undefined;
      if (text !== undefined || id !== told) yield { id, event: event || "message", data: text };
      told = id;
      event = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "event") event = value;
    else if (field === "data") data.push(value);
  }
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    // A "\r" at the very end may be half of "\r\n".
    const parts = rest.split(/\r\n|\n|\r(?!$)/);
    rest = parts.pop() ?? "";
    if (rest.length > LINE_MAX) throw new RangeError("a line of the stream is too long");
    yield* parts;
  }
}
