import type { ServerResponse } from "node:http";
import { AosError } from "../kernel/index.ts";
import { recordRow } from "../protocol/index.ts";
import { addressFor, tenantFilter } from "./guard.ts";
import type { Answer, Call } from "./route.ts";

/** Follows records as server-sent events. @see HTML Living Standard, section 9.2 */
export async function streamRecords(
  call: Call<{ readonly agent?: string | undefined; readonly after?: number | undefined }, undefined>,
): Promise<Answer> {
  const { system, limits, response, request, connections, query } = call;
  const agent = query.agent === undefined ? undefined : addressFor(call, query.agent);
  if (agent !== undefined) await system.api.agent(agent);
  const after = lastSeen(request.headers["last-event-id"]) ?? query.after ?? system.api.lastRecord();
  const ending = new AbortController();
  let reason: string | undefined;
  const cut = (why: string): void => {
    reason ??= why;
    ending.abort();
  };
  const release = connections.add(() => cut("the system is shutting down"));
  response.once("close", () => ending.abort());
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  // An id from the start: who loses the connection before the first record misses none.
  response.write(`id: ${after}\n: from ${after}\n\n`);
  const heartbeat = setInterval(() => response.write(": still here\n\n"), limits.heartbeatMs);
  try {
    for await (const record of system.api.stream({
      after,
      agent,
      tenant: tenantFilter(call),
      signal: ending.signal,
    })) {
      if (ending.signal.aborted) break;
      const isTaken = response.write(`id: ${record.seq}\nevent: turn\ndata: ${JSON.stringify(recordRow(record))}\n\n`);
      // The rest stays in the store until the reader has taken this.
      if (!isTaken && !(await drained(response, ending.signal, limits.slowReaderMs))) cut("the reader was too slow");
    }
  } catch (thrown) {
    call.log.error("a stream of records broke off", { error: thrown });
    reason = "the records could not be read";
  } finally {
    clearInterval(heartbeat);
    release();
    end(response, reason);
  }
  return "sent";
}

/** Whether the reader made room within the time. */
function drained(response: ServerResponse, signal: AbortSignal, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isDrained: boolean): void => {
      clearTimeout(timer);
      response.removeListener("drain", drain);
      signal.removeEventListener("abort", abort);
      resolve(isDrained);
    };
    const drain = (): void => settle(true);
    const abort = (): void => settle(true);
    const timer = setTimeout(() => settle(false), ms);
    response.once("drain", drain);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}

const GRACE_MS = 2_000;

/** Ends a stream; a reader who does not even take the last word is cut off. */
function end(response: ServerResponse, reason: string | undefined): void {
  if (response.destroyed) return;
  response.end(reason === undefined ? "" : `event: cut\ndata: ${JSON.stringify({ reason })}\n\n`);
  setTimeout(() => response.destroy(), GRACE_MS).unref();
}

function lastSeen(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (typeof header === "string" && /^\d{1,15}$/.test(header)) return Number(header);
  throw new AosError("USAGE", "Last-Event-ID is not the id of a record");
}
