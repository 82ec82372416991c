import type { IncomingMessage, ServerResponse } from "node:http";
import { type Ack, AosError, type Arrival, formatAddress } from "../kernel/index.ts";
import {
  type EventFacts,
  isJsonType,
  mediaTypeOf,
  parseJson,
  type ProblemDocument,
  readBinaryEvent,
  readEvent,
  toArrival,
} from "../protocol/index.ts";
import { readBody } from "./body.ts";
import { addressFor, admit, type Caller } from "./guard.ts";
import type { HttpLimits } from "./limits.ts";
import { problemAnswer } from "./problems.ts";
import type { HttpLog, HttpSystem } from "./system.ts";

const STRUCTURED = "application/cloudevents+json";
const BATCH = "application/cloudevents-batch+json";
const KEY_MAX = 255;

/** One answer of a batch. */
type Entry =
  | (Ack & {
      readonly status: 202;
      readonly agent?: string;
      readonly routed?: readonly (Ack & { readonly agent: string })[];
    })
  | {
      readonly status: number;
      readonly code: string;
      readonly detail: string;
      readonly error: ProblemDocument;
    };

/** The door for events, one or many: it goes past the framework, for it is where the load is. */
export class EventsDoor {
  readonly #system: HttpSystem;
  readonly #limits: HttpLimits;
  readonly #log: HttpLog;

  constructor(system: HttpSystem, limits: HttpLimits, log: HttpLog) {
    this.#system = system;
    this.#limits = limits;
    this.#log = log;
  }

  /** `POST /api/agents/{type}/{id}/events`: answers 202 once the event is durable. */
  async one(request: IncomingMessage, response: ServerResponse, type: string, id: string): Promise<void> {
    const { api, auth, clock } = this.#system;
    const admitted = admit(auth, request, "send");
    const caller = admitted instanceof Promise ? await admitted : admitted;
    const mediaType = contentType(request);
    if (mediaType === BATCH) throw unsupported(mediaType, `${STRUCTURED}, or JSON with ce- headers; batches go to /api/events`);
    const key = idempotencyKey(request);
    const target = formatAddress(type, id, caller.tenant);
    const body = await readBody(request, response, this.#limits.bodyBytes, this.#limits.bodyMs);
    const event = readOne(request, mediaType, body, clock.now());
    if (event.target !== undefined && addressFor(caller, event.target) !== target) {
      throw new AosError("PAYLOAD_INVALID", "the event is invalid at /aostarget: it names another agent than the path", {
        details: {
          faults: [{ path: "/aostarget", message: "names another agent than the path" }],
        },
      });
    }
    const arrival = toArrival(event, caller.principal.id, key) as Arrival & { target: string };
    arrival.target = target;
    const ack = await api.accept(arrival);
    // Ids are ASCII, so that the text's length is its bytes.
    const answer = `{"id":"${ack.id}","seq":${ack.seq},"duplicate":${ack.duplicate}}`;
    response.writeHead(202, ["content-type", "application/json", "content-length", String(answer.length)]);
    response.end(answer);
  }

  /** `POST /api/events`: one or a batch, each to its target or to all who accept it; answers each in order. */
  async many(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const admitted = admit(this.#system.auth, request, "send");
    const caller = admitted instanceof Promise ? await admitted : admitted;
    const mediaType = contentType(request);
    const key = idempotencyKey(request);
    const isBatch = mediaType === BATCH;
    const body = await readBody(request, response, isBatch ? this.#limits.batchBytes : this.#limits.bodyBytes, this.#limits.bodyMs);
    const now = this.#system.clock.now();
    const entries = isBatch
      ? await Promise.all(
          this.#batch(body).map((value, at) =>
            this.#entry(() => readEvent(value, now), caller, key === undefined ? undefined : `${key}#${at}`),
          ),
        )
      : [await this.#send(readOne(request, mediaType, body, now), caller, key)];
    const answer = Buffer.from(JSON.stringify(entries));
    response.writeHead(207, ["content-type", "application/json", "content-length", String(answer.length)]);
    response.end(answer);
  }

  #batch(body: Buffer): readonly unknown[] {
    const values = parseJson(body, "the batch");
    if (!Array.isArray(values)) throw new AosError("BODY_INVALID", "a batch must be a JSON array of events");
    if (values.length > this.#limits.batchEvents) {
      throw new AosError("LIMIT_EXCEEDED", `a batch has at most ${this.#limits.batchEvents} events, not ${values.length}`, {
        details: { limit: this.#limits.batchEvents },
      });
    }
    return values;
  }

  async #entry(read: () => EventFacts, caller: Caller, key: string | undefined): Promise<Entry> {
    try {
      return await this.#send(read(), caller, key);
    } catch (thrown) {
      const { status, document } = problemAnswer(thrown, this.#log);
      return { status, code: document.code, detail: document.detail, error: document };
    }
  }

  async #send(event: EventFacts, caller: Caller, key: string | undefined): Promise<Entry> {
    const arrival = toArrival(event, caller.principal.id, key);
    if (event.target !== undefined) {
      return {
        status: 202,
        ...(await this.#system.api.accept({
          ...arrival,
          target: addressFor(caller, event.target),
        })),
      };
    }
    const routed = await this.#system.api.route(caller.tenant, arrival);
    const [first] = routed;
    if (first === undefined)
      throw new AosError("EVENT_NOT_ACCEPTED", `no agent accepts ${event.type.slice(0, 100)}; nothing was stored`, {
        details: { event: event.type.slice(0, 100) },
      });
    return {
      status: 202,
      id: first.id,
      seq: first.seq,
      duplicate: routed.every(({ duplicate }) => duplicate),
      agent: first.agent,
      routed,
    };
  }
}

