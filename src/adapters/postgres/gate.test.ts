import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Gate } from "./gate.ts";

test("a read that begins during a commit is answered after whoever committed has heard of it", async () => {
  const gate = new Gate();
  const seen: string[] = [];
  const commit = gate.commit(async () => {
    seen.push("commit begins");
    await sleep(20);
  });
  const heard = commit.then(() => seen.push("commit heard"));
  await sleep(5);
  await gate.read(async () => void seen.push("read"));
  await heard;
  assert.deepEqual(seen, ["commit begins", "commit heard", "read"]);
});

test("a commit waits for reads under way and for those that follow from their answers", async () => {
  const gate = new Gate();
  const seen: string[] = [];
  const read = async (name: string): Promise<void> =>
    gate.read(async () => {
      await sleep(10);
      seen.push(name);
    });
  const chain = (async (): Promise<void> => {
    await read("agent");
    await Promise.all([read("mail"), read("delayed")]);
    seen.push("in memory");
  })();
  await gate.commit(async () => void seen.push("commit"));
  await chain;
  assert.deepEqual(seen, ["agent", "mail", "delayed", "in memory", "commit"]);
});

test("reads and commits that never stop both go on, and commits keep their order", async () => {
  const gate = new Gate();
  const committed: number[] = [];
  let reads = 0;
  const over = new AbortController();
  const reader = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await gate.read(async () => sleep(1));
      reads++;
      await sleep(1);
    }
  };
  const readers = [reader(), reader()];
  await Promise.all(Array.from({ length: 30 }, async (_, at) => gate.commit(async () => void committed.push(at))));
  over.abort();
  await Promise.all(readers);
  assert.deepEqual(
    committed,
    Array.from({ length: 30 }, (_, at) => at),
  );
  assert.ok(reads > 0);
});

test("a failed read or commit holds nobody up", async () => {
  const gate = new Gate();
  const fail = async (): Promise<never> => {
    throw new Error("no");
  };
  await assert.rejects(gate.read(fail));
  await assert.rejects(gate.commit(fail));
  await gate.commit(async () => undefined);
  await gate.read(async () => undefined);
});
