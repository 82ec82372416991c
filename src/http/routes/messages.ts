import {
  AckAnswer,
  AnyJson,
  Batch,
  CloudEvent,
  CloudEventBatch,
  CommandAnswer,
  CommandWait,
  IngestAnswer,
  isJsonType,
  mediaTypeOf,
  OutcomeWait,
  parseJson,
  PublishedAnswer,
  PublishQuery,
  QueryInput,
  RecordAnswer,
  recordRow,
  ReplyAnswer,
  toArrival,
} from "../../protocol/index.ts";
import { AosError, type Arrival, isAosError } from "../../kernel/index.ts";
import { readBody } from "../body.ts";
import { idempotencyKey, isCloudEvent, readOne } from "../events-door.ts";
import { isLoopback, maySee } from "../guard.ts";
import { type Answer, type Call, ok, type Route, route } from "../route.ts";
import { addressOf } from "./agents.ts";

const AGENT = "/api/agents/{type}/{id}";
const KEY = {
  "Idempotency-Key": "deduplicates for 24 hours; the event's source and id unless given",
};
const EVENT_TYPES = { "application/cloudevents+json": CloudEvent, "application/json": AnyJson };
const ACCEPTING = [
  "AGENT_NOT_FOUND",
  "EVENT_NOT_ACCEPTED",
  "PAYLOAD_INVALID",
  "BODY_INVALID",
  "BODY_TOO_LARGE",
  "CONTENT_TYPE_UNSUPPORTED",
  "IDEMPOTENCY_CONFLICT",
  "MAILBOX_FULL",
] as const;

/** Routes that bring messages in: events, topics, commands, queries. The doors for events are served past the framework. */
export const messageRoutes: readonly Route[] = [
  {
    method: "POST",
    path: `${AGENT}/events`,
    scope: "send",
    summary: "Send an event to one agent: a CloudEvent, structured or binary",
    bodyTypes: EVENT_TYPES,
    headers: KEY,
    answers: { 202: { description: "it is durable", schema: AckAnswer } },
    errors: ACCEPTING,
  },
  {
    method: "POST",
    path: "/api/events",
    scope: "send",
    summary: "Send events, each to its `aostarget` or to every agent that accepts it",
    bodyTypes: { ...EVENT_TYPES, "application/cloudevents-batch+json": CloudEventBatch },
    headers: KEY,
    answers: { 207: { description: "one answer per event, in order", schema: Batch } },
    errors: ["BODY_INVALID", "BODY_TOO_LARGE", "CONTENT_TYPE_UNSUPPORTED", "LIMIT_EXCEEDED"],
  },
  {
    method: "POST",
    path: "/api/ingest",
    scope: "send",
    summary: "Stream events, one a line, each acknowledged once durable; a WebSocket at the same path does the same by messages",
    bodyTypes: { "application/x-ndjson": CloudEvent },
    answers: {
      200: {
        description: "one acknowledgement a line",
        schema: IngestAnswer,
        type: "application/x-ndjson",
      },
    },
    errors: ["CONTENT_TYPE_UNSUPPORTED", "QUEUE_FULL"],
  },
  route({
    method: "POST",
    path: "/api/topics/{topic}",
    scope: "send",
    summary: "Publish to everyone who subscribed to a topic: the body is the message, or a CloudEvent",
    query: PublishQuery,
    bodyTypes: EVENT_TYPES,
    headers: KEY,
    answers: {
      202: { description: "it is durable in every subscriber's mailbox", schema: PublishedAnswer },
    },
    errors: ["USAGE", "BODY_INVALID", "BODY_TOO_LARGE", "IDEMPOTENCY_CONFLICT"],
    handle: publish,
  }),
  route({
    method: "POST",
    path: `${AGENT}/commands/{name}`,
    scope: "send",
    summary: "Run a command and wait for its reply: the body is its input",
    query: CommandWait,
    body: AnyJson,
    isBodyOptional: true,
    headers: KEY,
    answers: {
      200: { description: "the reply", schema: CommandAnswer },
      202: {
        description: "it is durable and not answered yet; Location says where the reply will be",
      },
    },
    errors: ["AGENT_NOT_FOUND", "EVENT_NOT_ACCEPTED", "PAYLOAD_INVALID", "IDEMPOTENCY_CONFLICT", "REFUSED", "TURN_FAILED"],
    handle: runCommand,
  }),
  route({
    method: "GET",
    path: "/api/replies/{id}",
    scope: "read",
    summary: "Fetch a command's reply later",
    answers: {
      200: { description: "the reply", schema: ReplyAnswer },
      202: { description: "there is none yet" },
    },
    errors: ["REFUSED", "TURN_FAILED"],
    handle: async (call) => {
      const id = call.params["id"] ?? "";
      await assertOwn(call, id);
      const reply = await call.system.api.reply(id);
      return reply === undefined ? { status: 202, body: { id } } : ok({ output: reply.output ?? null });
    },
  }),
  route({
    method: "GET",
    path: `${AGENT}/queries/{name}`,
    scope: "read",
    summary: "Ask a query of the last committed state",
    query: QueryInput,
    answers: { 200: { description: "what it answered", schema: AnyJson } },
    errors: ["AGENT_NOT_FOUND", "EVENT_NOT_ACCEPTED", "PAYLOAD_INVALID"],
    handle: (call) => ask(call, call.query.input === undefined ? {} : parseJson(call.query.input, "the query's input")),
  }),
  route({
    method: "POST",
    path: `${AGENT}/queries/{name}`,
    scope: "read",
    summary: "Ask a query of the last committed state: the body is its input",
    body: AnyJson,
    isBodyOptional: true,
    answers: { 200: { description: "what it answered", schema: AnyJson } },
    errors: ["AGENT_NOT_FOUND", "EVENT_NOT_ACCEPTED", "PAYLOAD_INVALID"],
    handle: (call) => ask(call, call.body),
  }),
  route({
    method: "GET",
    path: "/api/events/{id}/outcome",
    scope: "read",
    summary: "Wait for what became of an event that was accepted in this process",
    query: OutcomeWait,
    answers: {
      200: { description: "the record of the turn that ended it", schema: RecordAnswer },
      202: { description: "there is none yet" },
    },
    handle: async (call) => {
      const id = call.params["id"] ?? "";
      const record = await call.system.api.outcome(id, call.query.timeoutMs ?? 30_000);
      if (record === undefined) return { status: 202, body: { id } };
      if (!maySee(call, record.agent)) throw new AosError("NOT_FOUND", `there is no event ${id.slice(0, 80)}`);
      return ok(recordRow(record));
    },
  }),
  route({
    method: "POST",
    path: "/webhooks/{name}",
    summary: "Deliver to a webhook; it checks its own signature, or takes from this machine only where it has no secret",
    answers: { 202: { description: "it is durable", schema: AckAnswer } },
    errors: ["WEBHOOK_SIGNATURE", "NOT_FOUND", "FORBIDDEN", "BODY_INVALID", "BODY_TOO_LARGE"],
    handle: receiveWebhook,
  }),
];