/**
 * Reads the one event of a request, in structured or binary mode.
 * @throws AosError CONTENT_TYPE_UNSUPPORTED, BODY_INVALID, PAYLOAD_INVALID.
 */
export function readOne(request: IncomingMessage, mediaType: string, body: Buffer, now: number): EventFacts {
  if (mediaType !== STRUCTURED && isBinary(request)) return readBinaryEvent(request.headers, body, now);
  return readEvent(parseJson(body, "the event"), now);
}

/** Whether a request carries a CloudEvent, rather than plain data. */
export function isCloudEvent(request: IncomingMessage, mediaType: string): boolean {
  return mediaType === STRUCTURED || isBinary(request);
}

/** Any of the required attributes tells the mode, so that those that are missing are named. */
function isBinary({ headers }: IncomingMessage): boolean {
  return headers["ce-specversion"] !== undefined || headers["ce-type"] !== undefined || headers["ce-id"] !== undefined;
}

/**
 * A request's key for deduplication.
 * @throws AosError USAGE where it is empty or longer than 255 characters.
 */
export function idempotencyKey(request: IncomingMessage): string | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key === "string" && key !== "" && key.length <= KEY_MAX) return key;
  throw new AosError("USAGE", `an Idempotency-Key has 1 to ${KEY_MAX} characters`);
}

function contentType(request: IncomingMessage): string {
  const mediaType = mediaTypeOf(request.headers["content-type"]);
  // The two that senders use most are told by their first look.
  if (mediaType === STRUCTURED || mediaType === "application/json" || isJsonType(mediaType)) return mediaType;
  // In binary mode an event without data has no content type.
  if (mediaType === "" && isBinary(request)) return mediaType;
  throw unsupported(mediaType, `${STRUCTURED}, ${BATCH}, or JSON with ce- headers`);
}

function unsupported(mediaType: string, wanted: string): AosError {
  return new AosError(
    "CONTENT_TYPE_UNSUPPORTED",
    `content type ${mediaType === "" ? "is missing" : `${mediaType.slice(0, 80)} is not supported`}; send ${wanted}`,
  );
}
