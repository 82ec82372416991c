import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { AosError, isAosError } from "../kernel/index.ts";
import { type ProblemDocument, problemOf, retryAfterSeconds } from "../protocol/index.ts";
import type { HttpLog } from "./system.ts";

/** The media type of problem documents. */
export const PROBLEM_TYPE = "application/problem+json";

/** An error ready to be written. */
export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly document: ProblemDocument;
}

/** Turns whatever was thrown into an answer; what nobody expected is logged and its text kept from the caller. */
export function problemAnswer(thrown: unknown, log: HttpLog): ProblemAnswer {
  const error = expected(thrown);
  if (error !== undefined) return { status: error.status, headers: headersOf(error), document: problemOf(error) };
  const instance = `urn:uuid:${randomUUID()}`;
  log.error("a request failed by an error that nobody expected", { instance, error: thrown });
  const hidden = new AosError("INTERNAL", "something broke inside; the log names the cause under this instance");
  return {
    status: hidden.status,
    headers: headersOf(hidden),
    document: problemOf(hidden, instance),
  };
}

/** Answers with a problem document; does nothing where an answer has begun or nobody is there. */
export function writeProblem(response: ServerResponse, thrown: unknown, log: HttpLog): void {
  const { status, headers, document } = problemAnswer(thrown, log);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(document));
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.end(body);
}

/** Answers on a bare socket, where there is no request to answer. */
export function writeRawProblem(socket: Duplex, error: AosError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(problemOf(error));
  const headers = Object.entries({
    ...headersOf(error),
    connection: "close",
    "content-length": String(Buffer.byteLength(body)),
  });
  socket.end(`HTTP/1.1 ${error.status} ${error.code}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`);
}

function expected(thrown: unknown): AosError | undefined {
  return isAosError(thrown) && !isAosError(thrown, "INTERNAL") ? thrown : undefined;
}

function headersOf(error: AosError): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": PROBLEM_TYPE,
    "cache-control": "no-store",
  };
  const retryAfter = retryAfterSeconds(error);
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  if (error.code === "UNAUTHENTICATED") headers["www-authenticate"] = 'Bearer realm="aos"';
  if (typeof error.details["allow"] === "string") headers["allow"] = error.details["allow"];
  return headers;
}
