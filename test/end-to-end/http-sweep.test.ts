/** Bad input at every door that the other files leave out: each gets its documented error, and nothing unexpected is logged. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { webhooks } from "../../examples/boardroom/agents.ts";
import { startHttp } from "../support/http-system.ts";

const MAIN = "/api/agents/counter/main";
const DELIVERY = { "x-github-delivery": "d1", "x-github-event": "push" };
const FORM = { ...DELIVERY, "content-type": "application/x-www-form-urlencoded" };
const MIB = 1 << 20;

type Row = readonly [call: string, body: unknown, answer: `${number} ${string}`, headers?: Readonly<Record<string, string>>];

const ROWS: readonly Row[] = [
  ["POST /webhooks/signed", "{}", "401 WEBHOOK_SIGNATURE", DELIVERY],
  ["POST /webhooks/signed", "{}", "401 WEBHOOK_SIGNATURE", { ...DELIVERY, "x-hub-signature-256": "sha256=zz" }],
  ["POST /webhooks/signed", "{}", "401 WEBHOOK_SIGNATURE", { ...DELIVERY, "x-hub-signature-256": `sha256=${"0".repeat(64)}` }],
  ["POST /webhooks/open", "{}", "400 USAGE", { "x-github-event": "push" }],
  ["POST /webhooks/open", "{}", "400 USAGE", { "x-github-delivery": "d1" }],
  ["POST /webhooks/open", "", "400 BODY_INVALID", DELIVERY],
  ["POST /webhooks/open", "[]", "400 BODY_INVALID", DELIVERY],
  ["POST /webhooks/open", "x=%7B%7D", "400 BODY_INVALID", FORM],
  ["POST /webhooks/open", "payload=%", "400 BODY_INVALID", FORM],
  ["POST /webhooks/open", "x".repeat(26 * MIB), "413 BODY_TOO_LARGE", DELIVERY],
  ["POST /webhooks/..%2f..", "{}", "404 NOT_FOUND"],
  ["GET /webhooks/open", undefined, "405 METHOD_NOT_ALLOWED"],

  [`POST ${MAIN}/commands/nope`, {}, "422 EVENT_NOT_ACCEPTED"],
  [`POST ${MAIN}/commands/__proto__`, {}, "422 EVENT_NOT_ACCEPTED"],
  [`POST ${MAIN}/commands/set`, { to: "x" }, "422 PAYLOAD_INVALID"],
  [`POST ${MAIN}/commands/set`, "[1", "400 BODY_INVALID"],
  [`POST ${MAIN}/commands/set`, { to: 1 }, "415 CONTENT_TYPE_UNSUPPORTED", { "content-type": "text/plain" }],
  ["POST /api/agents/counter/none/commands/set", { to: 1 }, "404 AGENT_NOT_FOUND"],
  [`GET ${MAIN}/queries/toString`, undefined, "422 EVENT_NOT_ACCEPTED"],
  [`GET ${MAIN}/queries/times?input=%7Bbad`, undefined, "400 BODY_INVALID"],
  [`POST ${MAIN}/queries/times`, { by: "x" }, "422 PAYLOAD_INVALID"],

  ["POST /api/topics/a..b", {}, "400 USAGE"],
  ["POST /api/topics/news.*", {}, "400 USAGE"],
  ["POST /api/topics/news.x", "{", "400 BODY_INVALID"],

  ["GET /api/dead-letters?limit=0", undefined, "422 PAYLOAD_INVALID"],
  ["GET /api/dead-letters?limit=99999", undefined, "422 PAYLOAD_INVALID"],
  ["GET /api/dead-letters?agent=bad", undefined, "422 ADDRESS_INVALID"],
  ["GET /api/dead-letters/none", undefined, "404 DEAD_LETTER_NOT_FOUND"],
  ["DELETE /api/dead-letters/none", undefined, "404 DEAD_LETTER_NOT_FOUND"],
  ["POST /api/dead-letters/none:redrive", undefined, "404 DEAD_LETTER_NOT_FOUND"],
  ["POST /api/dead-letters:redrive", { unknown: 1 }, "422 PAYLOAD_INVALID"],

  ["GET /api/effects?state=odd", undefined, "422 PAYLOAD_INVALID"],
  ["POST /api/effects/none:resolve", {}, "422 PAYLOAD_INVALID"],
  ["POST /api/effects/none:resolve", { outcome: "done", output: {} }, "404 EFFECT_NOT_FOUND"],

  ["GET /api/schedules?agent=counter/none", undefined, "404 AGENT_NOT_FOUND"],
  [`GET ${MAIN}/schedules/none/next`, undefined, "404 NOT_FOUND"],
  [`GET ${MAIN}/schedules/daily/next?count=1e9`, undefined, "422 PAYLOAD_INVALID"],
  [`POST ${MAIN}/schedules/none:run`, undefined, "404 NOT_FOUND"],

  ["PUT /api/agents/none/x", {}, "404 TYPE_UNKNOWN"],
  ["PUT /api/agents/counter/a%20b", {}, "422 ADDRESS_INVALID"],
  [`PUT /api/agents/counter/${"x".repeat(129)}`, {}, "422 ADDRESS_INVALID"],
  ["PUT /api/agents/counter/x", [], "422 PAYLOAD_INVALID"],
  ["PUT /api/agents/counter/x", { tags: [""] }, "422 PAYLOAD_INVALID"],
  ["POST /api/agents", [{ type: "counter", id: "x" }], "405 METHOD_NOT_ALLOWED"],
  ["POST /api/agents:pause", {}, "422 PAYLOAD_INVALID"],
  [`POST ${MAIN}:explode`, undefined, "404 NOT_FOUND"],

  [`GET ${MAIN}/journal?after=-1`, undefined, "422 PAYLOAD_INVALID"],
  ["GET /api/why/none", undefined, "404 NOT_FOUND"],
  ["GET /api/stream?after=x", undefined, "422 PAYLOAD_INVALID"],
  ["GET /api/stream?agent=counter/none", undefined, "404 AGENT_NOT_FOUND"],
  ["GET /api/stream", undefined, "400 USAGE", { "last-event-id": "x" }],
  ["POST /api/test/clock", { advanceMs: 1 }, "404 NOT_FOUND"],

  ["GET /api/agents", undefined, "422 ADDRESS_INVALID", { "aos-tenant": "A B" }],
  ["GET /api/agents", undefined, "403 FORBIDDEN", { "aos-tenant": "acme", authorization: "Bearer given-key" }],
  ["GET /api/agents", undefined, "403 FORBIDDEN", { "aos-tenant": "*", authorization: "Bearer given-key" }],
];

test("each door answers bad input with its documented error, and changes nothing", async () => {
  const receive = webhooks.github;
  await using http = await startHttp({
    webhooks: { signed: { receive, secret: "s3cret" }, open: { receive } },
  });
  for (const [line, body, answer, headers] of ROWS) {
    const [method = "", path = ""] = line.split(" ");
    const { status, body: problem, headers: answered } = await http.call(method, path, body, headers);
    assert.equal(`${status} ${String(problem["code"])}`, answer, `${line} ${JSON.stringify(problem)}`);
    assert.match(answered.get("content-type") ?? "", /^application\/problem\+json/, line);
  }
  assert.deepEqual(http.unexpected, []);
  const { body } = await http.call("GET", "/api/agents");
  assert.deepEqual(
    body.items.map(({ address, turn }) => [address, turn]),
    [["counter/main", 1]],
  );
});

test("a delivery as large as GitHub's largest is taken, in either encoding", async () => {
  const receive = ({ body }: { readonly body: Uint8Array }) => ({
    target: "counter/main",
    name: "added",
    data: { by: body.length },
    source: "hook",
    key: String(body.length),
  });
  await using http = await startHttp({ webhooks: { open: { receive } } });
  const large = "x".repeat(25 * MIB);
  assert.equal((await http.call("POST", "/webhooks/open", large)).status, 202);
});

test("a signed delivery in form encoding is taken like one in JSON", async () => {
  const receive = webhooks.github;
  await using http = await startHttp({ webhooks: { signed: { receive, secret: "s3cret" } } });
  for (const [type, body] of [
    ["application/json", "{}"],
    ["application/x-www-form-urlencoded", "payload=%7B%7D"],
  ] as const) {
    const signature = `sha256=${createHmac("sha256", "s3cret").update(body).digest("hex")}`;
    const { body: problem } = await http.call("POST", "/webhooks/signed", body, {
      ...DELIVERY,
      "content-type": type,
      "x-hub-signature-256": signature,
    });
    // The door has done its part: only the agent is missing here.
    assert.equal(problem["code"], "AGENT_NOT_FOUND", type);
  }
});

test("a daily schedule keeps its hour in its zone over a change of the clocks, driven over HTTP", async () => {
  await using http = await startHttp({
    boot: { clock: "inject", journal: { days: 400, bytesPerAgent: "1GiB" } },
  });
  const DAY_MS = 86_400_000;
  // Half a year and some has one change at least, whenever it begins.
  for (let days = 0; days < 217; days += 31)
    assert.equal((await http.call("POST", "/api/test/clock", { advanceMs: 31 * DAY_MS })).status, 200);
  const { body } = await http.call("GET", `${MAIN}/journal?limit=1000`);
  const ticks = body.items.filter(({ kind }) => kind === "schedule").map(({ at }) => new Date(String(at)));
  assert.ok(ticks.length >= 216, String(ticks.length));
  const london = new Intl.DateTimeFormat("en-GB", {
    timeZone: "Europe/London",
    hour: "2-digit",
    minute: "2-digit",
  });
  assert.deepEqual(new Set(ticks.map((at) => london.format(at))), new Set(["09:00"]));
  assert.deepEqual(new Set(ticks.map((at) => at.getUTCHours())), new Set([8, 9]));
});
