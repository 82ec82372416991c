import assert from "node:assert/strict";
import { test } from "node:test";
import { Bulkhead } from "./index.ts";

function gated() {
  const gates: PromiseWithResolvers<void>[] = [];
  const started: number[] = [];
  const call = (n: number) => async (): Promise<number> => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    started.push(n);
    await gate.promise;
    return n;
  };
  return { gates, started, call };
}

test("so many run, so many wait in order, and the next is refused", async () => {
  const bulkhead = new Bulkhead({ concurrency: 2, queue: 2, name: "bank" });
  const { gates, started, call } = gated();
  const calls = [0, 1, 2, 3].map((n) => bulkhead.run(call(n)));
  await assert.rejects(bulkhead.run(call(4)), {
    code: "BULKHEAD_FULL",
    details: { name: "bank", running: 2, waiting: 2 },
  });
  for (let n = 0; n < 4; n++) {
    while (gates[n] === undefined) await Promise.resolve();
    assert.ok(bulkhead.running <= 2);
    gates[n]?.resolve();
    await calls[n];
  }
  assert.deepEqual(started, [0, 1, 2, 3]);
  assert.deepEqual([bulkhead.running, bulkhead.waiting], [0, 0]);
});

test("a call that throws gives its slot back", async () => {
  const bulkhead = new Bulkhead({ concurrency: 1 });
  await assert.rejects(
    bulkhead.run(() => Promise.reject(new Error("x"))),
    /x/,
  );
  assert.equal(await bulkhead.run(() => "next"), "next");
});

test("a waiter that aborts leaves the line", async () => {
  const bulkhead = new Bulkhead({ concurrency: 1, queue: 1 });
  const slot = await bulkhead.enter();
  const abort = new AbortController();
  const gone = assert.rejects(bulkhead.enter({ signal: abort.signal }), /gone/);
  abort.abort(new Error("gone"));
  await gone;
  assert.equal(bulkhead.waiting, 0);
  const next = bulkhead.enter();
  slot[Symbol.dispose]();
  slot[Symbol.dispose]();
  await next;
  assert.equal(bulkhead.running, 1);
});

test("a disposed bulkhead turns everybody away", async () => {
  const bulkhead = new Bulkhead({ concurrency: 1, queue: 1 });
  await bulkhead.enter();
  const waiting = assert.rejects(bulkhead.enter(), { code: "CLOSED" });
  bulkhead[Symbol.dispose]();
  await waiting;
  await assert.rejects(bulkhead.enter(), { code: "CLOSED" });
  assert.throws(() => new Bulkhead({ concurrency: 0 }), { code: "CONFIG_INVALID" });
});
