import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { readEvents, type StreamMessage } from "./event-stream.ts";

async function read(text: string, cuts: readonly number[] = []): Promise<readonly StreamMessage[]> {
  const bytes = new TextEncoder().encode(text);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  const chunks = ends.map((end, at) => bytes.slice(ends[at - 1] ?? 0, end));
  const messages: StreamMessage[] = [];
  for await (const message of readEvents(ReadableStream.from(chunks))) messages.push(message);
  return messages;
}

test("messages carry id, event and data; comments and unknown fields are skipped", async () => {
  const text = `: hello\nretry: 5\nid: 7\nevent: turn\ndata: {"a":\ndata: 1}\n\ndata:x\n\n`;
  assert.deepEqual(await read(text), [
    { id: "7", event: "turn", data: `{"a":\n1}` },
    { id: "7", event: "message", data: "x" },
  ]);
});

test("an unfinished message at the end is dropped", async () => {
  assert.deepEqual(await read("id: 1\ndata: a\n\nid: 2\ndata: b"), [{ id: "1", event: "message", data: "a" }]);
});

test("an id without data is told, so that a stream can go on from there", async () => {
  assert.deepEqual(await read("id: 5\n: from 5\n\n: still here\n\n"), [{ id: "5", event: "message", data: undefined }]);
});

test("it does not matter where the bytes are cut, nor how lines end", async () => {
  const plain = `id: 1\ndata: grüße ✓\n\nid: 2\ndata: zwei\n\n`;
  const expected = await read(plain);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(80), { maxLength: 6 }), fc.constantFrom("\n", "\r\n"), async (cuts, end) => {
      assert.deepEqual(await read(plain.replaceAll("\n", end), cuts), expected);
    }),
    { numRuns: 100 },
  );
});
