import { createServer as createNodeServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { AosError } from "../kernel/index.ts";
import { EventsDoor } from "./events-door.ts";
import { serveRoutes } from "./framework.ts";
import { HostGuard, isLoopback } from "./guard.ts";
import { IngestDoor } from "./ingest-door.ts";
import { IngestSocket } from "./ingest-socket.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { LongConnections } from "./long-connections.ts";
import { writeProblem, writeRawProblem } from "./problems.ts";
import { routeTable } from "./route-table.ts";
import type { HttpLog, HttpSystem } from "./system.ts";

/** What a server is made with. */
export interface HttpServerOptions {
  readonly system: HttpSystem;
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  readonly limits?: Partial<HttpLimits> | undefined;
  readonly log: HttpLog;
}

/** A server that listens. */
export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Takes no new request, ends streams, waits for answers that are due for that long, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

const KEEP_ALIVE_MS = 65_000;
const SWEEP_MS = 50;
const EVENTS = "/events";
const AGENTS = "/api/agents/";

/**
 * Starts a server over a running system; resolves once it listens.
 * @throws AosError CONFIG_INVALID where the address cannot be listened on.
 */
export async function createServer(options: HttpServerOptions): Promise<HttpServer> {
  const { system, host, port, log } = options;
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const connections = new LongConnections(limits.longConnections);
  const guard = new HostGuard(host);
  const listener = requestListener(system, limits, log, connections, guard);
  const socketDoor = new IngestSocket(system, limits, log, connections);
  const server = createNodeServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    // Bodies have their own limits; a stream of events may last.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(limits.headersMs, 2_000),
    noDelay: true,
  });
  server.on("request", listener);
  server.on("checkContinue", listener);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => writeRawProblem(socket, clientProblem(error, limits)));
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    try {
      guard.check(request);
    } catch (thrown) {
      writeRawProblem(socket, thrown as AosError);
      return;
    }
    void socketDoor.upgrade(request, socket, head);
  });
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    close: (drainMs) => close(server, connections, drainMs),
  };
}

function requestListener(
  system: HttpSystem,
  limits: HttpLimits,
  log: HttpLog,
  connections: LongConnections,
  guard: HostGuard,
): (request: IncomingMessage, response: ServerResponse) => void {
  const events = new EventsDoor(system, limits, log);
  const ingest = new IngestDoor(system, limits, log, connections);
  const routes = serveRoutes(routeTable({ version: system.info.version, hasTestClock: system.testClock !== undefined }), {
    system,
    limits,
    log,
    connections,
  });
  const serve = (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    guard.check(request);
    if (request.method === "POST") {
      const path = pathOf(request.url ?? "/");
      if (path === "/api/events") return events.many(request, response);
      if (path === "/api/ingest") return ingest.serve(request, response);
      if (path.startsWith(AGENTS) && path.endsWith(EVENTS)) {
        const slash = path.indexOf("/", AGENTS.length);
        const end = path.length - EVENTS.length;
        if (slash > 0 && slash < end && path.indexOf("/", slash + 1) === end) {
          return events.one(request, response, decode(path.slice(AGENTS.length, slash)), decode(path.slice(slash + 1, end)));
        }
      }
    }
    return routes(request, response);
  };
  return (request, response) => {
    try {
      serve(request, response).catch((thrown: unknown) => writeProblem(response, thrown, log));
    } catch (thrown) {
      writeProblem(response, thrown, log);
    }
  };
}

function pathOf(url: string): string {
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

function decode(part: string): string {
  if (!part.includes("%")) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What Node's parser refused before there was a request. */
function clientProblem(error: NodeJS.ErrnoException, limits: HttpLimits): AosError {
  if (error.code === "HPE_HEADER_OVERFLOW") {
    return new AosError("HEADERS_TOO_LARGE", `the headers are larger than ${limits.headerBytes} bytes`, {
      details: { bytesMax: limits.headerBytes },
    });
  }
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new AosError("REQUEST_TIMEOUT", `the headers did not arrive within ${limits.headersMs} ms`);
  }
  return new AosError("USAGE", "this is not a well-formed HTTP/1.1 request");
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new AosError(
          "CONFIG_INVALID",
          `cannot listen on ${host}:${port}: ${cause.code === "EADDRINUSE" ? "the port is taken" : (cause.code ?? cause.message)}`,
          { cause, details: { host, port } },
        ),
      ),
    );
    server.listen(port, host === "localhost" && isLoopback(host) ? "127.0.0.1" : host, () => resolve());
  });
}

async function close(server: Server, connections: LongConnections, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  connections.close();
  // A connection that was busy becomes idle once its answer is out.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  server.closeIdleConnections();
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
