import { AosError, type Arrival, type Fault, parseDuration, PRIORITY_MAX } from "../kernel/index.ts";
import { isJsonType, mediaTypeOf, parseJson } from "./json-text.ts";

/** A CloudEvent as AOS understands it: checked, its data as JSON text. */
export interface EventFacts {
  /** Absent in shorthand lines that name none. */
  readonly id?: string | undefined;
  readonly source?: string | undefined;
  readonly type: string;
  readonly subject?: string | undefined;
  readonly text: string;
  /** `type/id` or `tenant/type/id`, from the extension `aostarget`. */
  readonly target?: string | undefined;
  readonly partitionKey?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly priority?: number | undefined;
  /** Epoch ms. */
  readonly deliverAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly correlation?: string | undefined;
  readonly version?: number | undefined;
  /** Only shorthand lines carry their own. */
  readonly key?: string | undefined;
}

type Attributes = Readonly<Record<string, unknown>>;

const FAULTS_MAX = 32;
const TEXT_MAX = 1_024;

/**
 * Reads a CloudEvent in its JSON format. `now` is epoch ms, from which `aosdelay` counts.
 * @throws AosError PAYLOAD_INVALID with the path of each fault, BODY_INVALID where it is no object.
 * @see CloudEvents 1.0, JSON Event Format
 */
export function readEvent(value: unknown, now: number): EventFacts {
  const event = asObject(value);
  const faults: Fault[] = [];
  const facts = readAttributes(event, now, faults);
  const text = readData(event, faults);
  assertNone(faults);
  return { ...facts, text };
}

/**
 * Reads a CloudEvent in HTTP's binary mode: attributes in `ce-` headers, the data in the body.
 * @throws AosError PAYLOAD_INVALID with the header of each fault, BODY_INVALID.
 * @see CloudEvents 1.0, HTTP Protocol Binding, section 3.1
 */
export function readBinaryEvent(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: Uint8Array,
  now: number,
): EventFacts {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("ce-") && typeof value === "string") attributes[name.slice(3)] = decodeHeader(value);
  }
  const faults: Fault[] = [];
  const facts = readAttributes(attributes, now, faults);
  assertNone(faults);
  return {
    ...facts,
    text: body.byteLength === 0 ? "null" : JSON.stringify(parseJson(body, "the event's data")),
  };
}

/**
 * Reads `{"to": "type/id", "type": …, "data": …}`, an event for those who do not want the whole format.
 * @throws AosError PAYLOAD_INVALID with the path of each fault.
 */
export function readShorthand(value: unknown, now: number): EventFacts {
  const line = asObject(value);
  if ("specversion" in line) return readEvent(line, now);
  const faults: Fault[] = [];
  const type = requiredText(line, "type", faults);
  const target = requiredText(line, "to", faults);
  const facts: EventFacts = {
    type,
    target,
    id: optionalText(line, "id", faults),
    source: optionalText(line, "source", faults),
    key: optionalText(line, "key", faults),
    subject: optionalText(line, "subject", faults),
    partitionKey: optionalText(line, "partitionkey", faults),
    correlation: optionalText(line, "correlation", faults),
    traceparent: optionalText(line, "traceparent", faults),
    priority: wholeNumber(line, "priority", 0, PRIORITY_MAX, faults),
    deliverAt: delayed(line, "deliverAt", "in", now, faults),
    expiresAt: moment(line, "expiresAt", faults),
    text: JSON.stringify(line["data"] ?? null),
  };
  assertNone(faults);
  return facts;
}

/** The arrival that an event is for the kernel; `principal` and the partition make its sender. */
export function toArrival(event: EventFacts, principal: string, key: string | undefined): Omit<Arrival, "target"> {
  return {
    kind: "event",
    name: event.type,
    text: event.text,
    source: event.source,
    sender: `${principal}|${event.partitionKey ?? ""}`,
    eventId: event.id,
    subject: event.subject,
    key: key ?? event.key,
    priority: event.priority,
    deliverAt: event.deliverAt,
    expiresAt: event.expiresAt,
    correlation: event.correlation,
    traceparent: event.traceparent,
    version: event.version,
  };
}

