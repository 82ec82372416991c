import assert from "node:assert/strict";
import { test } from "node:test";
import { BoundedQueue } from "./index.ts";

test("an offer is refused where there is no room, and a push waits for it", async () => {
  const queue = new BoundedQueue<number>({ capacity: 2, waiters: 1, name: "jobs" });
  queue.offer(1);
  await queue.push(2);
  assert.throws(() => queue.offer(3), {
    code: "QUEUE_FULL",
    details: { name: "jobs", capacity: 2, waiting: 0 },
  });
  const third = queue.push(3);
  await assert.rejects(queue.push(4), { code: "QUEUE_FULL" });
  assert.deepEqual([queue.size, queue.waiting], [2, 1]);
  assert.equal(await queue.take(), 1);
  await third;
  assert.deepEqual([await queue.take(), await queue.take(), queue.size], [2, 3, 0]);
});

test("a slow consumer gets every item in order, and the producer never runs ahead of the capacity", async () => {
  const queue = new BoundedQueue<number>({ capacity: 4 });
  const producer = (async () => {
    for (let n = 0; n < 500; n++) {
      await queue.push(n);
      assert.ok(queue.size <= 4);
    }
    queue.close();
  })();
  const seen: number[] = [];
  for await (const item of queue) seen.push(item);
  await producer;
  assert.deepEqual(
    seen,
    Array.from({ length: 500 }, (_, n) => n),
  );
});

test("takers wait for items, and undefined is an item like any other", async () => {
  const queue = new BoundedQueue<string | undefined>({ capacity: 1 });
  const iterator = queue[Symbol.asyncIterator]();
  const next = iterator.next();
  queue.offer(undefined);
  assert.deepEqual(await next, { done: false, value: undefined });
  queue.offer(undefined);
  assert.deepEqual(await iterator.next(), { done: false, value: undefined });
});

test("closing refuses pushes, ends waiting takers, and lets what is held be taken", async () => {
  const queue = new BoundedQueue<string>({ capacity: 1 });
  queue.offer("held");
  const waiting = assert.rejects(queue.push("late"), { code: "CLOSED" });
  queue.close();
  await waiting;
  assert.throws(() => queue.offer("later"), { code: "CLOSED" });
  assert.deepEqual([await queue.take(), await queue.take()], ["held", undefined]);

  const empty = new BoundedQueue<string>({ capacity: 1 });
  const taker = empty.take();
  empty.close();
  assert.equal(await taker, undefined);
});

test("waits end when their signal aborts", async () => {
  const queue = new BoundedQueue<string>({ capacity: 1 });
  const abort = new AbortController();
  const taker = assert.rejects(queue.take({ signal: abort.signal }), /stop/);
  abort.abort(new Error("stop"));
  await taker;
  queue.offer("a");
  const again = new AbortController();
  const pusher = assert.rejects(queue.push("b", { signal: again.signal }), /stop/);
  again.abort(new Error("stop"));
  await pusher;
  assert.deepEqual([await queue.take(), queue.size], ["a", 0]);
});

test("pressure is told once when it rises to the high mark and once when it falls to the low one", async () => {
  const queue = new BoundedQueue<number>({ capacity: 5, highWater: 4, lowWater: 1 });
  const told: string[] = [];
  queue.onPressure(({ level, size }) => told.push(`${level} ${size}`));
  for (let n = 0; n < 5; n++) queue.offer(n);
  await queue.take();
  queue.offer(9);
  for (let n = 0; n < 5; n++) await queue.take();
  queue.offer(1);
  assert.deepEqual(told, ["high 4", "low 1"]);
  assert.throws(() => new BoundedQueue({ capacity: 2, lowWater: 2 }), { code: "CONFIG_INVALID" });
});
