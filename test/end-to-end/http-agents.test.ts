/** What operators and applications do over HTTP beside sending events. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { AosError } from "../../src/kernel/index.ts";
import { type HttpHarness, startHttp } from "../support/http-system.ts";

const MAIN = "/api/agents/counter/main";

/** Sends an event and waits until it is through. */
async function settle(http: HttpHarness, type: string, data: unknown): Promise<string> {
  const sent = await http.send("counter/main", type, data);
  assert.equal(sent.status, 202);
  const id = String(sent.body["id"]);
  assert.equal((await http.call("GET", `/api/events/${id}/outcome`)).status, 200);
  return id;
}

test("registering is idempotent, and a refused one leaves nothing", async () => {
  await using http = await startHttp();
  const made = await http.call("PUT", "/api/agents/counter/c1", { tags: ["blue"] });
  assert.deepEqual([made.status, made.body], [201, { address: "counter/c1", created: true }]);
  const again = await http.call("PUT", "/api/agents/counter/c1");
  assert.deepEqual([again.status, again.body["created"]], [200, false]);
  assert.deepEqual((await http.call("GET", "/api/agents/counter/c1")).body["tags"], ["blue"]);
  assert.equal((await http.call("PUT", "/api/agents/unheard-of/x")).body["code"], "TYPE_UNKNOWN");
  assert.equal((await http.call("PUT", "/api/agents/counter/b%20d")).body["code"], "ADDRESS_INVALID");
  assert.equal((await http.call("PUT", "/api/agents/counter/c2", { colour: 1 })).status, 422);
  assert.equal((await http.call("PUT", "/api/agents/counter/c2", "nonsense", { "content-type": "text/plain" })).status, 415);
  assert.equal((await http.call("GET", "/api/agents/counter/c2")).body["code"], "AGENT_NOT_FOUND");
  const ended = await http.call("DELETE", "/api/agents/counter/c1");
  assert.deepEqual([ended.status, ended.body["state"]], [200, "terminated"]);
  assert.equal((await http.call("PUT", "/api/agents/counter/c1")).status, 410);
});

test("agents are listed in pages, by type and state", async () => {
  await using http = await startHttp();
  for (const id of ["a", "b", "c", "d"]) await http.call("PUT", `/api/agents/watcher/${id}`);
  await http.call("POST", "/api/agents/watcher/b:pause", { reason: "testing" });
  const first = await http.call("GET", "/api/agents?type=watcher&limit=3");
  assert.deepEqual(
    first.body.items.map(({ id }) => id),
    ["a", "b", "c"],
  );
  const second = await http.call("GET", `/api/agents?type=watcher&limit=3&cursor=${encodeURIComponent(String(first.body["next"]))}`);
  assert.deepEqual(
    second.body.items.map(({ id }) => id),
    ["d"],
  );
  const paused = (await http.call("GET", "/api/agents?state=paused")).body.items;
  assert.deepEqual(
    paused.map(({ address, reason }) => [address, reason]),
    [["watcher/b", "testing"]],
  );
  for (const key of ["address", "type", "id", "state", "mailbox", "parked", "lastTurnAt", "nextWakeAt", "revision", "node"])
    assert.ok(key in (paused[0] ?? {}), key);
  assert.equal((await http.call("GET", "/api/agents?limit=0")).status, 422);
  assert.equal((await http.call("GET", "/api/agents?state=asleep")).status, 422);
});

test("moves are made one by one and by selection; illegal ones are refused", async () => {
  await using http = await startHttp();
  assert.equal((await http.call("POST", `${MAIN}:pause`)).body["state"], "paused");
  assert.equal((await http.call("POST", `${MAIN}:resume`)).body["state"], "sleeping");
  assert.equal((await http.call("POST", `${MAIN}:quarantine`, { reason: "odd" })).body["state"], "quarantined");
  assert.equal((await http.call("POST", "/api/agents/counter/nobody:pause")).status, 404);
  const none = await http.call("POST", "/api/agents:pause", {});
  assert.equal(none.status, 422);
  await http.call("PUT", "/api/agents/watcher/a");
  const moved = await http.call("POST", "/api/agents:pause", { type: "watcher" });
  assert.deepEqual([moved.status, moved.body["moved"]], [200, 1]);
  assert.deepEqual((await http.call("POST", "/api/agents:resume", { all: true })).status, 200);
  assert.equal((await http.call("POST", `${MAIN}:wake`)).status, 202);
});

