import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { type AosErrorCode, isAosError } from "aosjs";
import { toArrival, verifySignature } from "./webhooks.ts";

const secret = "It's a Secret to Everybody";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sign = (body: Uint8Array, key = secret, algorithm = "sha256"): string =>
  `${algorithm}=${createHmac(algorithm, key).update(body).digest("hex")}`;
const withCode = (code: AosErrorCode) => (error: unknown) => isAosError(error, code);

const headers = {
  "x-github-event": "star",
  "x-github-delivery": "d-1",
  "content-type": "application/json",
};
const star = { action: "created", repository: { full_name: "o/r" }, sender: { login: "ada" } };
const arrive = (body: string | Uint8Array, changed: Readonly<Record<string, string | undefined>> = {}) =>
  toArrival({
    headers: { ...headers, ...changed },
    body: typeof body === "string" ? bytes(body) : body,
  });

test("a signature that GitHub documents is accepted", () => {
  const header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  verifySignature(secret, bytes("Hello, World!"), header);
});

test("a body in any script, an empty body and bytes that are no text are signed as they are", () => {
  for (const body of [bytes("Grüße, 世界 🌍"), bytes(""), new Uint8Array([0xff, 0x00, 0xfe])]) {
    verifySignature(secret, body, sign(body));
    verifySignature("пароль 🔑", body, sign(body, "пароль 🔑"));
    verifySignature(secret, body, sign(body).toUpperCase().replace("SHA256", "sha256"));
  }
});

test("a wrong, missing, cut or differently hashed signature is refused", () => {
  const body = bytes("{}");
  const good = sign(body);
  const bad = [
    undefined,
    "",
    sign(body, "another secret"),
    sign(bytes("{} ")),
    sign(body, secret, "sha1"),
    good.replace("sha256=", "sha1="),
    good.replace("sha256=", ""),
    good.slice(0, -2),
    `${good}00`,
    `${good}\n`,
    ` ${good}`,
    `sha256=${"g".repeat(64)}`,
    `sha256=${"é".repeat(64)}`,
  ];
  for (const header of bad) {
    assert.throws(() => verifySignature(secret, body, header), withCode("WEBHOOK_SIGNATURE"), String(header));
  }
});

test("a refused signature tells neither the secret nor the right signature", () => {
  const body = bytes("{}");
  assert.throws(
    () => verifySignature(secret, body, sign(body, "guess")),
    (error) =>
      isAosError(error) && !JSON.stringify([error.message, error.details]).includes(sign(body).slice(7)) && !error.message.includes(secret),
  );
});

test("an empty secret is a fault of the configuration, never a check that everybody passes", () => {
  assert.throws(() => verifySignature("", bytes("{}"), sign(bytes("{}"), "")), withCode("CONFIG_INVALID"));
});

test("with a secret an unsigned webhook is refused before its headers or body are read", () => {
  assert.throws(() => toArrival({ headers: {}, body: bytes("no json"), secret }), withCode("WEBHOOK_SIGNATURE"));
  const body = bytes(JSON.stringify(star));
  const arrival = toArrival({
    headers: { ...headers, "x-hub-signature-256": sign(body) },
    body,
    secret,
  });
  assert.equal(arrival.key, "d-1");
});

test("a webhook becomes an event for the secretary, keyed by its delivery id", () => {
  assert.deepEqual(arrive(JSON.stringify({ ...star, starred_at: "x", huge: "y".repeat(1e6) })), {
    target: "secretary/main",
    name: "github.delivery",
    data: { delivery: "d-1", event: "star", payload: star },
    key: "d-1",
    source: "https://github.com",
  });
});

test("a webhook in GitHub's form encoding is the same event", () => {
  const form = new URLSearchParams({ payload: JSON.stringify(star) }).toString();
  assert.deepEqual(arrive(form, { "content-type": "application/x-www-form-urlencoded; charset=utf-8" }), arrive(JSON.stringify(star)));
});

test("a missing or malformed header is named", () => {
  const body = JSON.stringify(star);
  const delivery = [undefined, "", "a b", "x".repeat(65), "../1", "é"];
  const event = [undefined, "", "Star", "__proto__", "star\n", "x".repeat(65)];
  for (const value of delivery) {
    assert.throws(
      () => arrive(body, { "x-github-delivery": value }),
      (error) => isAosError(error, "USAGE") && error.message.includes("X-GitHub-Delivery"),
    );
  }
  for (const value of event) {
    assert.throws(
      () => arrive(body, { "x-github-event": value }),
      (error) => isAosError(error, "USAGE") && error.message.includes("X-GitHub-Event"),
    );
  }
});

test("a body that is no JSON object in UTF-8 is refused", () => {
  const bodies = ["", "   ", "{", "null", "[]", "1", '"text"', '{"a":1}}', "[".repeat(100_000), new Uint8Array([0x7b, 0xff, 0x7d])];
  for (const body of bodies) assert.throws(() => arrive(body), withCode("BODY_INVALID"));
  assert.throws(() => arrive("payload", { "content-type": "application/x-www-form-urlencoded" }), withCode("BODY_INVALID"));
});

test("another content type is refused", () => {
  for (const type of ["text/plain", "application/xml", "", "application/jsonx"]) {
    assert.throws(() => arrive("{}", { "content-type": type }), withCode("CONTENT_TYPE_UNSUPPORTED"));
  }
});

test("a payload of wrong types is refused with the path of the fault", () => {
  for (const wrong of [{ action: 1 }, { repository: "o/r" }, { repository: { full_name: {} } }, { sender: [] }]) {
    assert.throws(
      () => arrive(JSON.stringify(wrong)),
      (error) => isAosError(error, "PAYLOAD_INVALID") && error.message.includes("/payload/"),
    );
  }
  for (const cents of [-1, 0.5, 1e300]) {
    const wrong = JSON.stringify({
      action: "created",
      sponsorship: { tier: { monthly_price_in_cents: cents } },
    });
    assert.throws(() => arrive(wrong, { "x-github-event": "sponsorship" }), withCode("PAYLOAD_INVALID"));
  }
});

test("fields that the event's rule does not read cannot make a webhook fail", () => {
  const { data } = arrive(JSON.stringify({ ...star, alert: 7, release: "x", state: {}, ["__proto__"]: 1 }));
  assert.deepEqual(data, { delivery: "d-1", event: "star", payload: star });
});

test("long texts are cut, so that a delivery stays small", () => {
  const long = "🌍".repeat(100_000);
  const { data } = arrive(
    JSON.stringify({
      action: "published",
      release: { tag_name: long, name: long },
      sender: { login: long },
      repository: { full_name: long },
    }),
    { "x-github-event": "release" },
  );
  assert.ok(JSON.stringify(data).length < 10_000);
});

test("a nested object of a hundred thousand levels in a field that is read is refused, not followed", () => {
  const deep = `${'{"full_name":'.repeat(100_000)}1${"}".repeat(100_000)}`;
  assert.throws(() => arrive(`{"repository":${deep}}`), withCode("PAYLOAD_INVALID"));
});
