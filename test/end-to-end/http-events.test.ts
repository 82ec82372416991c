/** Events over HTTP: one, many, and everything that is wrong with some. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHttp } from "../support/http-system.ts";

const STRUCTURED = { "content-type": "application/cloudevents+json" };
const BATCH = { "content-type": "application/cloudevents-batch+json" };
const EVENTS = "/api/agents/counter/main/events";
const event = (id: string, more: object = {}): object => ({
  specversion: "1.0",
  id,
  source: "s",
  type: "added",
  data: { by: 1 },
  ...more,
});

test("an event is acknowledged once durable, and its turn is in the journal", async () => {
  await using http = await startHttp();
  const sent = await http.send("counter/main", "added", { by: 2 });
  assert.equal(sent.status, 202);
  assert.deepEqual(Object.keys(sent.body), ["id", "seq", "duplicate"]);
  assert.equal(sent.body["duplicate"], false);
  const outcome = await http.call("GET", `/api/events/${String(sent.body["id"])}/outcome`);
  assert.equal(outcome.status, 200);
  assert.equal(outcome.body["outcome"], "done");
  const journal = await http.call("GET", "/api/agents/counter/main/journal");
  assert.deepEqual(journal.body.items.at(-1), outcome.body);
  assert.match(String(outcome.body["at"]), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test("a binary event is the same as a structured one", async () => {
  await using http = await startHttp();
  const headers = { "ce-specversion": "1.0", "ce-id": "b1", "ce-source": "s", "ce-type": "added" };
  const first = await http.call("POST", EVENTS, { by: 1 }, headers);
  assert.equal(first.status, 202);
  const again = await http.call("POST", EVENTS, event("b1"), STRUCTURED);
  assert.equal(again.status, 202);
  assert.deepEqual(again.body, { ...first.body, duplicate: true });
});

test("a duplicate gets the first id, another payload under the same key is a conflict", async () => {
  await using http = await startHttp();
  const key = { "idempotency-key": "k1" };
  const first = await http.send("counter/main", "added", { by: 1 }, {}, key);
  const again = await http.send("counter/main", "added", { by: 1 }, {}, key);
  assert.deepEqual([again.status, again.body], [202, { ...first.body, duplicate: true }]);
  const other = await http.send("counter/main", "added", { by: 2 }, {}, key);
  assert.equal(other.status, 409);
  assert.equal(other.body["code"], "IDEMPOTENCY_CONFLICT");
  assert.equal(other.body["id"], first.body["id"]);
  assert.equal((await http.send("counter/main", "added", { by: 1 }, {}, { "idempotency-key": "x".repeat(256) })).status, 400);
});

test("what is wrong with an event is said with its paths", async () => {
  await using http = await startHttp();
  const bad = await http.call("POST", EVENTS, { specversion: "0.3", type: "added", aospriority: 11, aosdeliverat: "tomorrow" }, STRUCTURED);
  assert.equal(bad.status, 422);
  assert.equal(bad.headers.get("content-type"), "application/problem+json");
  const faults = bad.body["faults"] as readonly { readonly path: string }[];
  assert.deepEqual(faults.map(({ path }) => path).toSorted(), ["/aosdeliverat", "/aospriority", "/id", "/source", "/specversion"]);
  const payload = await http.send("counter/main", "added", { by: "two" });
  assert.equal(payload.status, 422);
  assert.equal((payload.body["faults"] as readonly { readonly path: string }[])[0]?.path, "/by");
  const unknown = await http.send("counter/main", "removed", {});
  assert.deepEqual([unknown.status, unknown.body["code"]], [422, "EVENT_NOT_ACCEPTED"]);
  const binary = await http.call("POST", EVENTS, { by: 1 }, { "ce-type": "added", "ce-specversion": "1.0" });
  assert.deepEqual(
    (binary.body["faults"] as readonly { readonly path: string }[]).map(({ path }) => path),
    ["/id", "/source"],
  );
  const encoded = await http.call("POST", EVENTS, event("x", { data: undefined, data_base64: "AAAA" }), STRUCTURED);
  assert.equal(encoded.status, 422);
  const json = await http.call(
    "POST",
    EVENTS,
    event("y", {
      data: undefined,
      datacontenttype: "application/json",
      data_base64: Buffer.from('{"by":3}').toString("base64"),
    }),
    STRUCTURED,
  );
  assert.equal(json.status, 202);
});

test("bodies that are no JSON, too deep, or of another type are refused by name", async () => {
  await using http = await startHttp();
  const refusal = async (body: string, headers: Record<string, string> = STRUCTURED): Promise<readonly unknown[]> => {
    const { status, body: problem } = await http.call("POST", EVENTS, body, headers);
    return [status, problem["code"]];
  };
  assert.deepEqual(await refusal("{"), [400, "BODY_INVALID"]);
  assert.deepEqual(await refusal(""), [400, "BODY_INVALID"]);
  assert.deepEqual(await refusal("[]"), [400, "BODY_INVALID"]);
  assert.deepEqual(await refusal(`{"data":${"[".repeat(300)}${"]".repeat(300)}}`), [400, "BODY_INVALID"]);
  assert.deepEqual(await refusal("{}", { "content-type": "text/plain" }), [415, "CONTENT_TYPE_UNSUPPORTED"]);
  assert.deepEqual(await refusal("[]", BATCH), [415, "CONTENT_TYPE_UNSUPPORTED"]);
  assert.equal((await http.send("counter/nobody", "added", { by: 1 })).body["code"], "AGENT_NOT_FOUND");
  assert.equal((await http.send("nothing/nobody", "added", { by: 1 })).status, 404);
  assert.equal((await http.send("Counter/main", "added", { by: 1 })).body["code"], "ADDRESS_INVALID");
  const brackets = await http.send("counter/main", "added", { by: 1 }, { subject: `${"[".repeat(300)}"\\` });
  assert.equal(brackets.status, 202);
  assert.deepEqual(http.unexpected, []);
});

test("a full mailbox is 429 with Retry-After", async () => {
  await using http = await startHttp({ boot: { limits: { mailboxDepth: 2 } } });
  await http.call("POST", "/api/agents/counter/main:pause");
  for (const _ of [1, 2]) assert.equal((await http.send("counter/main", "added", { by: 1 })).status, 202);
  const full = await http.send("counter/main", "added", { by: 1 });
  assert.deepEqual([full.status, full.body["code"]], [429, "MAILBOX_FULL"]);
  assert.match(full.headers.get("retry-after") ?? "", /^\d+$/);
});

test("a batch is answered event by event, in order", async () => {
  await using http = await startHttp();
  const batch = [
    event("1", { aostarget: "counter/main" }),
    event("2", { aostarget: "counter/nobody" }),
    { id: "3" },
    event("1", { aostarget: "counter/main" }),
    event("4", { type: "unheard-of" }),
    event("5", { aostarget: "nonsense" }),
    "text",
  ];
  const { status, body } = await http.call("POST", "/api/events", batch, BATCH);
  assert.equal(status, 207);
  const entries = body as unknown as readonly Readonly<Record<string, unknown>>[];
  assert.deepEqual(
    entries.map((entry) => entry["status"]),
    [202, 404, 422, 202, 422, 422, 400],
  );
  assert.equal(entries[3]?.["duplicate"], true);
  assert.equal(entries[3]?.["id"], entries[0]?.["id"]);
  assert.equal(entries[1]?.["code"], "AGENT_NOT_FOUND");
  assert.deepEqual((await http.call("POST", "/api/events", [], BATCH)).body, []);
  assert.equal((await http.call("POST", "/api/events", {}, BATCH)).status, 400);
});

test("an event without target goes to every agent that accepts it", async () => {
  await using http = await startHttp();
  await http.call("PUT", "/api/agents/watcher/w");
  const { status, body } = await http.call("POST", "/api/events", event("r1"), STRUCTURED);
  assert.equal(status, 207);
  const [entry] = body as unknown as readonly {
    readonly status: number;
    readonly routed: readonly { readonly agent: string }[];
  }[];
  assert.equal(entry?.status, 202);
  assert.deepEqual(entry?.routed.map(({ agent }) => agent).toSorted(), ["counter/main", "watcher/w"]);
});

test("delayed and expiring events keep their times", async () => {
  await using http = await startHttp();
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await http.send("counter/main", "added", { by: 1 }, { aosdeliverat: later, aospriority: 9 });
  await http.send("counter/main", "added", { by: 1 }, { aosdelay: "2h" });
  const { items } = (await http.call("GET", "/api/agents/counter/main/mailbox")).body;
  const mail = items.filter(({ kind }) => kind === "event");
  assert.deepEqual(mail.map(({ priority }) => String(priority)).toSorted(), ["5", "9"]);
  assert.ok(mail.some(({ dueAt }) => dueAt === later));
});
