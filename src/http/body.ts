import type { IncomingMessage, ServerResponse } from "node:http";
import { AosError } from "../kernel/index.ts";

/** How long a peer may go on sending a body that was refused. */
const LINGER_MS = 5_000;
const EMPTY = Buffer.alloc(0);

/**
 * Reads a whole body within its limits; one that says it is too large is refused before it is read.
 * @throws AosError BODY_TOO_LARGE, REQUEST_TIMEOUT, BODY_INVALID where the peer broke off.
 */
export function readBody(request: IncomingMessage, response: ServerResponse, bytesMax: number, timeoutMs: number): Promise<Buffer> {
  const length = request.headers["content-length"];
  if (length === undefined ? request.headers["transfer-encoding"] === undefined : length === "0") return Promise.resolve(EMPTY);
  if (length !== undefined && Number(length) > bytesMax) return Promise.reject(tooLarge(request, bytesMax));
  if (request.headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let chunks: Buffer[] | undefined;
    let size = 0;
    const fail = (error: AosError): void => {
      clearTimeout(timer);
      request.removeListener("data", take);
      reject(error);
    };
    const timer = setTimeout(() => {
      linger(request, 0);
      fail(
        new AosError("REQUEST_TIMEOUT", `the body did not arrive within ${timeoutMs} ms`, {
          details: { timeoutMs },
        }),
      );
    }, timeoutMs);
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bytesMax) return fail(tooLarge(request, bytesMax));
      if (first === undefined) first = chunk;
      else (chunks ??= [first]).push(chunk);
    };
    request.on("data", take);
    request.once("end", () => {
      clearTimeout(timer);
      resolve(chunks === undefined ? (first ?? EMPTY) : Buffer.concat(chunks, size));
    });
    request.once("error", () => fail(new AosError("BODY_INVALID", "the connection broke off before the body had arrived")));
  });
}

function tooLarge(request: IncomingMessage, bytesMax: number): AosError {
  linger(request, LINGER_MS);
  return new AosError("BODY_TOO_LARGE", `the body is larger than ${bytesMax} bytes`, {
    details: { bytesMax },
  });
}

/** Discards what still comes for a while, so that the peer can read the answer; then ends the connection. */
function linger(request: IncomingMessage, ms: number): void {
  request.resume();
  setTimeout(() => {
    if (!request.complete) request.socket.destroySoon();
  }, ms + 100).unref();
}
