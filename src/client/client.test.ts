import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { AosClient } from "./client.ts";
import type { TurnRecord } from "./wire.ts";

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/** A server that writes down what arrives and answers as it is told. */
async function listening(
  answer: (seen: Seen, response: ServerResponse) => void,
): Promise<AsyncDisposable & { readonly url: string; readonly seen: readonly Seen[] }> {
  const seen: Seen[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const { method, url, headers } = request;
    const one: Seen = { method, url, headers, body: body === "" ? undefined : JSON.parse(body) };
    seen.push(one);
    answer(one, response);
  };
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function json(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

test("an event goes out as a CloudEvent with credential, tenant and key", async () => {
  await using server = await listening((_, response) => json(response, 202, { id: "e1", seq: 4, duplicate: false }));
  const client = new AosClient({ url: `${server.url}/`, key: "secret", tenant: "acme" });
  const ack = await client.send("cfo/main", "invoice.received", { amount: 4 }, { key: "k", source: "bank", priority: 7, in: "5m" });
  assert.deepEqual(ack, { id: "e1", seq: 4, duplicate: false });
  const [seen] = server.seen;
  assert.equal(seen?.method, "POST");
  assert.equal(seen.url, "/api/agents/cfo/main/events");
  assert.equal(seen.headers.authorization, "Bearer secret");
  assert.equal(seen.headers["aos-tenant"], "acme");
  assert.equal(seen.headers["idempotency-key"], "k");
  assert.match(seen.headers["content-type"] ?? "", /^application\/cloudevents\+json/);
  const { id, ...event } = seen.body ?? {};
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.deepEqual(event, {
    specversion: "1.0",
    source: "bank",
    type: "invoice.received",
    datacontenttype: "application/json",
    data: { amount: 4 },
    aospriority: 7,
    aosdelay: "5m",
  });
});

test("a problem document becomes an error with its code, faults and wait", async () => {
  const problem = {
    type: "urn:aos:error:MAILBOX_FULL",
    title: "full",
    status: 429,
    code: "MAILBOX_FULL",
    detail: "the mailbox is full",
    retryable: true,
    depth: 9,
  };
  await using server = await listening((_, response) => json(response, 429, problem, { "retry-after": "3" }));
  await assert.rejects(new AosClient({ url: server.url }).wake("cfo/main"), {
    code: "MAILBOX_FULL",
    message: "the mailbox is full",
    problem: { ...problem, retryAfter: 3 },
  });
});

test("an answer that is no problem document, and no answer at all, are typed errors too", async () => {
  let url: string;
  {
    await using server = await listening((_, response) =>
      response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>"),
    );
    ({ url } = server);
    await assert.rejects(new AosClient({ url }).types(), { code: "UNAVAILABLE" });
  }
  await assert.rejects(new AosClient({ url }).types(), { code: "UNAVAILABLE" });
  assert.equal(await new AosClient({ url }).isUp(), false);
  assert.throws(() => new AosClient({ url: "not a url" }), { code: "USAGE" });
});

test("a call that is not answered in time is TIMEOUT", async () => {
  await using server = await listening(() => undefined);
  await assert.rejects(new AosClient({ url: server.url, timeoutMs: 50 }).types(), {
    code: "TIMEOUT",
  });
});

test("a command that has no answer yet gives the id under which to ask again", async () => {
  await using server = await listening(({ url }, response) =>
    json(response, url?.includes("late") === true ? 202 : 200, { id: "c1", seq: 1, output: 5 }),
  );
  const client = new AosClient({ url: server.url });
  assert.deepEqual(await client.call("cfo/main", "close", {}), {
    id: "c1",
    isPending: false,
    output: 5,
  });
  assert.equal((await client.call("cfo/main", "late", {})).isPending, true);
});

test("a stream goes on after the last row when its connection breaks, without a gap and without a repeat", async () => {
  const rows: readonly Pick<TurnRecord, "seq">[] = [1, 2, 3, 4, 5].map((seq) => ({ seq }));
  await using server = await listening(({ headers }, response) => {
    const after = Number(headers["last-event-id"] ?? 0);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const row of rows.slice(after, after + 2)) response.write(`id: ${row.seq}\nevent: turn\ndata: ${JSON.stringify(row)}\n\n`);
    // Half a message, then the connection is gone.
    response.write("id: 99\ndata: {", () => response.destroy());
  });
  const stop = new AbortController();
  const got: number[] = [];
  for await (const { seq } of new AosClient({ url: server.url }).follow({
    agent: "cfo/main",
    after: 0,
    signal: stop.signal,
  })) {
    got.push(seq);
    if (seq === 5) stop.abort();
  }
  assert.deepEqual(got, [1, 2, 3, 4, 5]);
  assert.ok(server.seen.length >= 3);
});

test("a stream that is refused ends with the refusal", async () => {
  await using server = await listening((_, response) =>
    json(response, 401, { code: "UNAUTHENTICATED", detail: "no", status: 401, title: "no" }),
  );
  const stream = new AosClient({ url: server.url }).follow({
    signal: new AbortController().signal,
  });
  await assert.rejects(stream.next(), { code: "UNAUTHENTICATED" });
});

test("an address with a tenant acts in that tenant", async () => {
  await using server = await listening((_, response) => json(response, 200, {}));
  await new AosClient({ url: server.url, tenant: "acme" }).agent("other/cfo/main");
  assert.equal(server.seen[0]?.url, "/api/agents/cfo/main");
  assert.equal(server.seen[0].headers["aos-tenant"], "other");
});

test("an emitted event is acknowledged by each agent, or refused as a whole", async () => {
  const routed = [{ agent: "cfo/main", id: "e1", seq: 1, duplicate: false }];
  const error = {
    code: "EVENT_NOT_ACCEPTED",
    status: 422,
    title: "no",
    detail: "nobody accepts it",
  };
  await using server = await listening(({ body }, response) =>
    json(response, 207, [body?.["type"] === "known" ? { status: 202, routed } : { status: 422, error }]),
  );
  const client = new AosClient({ url: server.url });
  assert.deepEqual(await client.emit("known", {}), routed);
  await assert.rejects(client.emit("unknown", {}), { code: "EVENT_NOT_ACCEPTED" });
});
