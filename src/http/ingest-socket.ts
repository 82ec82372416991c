import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { AosError, toAosError } from "../kernel/index.ts";
import { admit, type Caller } from "./guard.ts";
import { Ingest } from "./ingest.ts";
import type { HttpLimits } from "./limits.ts";
import type { LongConnections } from "./long-connections.ts";
import { writeRawProblem } from "./problems.ts";
import type { HttpLog, HttpSystem } from "./system.ts";

const GOING_AWAY = 1001;
const TRY_LATER = 1013;
/** Acknowledgements that wait for a peer who does not read them; past it the connection ends. */
const BUFFERED_MAX = 4 << 20;

/** `GET /api/ingest` as a WebSocket (RFC 6455): a message is one event, as is each message of the answer one acknowledgement. */
export class IngestSocket {
  readonly #system: HttpSystem;
  readonly #limits: HttpLimits;
  readonly #log: HttpLog;
  readonly #connections: LongConnections;
  readonly #server: WebSocketServer;

  constructor(system: HttpSystem, limits: HttpLimits, log: HttpLog, connections: LongConnections) {
    this.#system = system;
    this.#limits = limits;
    this.#log = log;
    this.#connections = connections;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: limits.lineBytes,
      perMessageDeflate: false,
    });
  }

  /** Takes an upgrade; whoever may not come in gets a problem document. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    try {
      if ((request.url ?? "").split("?")[0] !== "/api/ingest") throw new AosError("NOT_FOUND", "there is no WebSocket at this path");
      const caller = await admit(this.#system.auth, request, "send");
      this.#server.handleUpgrade(request, socket, head, (peer) => this.#serve(peer, caller));
    } catch (thrown) {
      writeRawProblem(socket, toAosError(thrown));
    }
  }

  #serve(peer: WebSocket, caller: Caller): void {
    let release: (() => void) | undefined;
    const ingest = new Ingest(this.#system, caller, this.#log, this.#limits.ingestInFlight, {
      send: (lines) => {
        for (const line of lines) if (peer.readyState === peer.OPEN) peer.send(line);
        if (peer.bufferedAmount > BUFFERED_MAX) peer.terminate();
      },
      onPressure: (isFull) => (isFull ? peer.pause() : peer.resume()),
    });
    try {
      release = this.#connections.add(() => void ingest.drained().then(() => peer.close(GOING_AWAY, "the system is shutting down")));
    } catch (thrown) {
      peer.close(TRY_LATER, toAosError(thrown).code);
      return;
    }
    peer.on("message", (data: RawData) => {
      const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
      ingest.push(bytes);
    });
    peer.on("close", release);
    peer.on("error", () => peer.terminate());
  }
}