test("a command answers with its output, late ones can be fetched", async () => {
  await using http = await startHttp();
  const done = await http.call("POST", `${MAIN}/commands/set`, { to: 5 }, { "idempotency-key": "c1" });
  assert.deepEqual([done.status, done.body["output"]], [200, { was: 0 }]);
  const again = await http.call("POST", `${MAIN}/commands/set`, { to: 5 }, { "idempotency-key": "c1" });
  assert.deepEqual(again.body, done.body);
  assert.deepEqual((await http.call("GET", `/api/replies/${String(done.body["id"])}`)).body, {
    output: { was: 0 },
  });
  const late = await http.call("POST", `${MAIN}/commands/stall?waitMs=20`);
  assert.equal(late.status, 202);
  assert.equal(late.headers.get("location"), `/api/replies/${String(late.body["id"])}`);
  assert.equal((await http.call("GET", String(late.headers.get("location")))).status, 202);
  assert.equal((await http.call("POST", `${MAIN}/commands/set`, { to: "five" })).status, 422);
  assert.equal((await http.call("POST", `${MAIN}/commands/unset`)).body["code"], "EVENT_NOT_ACCEPTED");
  await http.call("POST", `${MAIN}:kill`);
});

test("queries read the last committed state, by GET and POST", async () => {
  await using http = await startHttp();
  await settle(http, "added", { by: 7 });
  assert.equal((await http.call("GET", `${MAIN}/queries/total`)).body, 7);
  assert.equal((await http.call("GET", `${MAIN}/queries/times?input=${encodeURIComponent('{"by":3}')}`)).body, 21);
  assert.equal((await http.call("POST", `${MAIN}/queries/times`, { by: 2 })).body, 14);
  assert.equal((await http.call("POST", `${MAIN}/queries/times`, { by: "2" })).status, 422);
  assert.equal((await http.call("GET", `${MAIN}/queries/times?input={`)).status, 400);
  const { state, version } = (await http.call("GET", `${MAIN}/state`)).body;
  assert.deepEqual([state, version], [{ total: 7 }, 1]);
});

test("dead letters are listed, shown, put back and dropped", async () => {
  await using http = await startHttp();
  const id = await settle(http, "burst", { why: "tired" });
  const { items } = (await http.call("GET", "/api/dead-letters?agent=counter/main")).body;
  assert.deepEqual(
    items.map((letter) => [letter["id"], letter["agent"], letter["data"]]),
    [[id, "counter/main", { why: "tired" }]],
  );
  assert.match(String((await http.call("GET", `/api/dead-letters/${id}`)).body["reason"]), /./);
  const back = await http.call("POST", `/api/dead-letters/${id}:redrive`);
  assert.deepEqual([back.status, back.body], [200, { id, agent: "counter/main" }]);
  while ((await http.call("GET", "/api/dead-letters")).body.items.length === 0);
  assert.deepEqual((await http.call("POST", "/api/dead-letters:redrive", { fresh: true })).body, {
    redriven: 1,
  });
  let fresh = (await http.call("GET", "/api/dead-letters")).body.items;
  while (fresh.length === 0) fresh = (await http.call("GET", "/api/dead-letters")).body.items;
  assert.notEqual(fresh[0]?.["id"], id);
  assert.equal((await http.call("DELETE", `/api/dead-letters/${String(fresh[0]?.["id"])}`)).status, 204);
  assert.equal((await http.call("DELETE", `/api/dead-letters/${id}`)).body["code"], "DEAD_LETTER_NOT_FOUND");
  const why = await http.call("GET", `/api/why/${id}`);
  assert.ok(why.body.items.every(({ outcome }) => outcome === "dead"));
  assert.equal((await http.call("GET", "/api/why/nothing")).status, 404);
});

test("an effect in doubt is listed and resolved by a human", async () => {
  await using http = await startHttp();
  await http.send("counter/main", "charge", { cents: 5 });
  let found = (await http.call("GET", "/api/effects?state=in-doubt")).body.items;
  while (found.length === 0) found = (await http.call("GET", "/api/effects?state=in-doubt")).body.items;
  const id = encodeURIComponent(String(found[0]?.["id"]));
  assert.equal((await http.call("POST", `/api/effects/${id}:resolve`, { outcome: "perhaps" })).status, 422);
  const resolved = await http.call("POST", `/api/effects/${id}:resolve`, {
    outcome: "done",
    output: {},
  });
  assert.deepEqual([resolved.status, resolved.body["state"]], [200, "done"]);
  // Its envelope goes on at once, and takes the effect along when it is through.
  const again = await http.call("POST", `/api/effects/${id}:resolve`, { outcome: "retry" });
  assert.ok([404, 409].includes(again.status));
  assert.equal((await http.call("POST", "/api/effects/none:resolve", { outcome: "retry" })).status, 404);
});