function readAttributes(event: Attributes, now: number, faults: Fault[]): Omit<EventFacts, "text"> {
  if (event["specversion"] !== "1.0") fault(faults, "specversion", 'must be "1.0"');
  const id = requiredText(event, "id", faults);
  const source = requiredText(event, "source", faults);
  const type = requiredText(event, "type", faults);
  moment(event, "time", faults);
  return {
    id,
    source,
    type,
    subject: optionalText(event, "subject", faults),
    target: optionalText(event, "aostarget", faults),
    partitionKey: optionalText(event, "partitionkey", faults),
    traceparent: optionalText(event, "traceparent", faults),
    correlation: optionalText(event, "aoscorrelation", faults),
    priority: wholeNumber(event, "aospriority", 0, PRIORITY_MAX, faults),
    version: wholeNumber(event, "aosversion", 1, 1_000_000, faults),
    deliverAt: delayed(event, "aosdeliverat", "aosdelay", now, faults),
    expiresAt: moment(event, "aosexpiresat", faults),
  };
}

function readData(event: Attributes, faults: Fault[]): string {
  const contentType = optionalText(event, "datacontenttype", faults);
  const isJson = contentType === undefined || isJsonType(mediaTypeOf(contentType));
  if (!isJson) fault(faults, "datacontenttype", "must be JSON");
  const encoded = event["data_base64"];
  if (encoded === undefined) return JSON.stringify(event["data"] ?? null);
  if (event["data"] !== undefined) fault(faults, "data_base64", "must not stand beside data");
  else if (typeof encoded !== "string" || contentType === undefined || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded))
    fault(faults, "data_base64", "must be base64 of JSON, with a JSON datacontenttype");
  else {
    try {
      return JSON.stringify(parseJson(Buffer.from(encoded, "base64"), "data_base64"));
    } catch {
      fault(faults, "data_base64", "does not hold JSON");
    }
  }
  return "null";
}

/** A text attribute that must be there and not be empty; an empty one stands in where it is at fault. */
function requiredText(event: Attributes, name: string, faults: Fault[]): string {
  const value = event[name];
  if (typeof value === "string" && value !== "" && value.length <= TEXT_MAX) return value;
  fault(faults, name, value === undefined ? "is required" : `must be a text of 1 to ${TEXT_MAX} characters`);
  return "";
}

function optionalText(event: Attributes, name: string, faults: Fault[]): string | undefined {
  const value = event[name];
  return value === undefined || value === null ? undefined : requiredText(event, name, faults);
}

function wholeNumber(event: Attributes, name: string, min: number, max: number, faults: Fault[]): number | undefined {
  const value = event[name];
  if (value === undefined || value === null) return undefined;
  // In headers every attribute is a text.
  const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) return number;
  fault(faults, name, `must be a whole number from ${min} to ${max}`);
  return undefined;
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

function moment(event: Attributes, name: string, faults: Fault[]): number | undefined {
  const value = event[name];
  if (value === undefined || value === null) return undefined;
  const at = typeof value === "string" && RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  fault(faults, name, "must be a time as in RFC 3339");
  return undefined;
}

function delayed(event: Attributes, at: string, delay: string, now: number, faults: Fault[]): number | undefined {
  const wait = event[delay];
  if (wait === undefined || wait === null) return moment(event, at, faults);
  try {
    if (typeof wait === "string") return now + parseDuration(wait);
  } catch {
    // Said below, with its path.
  }
  fault(faults, delay, "must be a duration such as 5m");
  return undefined;
}

function asObject(value: unknown): Attributes {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Attributes;
  throw new AosError("BODY_INVALID", "an event must be a JSON object");
}

function fault(faults: Fault[], name: string, message: string): void {
  if (faults.length < FAULTS_MAX) faults.push({ path: `/${name}`, message });
}

function assertNone(faults: readonly Fault[]): void {
  const [first] = faults;
  if (first === undefined) return;
  throw new AosError("PAYLOAD_INVALID", `the event is invalid at ${first.path}: ${first.message}`, {
    details: { faults },
  });
}

/** Header values are percent-encoded where they hold more than visible ASCII. */
function decodeHeader(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
