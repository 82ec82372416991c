import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Envelope } from "./envelope.ts";
import { laneOf, type Mail, Mailbox } from "./mailbox.ts";

const AGEING_MS = 1_000;

function mail(seq: number, lane: { readonly sender?: string; readonly priority?: number } = {}, at = 0): Mail {
  const envelope: Envelope = {
    id: String(seq),
    kind: "event",
    name: "e",
    target: "default/t/a",
    sender: lane.sender ?? "~s",
    source: "s",
    correlation: "c",
    chain: "c",
    depth: 0,
    priority: lane.priority ?? 5,
    at,
  };
  return { seq, envelope, data: "null", attempts: 0, marked: 0, stored: true };
}

const lane = fc.record({
  sender: fc.constantFrom("~a", "~b", "default/t/x"),
  priority: fc.integer({ min: 0, max: 9 }),
});

test("mail of one lane is taken in its order, whatever is added, taken, held and released", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("add" as const), lane }),
    fc.record({ do: fc.constant("take" as const), now: fc.integer({ min: 0, max: 100_000 }) }),
    fc.record({ do: fc.constant("hold" as const), lane }),
    fc.record({ do: fc.constant("release" as const), lane }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const box = new Mailbox();
      const held = new Set<string>();
      const last = new Map<string, number>();
      let added = 0;
      let taken = 0;
      for (const each of steps) {
        if (each.do === "add") box.add(mail(++added, each.lane, added));
        else if (each.do === "take") {
          const got = box.take(each.now, AGEING_MS);
          if (got === undefined) continue;
          taken++;
          const of = laneOf(got.envelope);
          assert.ok(!held.has(of), "a held lane gives nothing");
          assert.ok((last.get(of) ?? 0) < got.seq, "a lane keeps its order");
          last.set(of, got.seq);
        } else {
          const of = `${each.lane.priority}${each.lane.sender}`;
          if (each.do === "hold") {
            box.hold(of);
            held.add(of);
          } else {
            box.release(of);
            held.delete(of);
          }
        }
        assert.equal(box.depth, added - taken);
        assert.equal(box.list().length, added - taken);
      }
      for (const of of held) box.release(of);
      assert.equal(box.ready, added - taken);
      while (box.take(0, AGEING_MS) !== undefined) taken++;
      assert.equal(taken, added, "nothing is lost");
    }),
  );
});

test("nothing starves: mail of the lowest priority is taken within nine ageing steps, however much comes above it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 500 }), (priority, stepMs) => {
      const box = new Mailbox();
      box.add(mail(1, { sender: "~poor", priority: 0 }, 0));
      let now = 0;
      let seq = 1;
      while (now <= AGEING_MS * 11) {
        box.add(mail(++seq, { sender: "~rich", priority }, now));
        const got = box.take(now, AGEING_MS);
        if (got?.seq === 1) return true;
        now += stepMs;
      }
      return false;
    }),
  );
});

test("higher priorities go first; equal ones by arrival", () => {
  const box = new Mailbox();
  box.add(mail(1, { priority: 1 }));
  box.add(mail(2, { priority: 9 }));
  box.add(mail(3, { priority: 5, sender: "~b" }));
  box.add(mail(4, { priority: 5, sender: "~a" }));
  assert.deepEqual(
    [1, 2, 3, 4].map(() => box.take(0, AGEING_MS)?.seq),
    [2, 3, 4, 1],
  );
});

test("mail ages from when it joined, not from when it was sent with a delay", () => {
  const box = new Mailbox();
  const late = mail(1, { priority: 0 }, 0);
  late.joinedAt = 99_500;
  box.add(late);
  box.add(mail(2, { priority: 5, sender: "~b" }, 99_500));
  assert.equal(box.take(100_000, AGEING_MS)?.seq, 2);
});

test("mail that is in already is not taken in twice", () => {
  const box = new Mailbox();
  box.add(mail(1));
  box.add(mail(2));
  box.add(mail(1));
  assert.equal(box.ready, 2);
  box.hold("5~s");
  box.add(mail(2));
  assert.equal(box.depth, 2);
});

test("parked mail stands aside until it is called back, and then goes by its arrival", () => {
  const box = new Mailbox();
  const first = mail(1);
  box.park(first, "{}");
  box.add(mail(2));
  assert.equal(box.parkedCount, 1);
  assert.equal(box.ready, 1);
  assert.deepEqual(
    box.list().map(({ seq }) => seq),
    [1, 2],
  );
  assert.equal(box.unpark(1), first);
  assert.equal(first.parked, undefined);
  assert.equal(box.unpark(1), undefined);
  box.add(first);
  assert.equal(box.take(0, AGEING_MS)?.seq, 1);
});

test("taking by a test gives at most so many, by arrival, and leaves the others in order", () => {
  const box = new Mailbox();
  for (let seq = 1; seq <= 6; seq++) box.add(mail(seq, { priority: seq % 3 }));
  assert.deepEqual(
    box.takeWhere(2, ({ seq }) => seq > 2).map(({ seq }) => seq),
    [3, 6],
  );
  assert.equal(box.ready, 4);
  assert.equal(
    box.some(({ seq }) => seq === 3),
    false,
  );
  assert.deepEqual(
    box.list().map(({ seq }) => seq),
    [1, 2, 4, 5],
  );
});

test("mail that waits behind a retry can be dropped, too: what was refused to its sender is never handled", () => {
  const box = new Mailbox();
  box.hold(laneOf(mail(1).envelope));
  box.add(mail(2));
  box.add(mail(3));
  assert.equal(box.drop(2), true);
  assert.equal(box.drop(2), false);
  assert.equal(box.depth, 1);
  box.release(laneOf(mail(1).envelope));
  assert.equal(box.take(0, AGEING_MS)?.seq, 3);
});