test("schedules are listed, previewed and fired", async () => {
  await using http = await startHttp();
  const { items } = (await http.call("GET", "/api/schedules?agent=counter/main")).body;
  assert.deepEqual(
    items.map(({ agent, name }) => [agent, name]),
    [["counter/main", "daily"]],
  );
  const next = (await http.call("GET", `${MAIN}/schedules/daily/next?count=3`)).body.items as unknown as readonly string[];
  assert.equal(next.length, 3);
  assert.equal((await http.call("POST", `${MAIN}/schedules/daily:run`)).status, 202);
  assert.equal((await http.call("POST", `${MAIN}/schedules/hourly:run`)).status, 404);
});

test("a topic's message reaches its subscribers", async () => {
  await using http = await startHttp();
  await http.call("PUT", "/api/agents/watcher/w");
  const key = { "idempotency-key": "t1" };
  const sent = await http.call("POST", "/api/topics/news.today?type=seen", { a: 1 }, key);
  assert.deepEqual([sent.status, sent.body["receivers"], sent.body["duplicate"]], [202, 1, false]);
  assert.equal((await http.call("POST", "/api/topics/news.today?type=seen", { a: 1 }, key)).body["duplicate"], true);
  assert.equal((await http.call("POST", "/api/topics/news.today?type=seen", { a: 2 }, key)).status, 409);
  assert.equal((await http.call("POST", "/api/topics/b%20d", {})).body["code"], "USAGE");
  assert.equal((await http.call("POST", "/api/topics/news.today", "{")).status, 400);
});

test("credentials do what their scopes and tenant allow, until they are revoked", async () => {
  await using http = await startHttp();
  const { key: reader } = await http.keys.create({ scopes: ["read"] });
  const { key: sender, info } = await http.keys.create({
    scopes: ["send", "read", "operate"],
    tenant: "acme",
  });
  const as = (key: string, more: Record<string, string> = {}): Record<string, string> => ({
    authorization: `Bearer ${key}`,
    ...more,
  });
  assert.equal((await http.call("GET", "/api/agents", undefined, as(reader))).status, 200);
  assert.deepEqual((await http.call("POST", `${MAIN}:pause`, undefined, as(reader))).body["code"], "FORBIDDEN");
  assert.equal((await http.send("counter/main", "added", { by: 1 }, {}, as(reader))).status, 403);
  assert.equal((await http.call("GET", "/api/agents", undefined, as("given-key"))).status, 200);
  // Another tenant sees nothing of this one, and cannot say that it is this one.
  await http.call("PUT", "/api/agents/counter/main", {}, as(sender));
  const theirs = (await http.call("GET", "/api/agents", undefined, as(sender))).body.items;
  assert.deepEqual(
    theirs.map(({ address }) => address),
    ["acme/counter/main"],
  );
  assert.equal((await http.call("GET", "/api/agents", undefined, as(sender, { "aos-tenant": "default" }))).status, 403);
  const mine = await settle(http, "added", { by: 1 });
  assert.equal((await http.call("GET", `/api/why/${mine}`, undefined, as(sender))).status, 404);
  assert.equal((await http.call("GET", `/api/events/${mine}/outcome`, undefined, as(sender))).status, 404);
  assert.equal((await http.send("counter/main", "added", { by: 1 }, { aostarget: "default/counter/main" }, as(sender))).status, 403);
  const dead = await settle(http, "burst", { why: "x" });
  assert.equal((await http.call("DELETE", `/api/dead-letters/${dead}`, undefined, as(sender))).status, 404);
  assert.deepEqual((await http.call("POST", "/api/dead-letters:redrive", {}, as(sender))).body, {
    redriven: 0,
  });
  assert.equal((await http.call("POST", "/api/agents:pause", { tenant: "default" }, as(sender))).status, 403);
  // A fleet operator may name a tenant.
  const acme = (await http.call("GET", "/api/agents", undefined, { "aos-tenant": "acme" })).body.items;
  assert.equal(acme.length, 1);
  const every = (await http.call("GET", "/api/agents", undefined, { "aos-tenant": "*" })).body.items;
  assert.equal(every.length, 2);
  await http.keys.revoke(info.id);
  assert.equal((await http.call("GET", "/api/agents", undefined, as(sender))).status, 401);
});