async function publish(call: Call<{ readonly type?: string | undefined }, undefined>): Promise<Answer> {
  const { system, request, response, limits, params, tenant, principal } = call;
  const topic = params["topic"] ?? "";
  const mediaType = mediaTypeOf(request.headers["content-type"]);
  const body = await readBody(request, response, limits.bodyBytes, limits.bodyMs);
  if (mediaType !== "" && !isJsonType(mediaType))
    throw new AosError(
      "CONTENT_TYPE_UNSUPPORTED",
      `content type ${mediaType.slice(0, 80)} is not supported; send application/json or a CloudEvent`,
    );
  const key = idempotencyKey(request);
  const event = isCloudEvent(request, mediaType)
    ? toArrival(readOne(request, mediaType, body, system.clock.now()), principal.id, key)
    : {
        name: call.query.type ?? topic,
        text: JSON.stringify(parseJson(body, "the message")),
        sender: `${principal.id}|`,
        key,
      };
  return { status: 202, body: await system.api.publish(tenant, topic, event) };
}

async function runCommand(call: Call<{ readonly waitMs?: number | undefined }, unknown>): Promise<Answer> {
  const { system, params, principal, body, request } = call;
  const arrival: Omit<Arrival, "kind"> = {
    target: addressOf(call),
    name: params["name"] ?? "",
    data: body,
    key: idempotencyKey(request),
    sender: `${principal.id}|`,
  };
  try {
    const { id, seq, output } = await system.api.command(arrival, call.query.waitMs);
    return ok({ id, seq, output: output ?? null });
  } catch (thrown) {
    if (!isAosError(thrown, "REPLY_PENDING")) throw thrown;
    const id = String(thrown.details["id"]);
    return {
      status: 202,
      body: { id, seq: thrown.details["seq"] },
      headers: { location: `/api/replies/${encodeURIComponent(id)}` },
    };
  }
}

async function ask(call: Call<unknown, unknown>, input: unknown): Promise<Answer> {
  const answer = await call.system.api.query(addressOf(call), call.params["name"] ?? "", input);
  return ok(answer ?? null);
}

async function receiveWebhook(call: Call<undefined, undefined>): Promise<Answer> {
  const { system, request, response, limits, params } = call;
  const name = params["name"] ?? "";
  const webhook = system.webhooks.get(name);
  if (webhook === undefined) throw new AosError("NOT_FOUND", `there is no webhook ${name.slice(0, 80)}`);
  if (webhook.secret === undefined && !isLoopback(request.socket.remoteAddress)) {
    throw new AosError("FORBIDDEN", `webhook ${name} has no secret, so it takes deliveries from this machine only; set its secret`);
  }
  const body = await readBody(request, response, limits.webhookBytes, limits.bodyMs);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([header, value]) => [header, Array.isArray(value) ? value.join(", ") : value]),
  );
  const { target, ...arrival } = webhook.receive({ headers, body, secret: webhook.secret });
  const ack = await system.api.accept({
    ...arrival,
    target: target.split("/").length === 2 ? `default/${target}` : target,
    kind: "event",
    sender: `webhook:${name}|`,
  });
  return { status: 202, body: ack };
}

/** An id alone says nothing of its tenant; its records do. */
async function assertOwn(call: Call<unknown, unknown>, id: string): Promise<void> {
  if (call.principal.isFleet) return;
  const records = await call.system.api.why(id);
  if (records.some(({ cause, agent }) => cause.id === id && !maySee(call, agent)))
    throw new AosError("NOT_FOUND", `there is no reply ${id.slice(0, 80)}`);
}
