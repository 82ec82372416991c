import type { IncomingMessage, ServerResponse } from "node:http";
import { AosError } from "../kernel/index.ts";
import { mediaTypeOf } from "../protocol/index.ts";
import { admit } from "./guard.ts";
import { Ingest } from "./ingest.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { LongConnections } from "./long-connections.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpLog, HttpSystem } from "./system.ts";

const TYPES = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines"];

/** `POST /api/ingest`: lines of JSON in, lines of acknowledgements out, both at once on one connection. */
export class IngestDoor {
  readonly #system: HttpSystem;
  readonly #limits: HttpLimits;
  readonly #log: HttpLog;
  readonly #connections: LongConnections;

  constructor(system: HttpSystem, limits: HttpLimits, log: HttpLog, connections: LongConnections) {
    this.#system = system;
    this.#limits = limits;
    this.#log = log;
    this.#connections = connections;
  }

  /** Serves one connection; resolves when it is over. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const caller = await admit(this.#system.auth, request, "send");
    const mediaType = mediaTypeOf(request.headers["content-type"]);
    if (!TYPES.includes(mediaType)) throw new AosError("CONTENT_TYPE_UNSUPPORTED", `this takes ${TYPES[0]}, one event a line`);
    const stop = Promise.withResolvers<void>();
    const release = this.#connections.add(() => stop.resolve());
    try {
      if (request.headers.expect !== undefined) response.writeContinue();
      response.writeHead(200, {
        "content-type": "application/x-ndjson",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      response.flushHeaders();
      await this.#run(request, response, stop, (peer) => new Ingest(this.#system, caller, this.#log, this.#limits.ingestInFlight, peer));
    } finally {
      release();
    }
  }

  async #run(
    request: IncomingMessage,
    response: ServerResponse,
    stop: PromiseWithResolvers<void>,
    open: (peer: ConstructorParameters<typeof Ingest>[4]) => Ingest,
  ): Promise<void> {
    let isFull = false;
    let isClogged = false;
    const steer = (): void => {
      if (isFull || isClogged) request.pause();
      else request.resume();
    };
    const ingest = open({
      send: (lines) => {
        if (response.destroyed || response.writableEnded) return;
        // Nobody reads the acknowledgements: nothing more is taken until somebody does.
        if (!response.write(`${lines.join("\n")}\n`) && !isClogged) {
          isClogged = true;
          steer();
        }
      },
      onPressure: (now) => {
        isFull = now;
        steer();
      },
    });
    response.on("drain", () => {
      isClogged = false;
      steer();
    });
    const splitter = new LineSplitter(this.#limits.lineBytes, {
      line: (line) => ingest.push(line),
      tooLong: () =>
        ingest.reject(
          new AosError("BODY_TOO_LARGE", `a line is longer than ${this.#limits.lineBytes} bytes`, {
            details: { bytesMax: this.#limits.lineBytes },
          }),
        ),
    });
    request.setTimeout(this.#limits.ingestIdleMs, () => {
      if (isFull || isClogged) return;
      ingest.reject(new AosError("REQUEST_TIMEOUT", `nothing was sent for ${this.#limits.ingestIdleMs} ms`));
      stop.resolve();
    });
    request.on("data", (chunk: Buffer) => splitter.push(chunk));
    request.once("end", () => {
      splitter.end();
      stop.resolve();
    });
    request.once("error", () => stop.resolve());
    response.once("close", () => stop.resolve());
    await stop.promise;
    request.removeAllListeners("data");
    request.resume();
    await ingest.drained();
    if (!response.writableEnded) response.end();
    if (!request.complete) request.socket.destroySoon();
  }
}