test("a webhook checks its signature, and without a secret is for this machine", async () => {
  const receive = ({
    headers,
    body,
    secret,
  }: {
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly body: Uint8Array;
    readonly secret?: string | undefined;
  }) => {
    const signature = createHmac("sha256", secret ?? "")
      .update(body)
      .digest("hex");
    if (secret !== undefined && headers["x-signature"] !== signature)
      throw new AosError("WEBHOOK_SIGNATURE", "the signature does not match");
    return {
      target: "counter/main",
      name: "added",
      data: { by: body.length },
      source: "hook",
      key: String(headers["x-delivery"]),
    };
  };
  await using http = await startHttp({
    webhooks: { signed: { receive, secret: "s3cret" }, open: { receive } },
  });
  const post = (name: string, headers: Record<string, string>): ReturnType<HttpHarness["call"]> =>
    http.call("POST", `/webhooks/${name}`, "12345", { authorization: "", ...headers });
  const signature = createHmac("sha256", "s3cret").update("12345").digest("hex");
  const first = await post("signed", { "x-signature": signature, "x-delivery": "d1" });
  assert.equal(first.status, 202);
  assert.deepEqual((await post("signed", { "x-signature": signature, "x-delivery": "d1" })).body, {
    ...first.body,
    duplicate: true,
  });
  assert.deepEqual([(await post("signed", { "x-delivery": "d2" })).status], [401]);
  assert.equal((await post("open", { "x-delivery": "d3" })).status, 202);
  assert.equal((await post("other", {})).status, 404);
});

test("health, readiness, metrics, types and usage tell of the system", async () => {
  await using http = await startHttp();
  await settle(http, "added", { by: 1 });
  assert.deepEqual(await (await fetch(`${http.url}/healthz`)).json(), { status: "ok" });
  assert.deepEqual((await http.call("GET", "/readyz")).body, { ok: true, reasons: [] });
  const metrics = String((await http.call("GET", "/metrics")).body["text"]);
  assert.match(metrics, /^aos_turns_total\{outcome="done"\} 1$/m);
  assert.match(metrics, /^aos_wasted_wakes_share [\d.]+$/m);
  assert.ok((await http.call("GET", "/api/types")).body.items.some(({ name }) => name === "counter"));
  assert.equal((await http.call("GET", "/api/usage")).status, 200);
});

test("the description names every route, with schemas that resolve", async () => {
  await using http = await startHttp();
  const { body } = await http.call("GET", "/openapi.json");
  assert.equal(body["openapi"], "3.1.0");
  const paths = Object.keys(body["paths"] as object);
  for (const path of [
    "/api/agents/{type}/{id}/events",
    "/api/ingest",
    "/api/agents/{type}/{id}:pause",
    "/api/agents:kill",
    "/api/stream",
    "/healthz",
  ])
    assert.ok(paths.includes(path), path);
  const references = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
  assert.deepEqual([...new Set(references)], ["#/components/schemas/Problem"]);
  const operations = Object.values(body["paths"] as Record<string, Record<string, { readonly operationId: string }>>).flatMap((methods) =>
    Object.values(methods),
  );
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
});

test("the page comes with a strict policy and without data", async () => {
  await using http = await startHttp();
  for (const path of ["/", "/page.css", "/page.js"]) {
    const response = await fetch(`${http.url}${path}`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'; script-src 'self'/);
    assert.doesNotMatch(await response.text(), /counter\/main/);
  }
});

test("the injected clock is advanced over HTTP, only where there is one", async () => {
  await using http = await startHttp({ boot: { clock: "inject" } });
  const before = (await http.call("POST", "/api/test/clock", { advanceMs: 0 })).body["now"];
  const after = (await http.call("POST", "/api/test/clock", { advanceMs: 86_400_000 })).body["now"];
  assert.equal(Date.parse(String(after)) - Date.parse(String(before)), 86_400_000);
  assert.equal((await http.call("POST", "/api/test/clock", { advanceMs: -1 })).status, 422);
});
