/** GitHub's webhooks at the door: signature, body, and which agent gets what. Pure: a request in, an arrival out. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { AosError, isAosError } from "aosjs";
import { Delivery, GitHubDelivery, type Payload } from "./events.ts";
import { z } from "zod";

/** A webhook as the door hands it over: header names in lower case, the body as it came. */
export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** Left out: signatures are not checked. */
  readonly secret?: string | undefined;
}

/** What becomes of a webhook: an event for one agent, accepted once per key. */
export interface WebhookArrival {
  /** `type/id`. */
  readonly target: string;
  readonly name: string;
  readonly data: unknown;
  readonly key: string;
  readonly source: string;
}

const JsonObject = z.record(z.string(), z.unknown());
const SIGNATURE = /^sha256=([0-9a-f]{64})$/i;
const DELIVERY_ID = /^[A-Za-z0-9-]{1,64}$/;
const EVENT_NAME = /^[a-z][a-z0-9_]{0,63}$/;
const BASE = ["action", "repository", "organization", "sender"] as const;

/** What the rules read beyond the base, by event: nothing else of a payload is even looked at. */
const DETAILS: ReadonlyMap<string, readonly (keyof z.output<typeof Payload>)[]> = new Map([
  ["code_scanning_alert", ["alert"]],
  ["dependabot_alert", ["alert"]],
  ["repository_vulnerability_alert", ["alert"]],
  ["security_advisory", ["security_advisory"]],
  ["sponsorship", ["sponsorship"]],
  ["marketplace_purchase", ["marketplace_purchase"]],
  ["release", ["release"]],
  ["pull_request", ["pull_request"]],
  ["workflow_run", ["workflow_run"]],
  ["check_run", ["check_run"]],
  ["check_suite", ["check_suite"]],
  ["deployment_status", ["deployment_status"]],
  ["status", ["state", "context"]],
]);

/**
 * Checks `X-Hub-Signature-256`: HMAC-SHA256 of the raw body under the secret, compared in constant time.
 * @throws AosError WEBHOOK_SIGNATURE where it is missing, malformed or wrong; CONFIG_INVALID where the secret is empty.
 * @see https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function verifySignature(secret: string, rawBody: Uint8Array, header: string | undefined): void {
  if (secret === "") throw new AosError("CONFIG_INVALID", "the webhook's secret is empty; set one, or unset it");
  const given = SIGNATURE.exec(header ?? "")?.[1];
  if (given === undefined) {
    const message = header === undefined ? "is missing" : "is not sha256= and 64 hexadecimal digits";
    throw new AosError("WEBHOOK_SIGNATURE", `X-Hub-Signature-256 ${message}; sign with the secret that AOS has`);
  }
  const expected = createHmac("sha256", secret).update(rawBody).digest();
  if (!timingSafeEqual(expected, Buffer.from(given, "hex"))) {
    throw new AosError("WEBHOOK_SIGNATURE", "X-Hub-Signature-256 does not match the body under the secret that AOS has");
  }
}

/**
 * Turns a webhook into an event for the secretary, keyed by `X-GitHub-Delivery`: all deliveries enter by one mailbox, so
 * one that GitHub sends again is dropped whoever it concerns.
 * @throws AosError WEBHOOK_SIGNATURE, USAGE (a header is missing or malformed), CONTENT_TYPE_UNSUPPORTED, BODY_INVALID,
 * PAYLOAD_INVALID with the faults' paths.
 */
export function toArrival({ headers, body, secret }: WebhookRequest): WebhookArrival {
  // Before anything else is read: an unsigned body deserves no parser.
  if (secret !== undefined) verifySignature(secret, body, headers["x-hub-signature-256"]);
  const delivery = requireHeader(headers, "X-GitHub-Delivery", DELIVERY_ID);
  const event = requireHeader(headers, "X-GitHub-Event", EVENT_NAME);
  const payload = keep(event, parse(body, headers["content-type"]));
  return {
    target: "secretary/main",
    name: GitHubDelivery.name,
    data: cutDown({ delivery, event, payload }),
    key: delivery,
    source: "https://github.com",
  };
}

function cutDown(whole: { readonly delivery: string; readonly event: string; readonly payload: unknown }): Delivery {
  const cut = Delivery.safeParse(whole);
  if (cut.success) return cut.data;
  const faults = cut.error.issues.map(({ path, message }) => ({
    path: `/${path.join("/")}`,
    message,
  }));
  const first = faults[0];
  throw new AosError("PAYLOAD_INVALID", `the ${whole.event} webhook is invalid at ${first?.path}: ${first?.message}`, {
    details: { faults },
  });
}

function requireHeader(headers: WebhookRequest["headers"], name: string, pattern: RegExp): string {
  const value = headers[name.toLowerCase()];
  if (value === undefined) throw new AosError("USAGE", `the header ${name} is missing; GitHub sends it with every webhook`);
  if (!pattern.test(value)) throw new AosError("USAGE", `the header ${name} is malformed`);
  return value;
}

function parse(body: Uint8Array, contentType = "application/json"): Readonly<Record<string, unknown>> {
  const mediaType = contentType.split(";", 1)[0]?.trim().toLowerCase();
  let parsed: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    parsed = JSON.parse(unwrap(text, mediaType)) as unknown;
  } catch (cause) {
    if (isAosError(cause)) throw cause;
    throw new AosError("BODY_INVALID", "the webhook's body is not UTF-8 with JSON in it", {
      cause,
    });
  }
  const object = JsonObject.safeParse(parsed);
  if (!object.success) throw new AosError("BODY_INVALID", "the webhook's body is not a JSON object");
  return object.data;
}

/** GitHub offers two content types; in the form the JSON stands in the field `payload`. */
function unwrap(text: string, mediaType: string | undefined): string {
  if (mediaType === "application/json") return text;
  if (mediaType !== "application/x-www-form-urlencoded") {
    throw new AosError("CONTENT_TYPE_UNSUPPORTED", "a GitHub webhook is application/json or application/x-www-form-urlencoded");
  }
  return new URLSearchParams(text).get("payload") ?? "";
}

function keep(event: string, payload: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = [...BASE, ...(DETAILS.get(event) ?? [])].filter((name) => Object.hasOwn(payload, name));
  return Object.fromEntries(names.map((name) => [name, payload[name]]));
}
