/** Streams of events: lines in, acknowledgements out, both at once. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { WebSocket } from "ws";
import { type HttpHarness, startHttp } from "../support/http-system.ts";

interface Ack {
  readonly id: string | null;
  readonly line: number;
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code: string };
}

const line = (id: string, more: object = {}): string =>
  JSON.stringify({
    specversion: "1.0",
    id,
    source: "s",
    type: "added",
    data: { by: 1 },
    aostarget: "counter/main",
    ...more,
  });

/** Opens an ingest; `acks` are read as they come. */
function open(http: HttpHarness): {
  readonly write: (text: string | Uint8Array) => Promise<void>;
  readonly end: () => void;
  readonly acks: AsyncGenerator<Ack>;
  readonly all: () => Promise<Ack[]>;
} {
  const sending = request(`${http.url}/api/ingest`, {
    method: "POST",
    headers: { authorization: `Bearer ${http.key}`, "content-type": "application/x-ndjson" },
  });
  const acks = (async function* (): AsyncGenerator<Ack> {
    sending.flushHeaders();
    const [response] = await once(sending, "response");
    for await (const text of createInterface({ input: response })) yield JSON.parse(text) as Ack;
  })();
  return {
    write: async (text) => {
      if (!sending.write(text)) await once(sending, "drain");
    },
    end: () => void sending.end(),
    acks,
    all: async () => {
      const found: Ack[] = [];
      for await (const ack of acks) found.push(ack);
      return found;
    },
  };
}

test("acknowledgements flow while the request still streams", async () => {
  await using http = await startHttp();
  const ingest = open(http);
  const next = async (): Promise<Ack> => ((await ingest.acks.next()) as { readonly value: Ack }).value;
  const first = next();
  await ingest.write(`${line("a")}\n`);
  assert.equal((await first).id, "a");
  await ingest.write(line("b").slice(0, 20));
  await ingest.write(`${line("b").slice(20)}\r\n\n${JSON.stringify({ to: "counter/main", type: "added", data: { by: 1 }, id: "c" })}`);
  assert.equal((await next()).id, "b");
  ingest.end();
  assert.equal((await next()).id, "c");
  assert.equal((await ingest.acks.next()).done, true);
});

test("ten thousand lines are each acknowledged once, in bounded memory", async () => {
  await using http = await startHttp({ boot: { limits: { mailboxDepth: 20_000 } } });
  const ingest = open(http);
  const all = ingest.all();
  for (let at = 0; at < 10_000; at += 100) {
    await ingest.write(`${Array.from({ length: 100 }, (_, more) => line(`n${at + more}`)).join("\n")}\n`);
  }
  ingest.end();
  const acks = await all;
  assert.equal(acks.length, 10_000);
  assert.equal(new Set(acks.map(({ id }) => id)).size, 10_000);
  assert.ok(acks.every(({ duplicate }) => duplicate === false));
});

test("a bad line is answered in its place and the stream goes on", async () => {
  await using http = await startHttp({ limits: { lineBytes: 2_000 } });
  const ingest = open(http);
  const all = ingest.all();
  await ingest.write(
    `${line("ok1")}\n{\n${line("nobody", { aostarget: "counter/nobody" })}\n${line("untargeted", { aostarget: undefined })}\n`,
  );
  await ingest.write(Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]));
  await ingest.write(`${line("long", { data: "x".repeat(5_000) })}\n${line("ok1")}\n${line("ok2")}\n`);
  ingest.end();
  const acks = (await all).toSorted((a, b) => a.line - b.line);
  assert.deepEqual(
    acks.map(({ line: number, id, duplicate, error }) => [number, id, error?.code ?? duplicate]),
    [
      [1, "ok1", false],
      [2, null, "BODY_INVALID"],
      [3, "nobody", "AGENT_NOT_FOUND"],
      [4, "untargeted", "USAGE"],
      [5, null, "BODY_INVALID"],
      [6, null, "BODY_TOO_LARGE"],
      [7, "ok1", true],
      [8, "ok2", false],
    ],
  );
});

test("a silent stream is ended, a wrong type and a missing key are refused", async () => {
  await using http = await startHttp({ limits: { ingestIdleMs: 100 } });
  const ingest = open(http);
  const acks = await ingest.all();
  assert.deepEqual(
    acks.map(({ error }) => error?.code),
    ["REQUEST_TIMEOUT"],
  );
  assert.equal((await http.call("POST", "/api/ingest", "{}")).status, 415);
  assert.equal((await http.call("POST", "/api/ingest", "{}", { authorization: "" })).status, 401);
});

test("a WebSocket at the same path does the same", async () => {
  await using http = await startHttp();
  const address = `${http.url.replace("http", "ws")}/api/ingest`;
  const socket = new WebSocket(address, { headers: { authorization: `Bearer ${http.key}` } });
  await once(socket, "open");
  const acks: Ack[] = [];
  const enough = new Promise<void>((resolve) => {
    socket.on("message", (data: Buffer) => {
      if (acks.push(JSON.parse(data.toString()) as Ack) === 3) resolve();
    });
  });
  for (const text of [line("w1"), "nonsense", line("w1")]) socket.send(text);
  await enough;
  assert.deepEqual(
    acks.toSorted((a, b) => a.line - b.line).map(({ id, duplicate, error }) => [id, error?.code ?? duplicate]),
    [
      ["w1", false],
      [null, "BODY_INVALID"],
      ["w1", true],
    ],
  );
  socket.close();
  await once(socket, "close");
  const refused = new WebSocket(address);
  const [, response] = await once(refused, "unexpected-response");
  assert.equal(response.statusCode, 401);
});
