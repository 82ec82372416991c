/** Doors with what no well-behaved client sends: half a body, bad bytes, huge headers, wrong methods, other names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHttp } from "../support/http-system.ts";
import { RawHttp } from "../support/raw-http.ts";

const PATH = "/api/agents/counter/main/events";
const EVENT = '{"specversion":"1.0","id":"1","source":"s","type":"added","data":{"by":1}}';
const head = (port: number, key: string, more: readonly string[], path = PATH): string[] => [
  `POST ${path} HTTP/1.1`,
  `host: 127.0.0.1:${port}`,
  `authorization: Bearer ${key}`,
  "content-type: application/cloudevents+json",
  ...more,
];
const answered = (text: string): boolean => text.includes("\r\n\r\n") && text.trimEnd().endsWith("}");

test("a body past the limit is refused before it is read", async () => {
  await using http = await startHttp({ limits: { bodyBytes: 1_000 } });
  using raw = await RawHttp.open(http.server.port);
  raw.send(head(http.server.port, http.key, ["content-length: 1001"]));
  const answer = await raw.until(answered);
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /"code":"BODY_TOO_LARGE"/);
  using asking = await RawHttp.open(http.server.port);
  asking.send(head(http.server.port, http.key, ["content-length: 1001", "expect: 100-continue"]));
  assert.match(await asking.until(answered), /^HTTP\/1\.1 413 /);
  using fine = await RawHttp.open(http.server.port);
  fine.send(head(http.server.port, http.key, [`content-length: ${EVENT.length}`, "expect: 100-continue"]));
  assert.match(await fine.until((text) => text.includes("\r\n\r\n")), /^HTTP\/1\.1 100 /);
  fine.socket.write(EVENT);
  assert.match(await fine.until((text) => text.includes('"seq"')), /HTTP\/1\.1 202 /);
  using chunked = await RawHttp.open(http.server.port);
  chunked.send(head(http.server.port, http.key, ["transfer-encoding: chunked"]), `500\r\n${"x".repeat(0x500)}\r\n`);
  assert.match(await chunked.until(answered), /^HTTP\/1\.1 413 /);
  const large = await http.call("PUT", "/api/agents/counter/large", { config: "x".repeat(5_000) });
  assert.deepEqual([large.status, large.body["code"]], [413, "BODY_TOO_LARGE"]);
});

test("a huge body over an ordinary client is answered too", async () => {
  await using http = await startHttp();
  const huge = await http.call("POST", PATH, "x".repeat(3 << 20), {
    "content-type": "application/cloudevents+json",
  });
  assert.deepEqual([huge.status, huge.body["code"]], [413, "BODY_TOO_LARGE"]);
  const payload = await http.send("counter/main", "burst", { why: "x".repeat(1.5 * (1 << 20)) });
  assert.deepEqual([payload.status, payload.body["code"]], [413, "PAYLOAD_TOO_LARGE"]);
});

test("a half-sent body times out, and one that breaks off changes nothing", async () => {
  await using http = await startHttp({ limits: { bodyMs: 100 } });
  using slow = await RawHttp.open(http.server.port);
  slow.send(head(http.server.port, http.key, ["content-length: 100"]), EVENT.slice(0, 20));
  assert.match(await slow.until(answered), /^HTTP\/1\.1 408 [\s\S]*"code":"REQUEST_TIMEOUT"/);
  await slow.closed;
  const broken = await RawHttp.open(http.server.port);
  broken.send(head(http.server.port, http.key, ["content-length: 100"]), EVENT.slice(0, 20));
  broken.socket.destroy();
  await broken.closed;
  assert.equal(http.aos.kernel.stats().accepted, 0);
  assert.deepEqual(http.unexpected, []);
});

test("headers that trickle in time out, huge ones and nonsense are refused", async () => {
  await using http = await startHttp({ limits: { headersMs: 100 } });
  using slow = await RawHttp.open(http.server.port);
  slow.socket.write(`POST ${PATH} HTTP/1.1\r\nhost: localh`);
  assert.match(await slow.until(answered), /^HTTP\/1\.1 408 [\s\S]*"code":"REQUEST_TIMEOUT"/);
  using huge = await RawHttp.open(http.server.port);
  huge.send(head(http.server.port, http.key, [`x: ${"y".repeat(20_000)}`, "content-length: 0"]));
  assert.match(await huge.until(answered), /^HTTP\/1\.1 431 [\s\S]*"code":"HEADERS_TOO_LARGE"/);
  using nonsense = await RawHttp.open(http.server.port);
  nonsense.socket.write("\u0000\u0001 what is this\r\n\r\n");
  assert.match(await nonsense.until(answered), /^HTTP\/1\.1 400 [\s\S]*"code":"USAGE"/);
});

test("bytes that are no UTF-8 are refused", async () => {
  await using http = await startHttp();
  using raw = await RawHttp.open(http.server.port);
  const body = Buffer.concat([Buffer.from(EVENT.slice(0, -2)), Buffer.from([0x2c, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31]), Buffer.from("}}")]);
  raw.send(head(http.server.port, http.key, [`content-length: ${body.length}`]), body);
  assert.match(await raw.until(answered), /^HTTP\/1\.1 400 [\s\S]*not valid UTF-8/);
});

test("requests that are sent at once on one connection are answered in order", async () => {
  await using http = await startHttp();
  using raw = await RawHttp.open(http.server.port);
  const one = (id: number): string => {
    const body = EVENT.replace('"1",', `"p${id}",`);
    return `${head(http.server.port, http.key, [`content-length: ${body.length}`]).join("\r\n")}\r\n\r\n${body}`;
  };
  raw.socket.write([1, 2, 3, 4, 5].map(one).join(""));
  const text = await raw.until((received) => received.split('"seq":').length === 6);
  const seqs = [...text.matchAll(/"seq":(\d+)/g)].map((match) => Number(match[1]));
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => a - b),
  );
  assert.equal(text.split("HTTP/1.1 202").length, 6);
});

test("an unknown path is 404, a wrong method 405 with what is allowed", async () => {
  await using http = await startHttp();
  const expect = async (method: string, path: string, status: number, code: string, allow?: string): Promise<void> => {
    const answer = await http.call(method, path);
    assert.deepEqual([answer.status, answer.body["code"]], [status, code], `${method} ${path}`);
    assert.equal(answer.headers.get("allow") ?? undefined, allow);
  };
  await expect("GET", "/nothing", 404, "NOT_FOUND");
  await expect("POST", "/api/agents/counter/main:dance", 404, "NOT_FOUND");
  await expect("GET", "/api/events", 405, "METHOD_NOT_ALLOWED", "POST");
  await expect("PATCH", "/api/agents/counter/main", 405, "METHOD_NOT_ALLOWED", "DELETE, GET, PUT");
  await expect("DELETE", "/api/agents/counter/main:pause", 405, "METHOD_NOT_ALLOWED", "POST");
  await expect("PUT", PATH, 405, "METHOD_NOT_ALLOWED", "POST");
  await expect("POST", "/api/test/clock", 404, "NOT_FOUND");
});

test("a page elsewhere cannot reach a loopback server under a name of its own", async () => {
  await using http = await startHttp();
  const ask = async (host: string): Promise<string> => {
    using raw = await RawHttp.open(http.server.port);
    raw.send(["GET /healthz HTTP/1.1", `host: ${host}`]);
    return (await raw.until(answered)).slice(0, 12);
  };
  assert.equal(await ask("evil.example"), "HTTP/1.1 403");
  assert.equal(await ask("127.0.0.1.evil.example"), "HTTP/1.1 403");
  assert.equal(await ask(`localhost:${http.server.port}`), "HTTP/1.1 200");
  assert.equal(await ask("[::1]:80"), "HTTP/1.1 200");
});

test("every door asks for a credential, and says how", async () => {
  await using http = await startHttp();
  const description = (await http.call("GET", "/openapi.json")).body as unknown as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly security?: readonly unknown[] }>>>>;
  };
  const open: string[] = [];
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      const address = `${http.url}${path.replaceAll(/\{\w+\}/g, "x")}`;
      const response = await fetch(address, { method: method.toUpperCase() });
      await response.text();
      if (security !== undefined) open.push(path);
      else {
        assert.equal(response.status, 401, `${method} ${path}`);
        assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/);
      }
    }
  }
  assert.deepEqual(open.toSorted(), ["/healthz", "/webhooks/{name}"]);
  assert.equal((await http.call("GET", "/api/agents", undefined, { authorization: "Basic eDp5" })).status, 401);
  assert.equal(
    (
      await http.call("GET", "/api/agents", undefined, {
        authorization: `Bearer ${"x".repeat(5_000)}`,
      })
    ).status,
    401,
  );
});

test("the server drains: what is in flight is answered, streams are told", async () => {
  await using http = await startHttp();
  const stream = await fetch(`${http.url}/api/stream`, {
    headers: { authorization: `Bearer ${http.key}` },
  });
  const sending = http.send("counter/main", "added", { by: 1 });
  const sent = await sending;
  const closing = http.server.close(2_000);
  assert.equal(sent.status, 202);
  assert.match(await stream.text(), /event: cut\ndata: \{"reason":"the system is shutting down"\}/);
  await closing;
  await assert.rejects(fetch(`${http.url}/healthz`));
});
