/** The stream of records: live, resumed without a gap, bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HttpHarness, startHttp } from "../support/http-system.ts";

interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads turns until there are enough, then hangs up. */
async function read(http: HttpHarness, count: number, headers: Readonly<Record<string, string>> = {}, query = ""): Promise<Message[]> {
  const hangUp = new AbortController();
  const response = await fetch(`${http.url}/api/stream${query}`, {
    headers: { authorization: `Bearer ${http.key}`, ...headers },
    signal: hangUp.signal,
  });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const found: Message[] = [];
  let rest = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(part)?.[1] ?? "";
      if (field("event") === "turn")
        found.push({
          id: field("id"),
          event: "turn",
          data: JSON.parse(field("data")) as Message["data"],
        });
    }
    if (found.length >= count) break;
  }
  hangUp.abort();
  return found.slice(0, count);
}

test("a stream resumes after the last id without a gap and without a repetition", async () => {
  await using http = await startHttp();
  const from = http.aos.kernel.lastRecord();
  const wanted = 60;
  const sending = (async () => {
    for (let at = 0; at < wanted; at++) await http.send("counter/main", "added", { by: at });
  })();
  const seen: Message[] = [];
  let last = String(from);
  while (seen.length < wanted) {
    const part = await read(http, Math.min(7, wanted - seen.length), { "last-event-id": last });
    seen.push(...part);
    last = part.at(-1)?.id ?? last;
  }
  await sending;
  const turns = seen.map(({ data }) => data["turn"] as number);
  assert.deepEqual(
    turns,
    Array.from({ length: wanted }, (_, at) => (turns[0] ?? 0) + at),
  );
  const journal = (await http.call("GET", "/api/agents/counter/main/journal?limit=1000")).body.items;
  assert.deepEqual(
    seen.map(({ data }) => data),
    journal.slice(-wanted),
  );
});

test("a stream can be of one agent, and begins after a given record", async () => {
  await using http = await startHttp();
  await http.call("PUT", "/api/agents/counter/other");
  for (const id of ["main", "other", "main"]) await http.send(`counter/${id}`, "added", { by: 1 });
  const found = await read(http, 2, {}, "?agent=counter/other&after=0");
  assert.ok(found.every(({ data }) => data["agent"] === "counter/other"));
  assert.equal((await http.call("GET", "/api/stream?agent=counter/nobody")).status, 404);
  assert.equal((await http.call("GET", "/api/stream?after=soon")).status, 422);
  assert.equal((await http.call("GET", "/api/stream", undefined, { "last-event-id": "x" })).status, 400);
});

test("a silent stream is kept alive by comments", async () => {
  await using http = await startHttp({ limits: { heartbeatMs: 20 } });
  const response = await fetch(`${http.url}/api/stream`, {
    headers: { authorization: `Bearer ${http.key}` },
  });
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split(": still here\n\n").length > 3) break;
  }
  assert.match(text, /^id: \d+\n/);
});

test("only so many streams are open at once", async () => {
  await using http = await startHttp({ limits: { longConnections: 1 } });
  const hangUp = new AbortController();
  const first = await fetch(`${http.url}/api/stream`, {
    headers: { authorization: `Bearer ${http.key}` },
    signal: hangUp.signal,
  });
  assert.equal(first.status, 200);
  const second = await http.call("GET", "/api/stream");
  assert.deepEqual([second.status, second.body["code"]], [429, "QUEUE_FULL"]);
  hangUp.abort();
});
