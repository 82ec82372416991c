import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AgentEntry } from "./agents/entry.ts";
import { ReadyQueue } from "./ready-queue.ts";

let no = 0;
const entry = (tenant: string): AgentEntry =>
  new AgentEntry({
    no: ++no,
    address: `${tenant}/t/a${no}`,
    status: "initialized",
    turn: 1,
    head: 1,
    epoch: 0,
    stateVersion: 1,
    state: "{}",
    createdAt: 0,
    lastAt: 0,
  });

test("agents of one tenant go first come, first served, and nobody is lost", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.constantFrom("one", "two", "three")), { maxLength: 200 }), (steps) => {
      const queue = new ReadyQueue();
      const waiting = new Map<string, AgentEntry[]>();
      let size = 0;
      const shift = (): void => {
        const got = queue.shift();
        assert.equal(got === undefined, size === 0);
        if (got === undefined) return;
        size--;
        assert.equal(waiting.get(got.tenant)?.shift(), got);
      };
      for (const tenant of steps) {
        if (tenant === null) {
          shift();
          continue;
        }
        const added = entry(tenant);
        waiting.set(tenant, [...(waiting.get(tenant) ?? []), added]);
        queue.push(added);
        size++;
        assert.equal(queue.size, size);
      }
      for (let left = size; left > 0; left--) shift();
      assert.equal(queue.shift(), undefined);
    }),
  );
});

test("a tenant with thousands of busy agents does not keep another one waiting for more than its share", () => {
  const queue = new ReadyQueue();
  for (let at = 0; at < 5_000; at++) queue.push(entry("large"));
  const small = entry("small");
  queue.push(small);
  let turns = 1;
  while (queue.shift() !== small) turns++;
  assert.ok(turns <= 9, String(turns));
});
