import { AosError } from "../../kernel/index.ts";
import {
  ClockAdvance,
  ClockAnswer,
  CountsAnswer,
  Health,
  moment,
  Readiness,
  RecordsAnswer,
  recordRow,
  StreamFrom,
} from "../../protocol/index.ts";
import { maySee } from "../guard.ts";
import { streamRecords } from "../record-stream.ts";
import { ok, type Route, route } from "../route.ts";

/** Routes for looking at the system: its stream of records, why something happened, how it is. */
export const watchingRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/stream",
    scope: "read",
    summary: "Follow records as server-sent events; goes on after Last-Event-ID without a gap",
    query: StreamFrom,
    headers: { "Last-Event-ID": "the seq of the last record seen; wins over `after`" },
    answers: {
      200: {
        description: "events named `turn`, their ids the records' seq; `cut` before the server ends the stream",
        type: "text/event-stream",
      },
    },
    errors: ["AGENT_NOT_FOUND", "QUEUE_FULL"],
    handle: streamRecords,
  }),
  route({
    method: "GET",
    path: "/api/why/{id}",
    scope: "read",
    summary: "Show all records of an event, a chain or a correlation, oldest first",
    answers: { 200: { description: "records", schema: RecordsAnswer } },
    errors: ["NOT_FOUND"],
    handle: async (call) => {
      const id = call.params["id"] ?? "";
      const records = (await call.system.api.why(id)).filter(({ agent }) => maySee(call, agent));
      if (records.length === 0)
        throw new AosError("NOT_FOUND", `nothing is known of ${id.slice(0, 80)}`, {
          details: { id: id.slice(0, 80) },
        });
      return ok({ items: records.map(recordRow) });
    },
  }),
  route({
    method: "GET",
    path: "/api/usage",
    scope: "read",
    summary: "Show what the store holds",
    answers: { 200: { description: "names to bytes or counts", schema: CountsAnswer } },
    handle: async ({ system }) => ok(await system.api.usage()),
  }),
  route({
    method: "GET",
    path: "/healthz",
    summary: "Whether the process lives",
    answers: { 200: { description: "it does", schema: Health } },
    handle: () => ok({ status: "ok" }),
  }),
  route({
    method: "GET",
    path: "/readyz",
    scope: "read",
    summary: "Whether the system takes work",
    answers: {
      200: { description: "it does", schema: Readiness },
      503: { description: "it does not, and why", schema: Readiness },
    },
    handle: ({ system }) => {
      const { ok: isReady, reasons } = system.readiness();
      return { status: isReady ? 200 : 503, body: { ok: isReady, reasons } };
    },
  }),
  route({
    method: "GET",
    path: "/metrics",
    scope: "read",
    summary: "The system's figures in Prometheus' text format",
    answers: { 200: { description: "metrics", type: "text/plain" } },
    handle: async ({ system }) => ({
      status: 200,
      body: await system.metrics(),
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    }),
  }),
];

/** The route that moves time; only there where time is injected. */
export const clockRoute: Route = route({
  method: "POST",
  path: "/api/test/clock",
  scope: "admin",
  summary: "Advance the injected clock",
  body: ClockAdvance,
  answers: { 200: { description: "where it stands", schema: ClockAnswer } },
  handle: async ({ system, body }) => ok({ now: moment(await system.testClock?.advance(body.advanceMs)) }),
});
