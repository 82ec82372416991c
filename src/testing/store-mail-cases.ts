import assert from "node:assert/strict";
import type { MailRow, Store } from "../kernel/index.ts";
import type { StoreCase } from "./store-conformance.ts";
import { mailRow, newAgent, outcomesOf, pass } from "./store-rows.ts";

const BREAKER = '{"kind":"breaker","on":"api"}';
const IN_DOUBT = '{"kind":"in-doubt","on":"x"}';
const seqs = (rows: readonly MailRow[]): number[] => rows.map(({ seq }) => seq);

async function withMail(store: Store, ...mail: readonly MailRow[]): Promise<void> {
  await pass(store, { create: [newAgent(1), newAgent(2), newAgent(3)], mailIn: mail });
}

/** Mail: which of it an agent sees, in which order. */
export function mailCases(check: StoreCase): void {
  check("mail comes back by seq as it was put", async (store) => {
    const full = mailRow(5, 1, {
      priority: 9,
      parked: BREAKER,
      dueAt: 77,
      attempts: 2,
      marked: 1,
      timer: "t",
      head: '{"ö":1}',
      data: "null",
    });
    await withMail(store, mailRow(9, 1), full, mailRow(7, 1), mailRow(6, 2));
    assert.deepEqual(seqs(await store.mail(1)), [5, 7, 9]);
    assert.deepEqual((await store.mail(1))[0], full);
    assert.deepEqual(await store.mailBySeq(6), {
      ...mailRow(6, 2),
      dueAt: undefined,
      parked: undefined,
      timer: undefined,
    });
    assert.equal(await store.mailBySeq(8), undefined);
  });

  check("mail that is not due yet is left out, unless it is parked or tried again", async (store) => {
    await withMail(
      store,
      mailRow(1, 1),
      mailRow(2, 1, { dueAt: 50 }),
      mailRow(3, 1, { dueAt: 60, attempts: 1 }),
      mailRow(4, 1, { parked: BREAKER }),
    );
    assert.deepEqual(seqs(await store.mail(1)), [1, 3, 4]);
    assert.deepEqual(seqs(await store.delayed(1)), [2, 3]);
    assert.deepEqual(await store.mail(2), []);
  });

  check("mail that was removed is gone, and removing it again passes", async (store) => {
    await withMail(store, mailRow(1, 1), mailRow(2, 1));
    await pass(store, { mailOut: [1, 8] }, { mailOut: [1] });
    assert.deepEqual(seqs(await store.mail(1)), [2]);
  });

  check("a change of mail sets and clears what it names", async (store) => {
    await withMail(store, mailRow(1, 1), mailRow(2, 1, { parked: BREAKER, dueAt: 5 }));
    await pass(store, {
      mailSet: [
        { seq: 1, dueAt: 40, parked: null, attempts: 1, marked: 0 },
        { seq: 2, dueAt: null, parked: null, attempts: 0, marked: 2 },
      ],
    });
    const [first, second] = await store.mail(1);
    assert.deepEqual([first?.dueAt, first?.attempts, first?.data], [40, 1, "1"]);
    assert.deepEqual([second?.dueAt, second?.parked, second?.marked], [undefined, undefined, 2]);
    assert.deepEqual(await store.parked("breaker"), []);
    assert.equal(await store.nextDue(), 40);
  });
}

/** Who has mail, and what it waits for. */
export function waitingCases(check: StoreCase): void {
  check("agents with ready mail are named once, oldest mail first", async (store) => {
    await withMail(store, mailRow(9, 1), mailRow(4, 2), mailRow(10, 2), mailRow(1, 3, { dueAt: 5 }), mailRow(2, 3, { parked: BREAKER }));
    assert.deepEqual(await store.readyAgents(), [2, 1]);
    await pass(store, { mailOut: [4, 10] });
    assert.deepEqual(await store.readyAgents(), [1]);
  });

  check("parked mail is found by the kind of its condition", async (store) => {
    await withMail(
      store,
      mailRow(1, 1, { parked: BREAKER }),
      mailRow(2, 2, { parked: IN_DOUBT }),
      mailRow(3, 1, { parked: BREAKER, dueAt: 9 }),
    );
    assert.deepEqual(seqs(await store.parked("breaker")), [1, 3]);
    assert.deepEqual(seqs(await store.parked("in-doubt")), [2]);
    assert.deepEqual(await store.parked("budget"), []);
  });

  check("a seq is used once", async (store) => {
    await withMail(store, mailRow(1, 1));
    assert.deepEqual(await outcomesOf(store, { mailIn: [mailRow(2, 1), mailRow(1, 2)] }), ["STORE_FAILED"]);
    assert.deepEqual(seqs(await store.mail(1)), [1]);
  });
}

/** Timers: due in order, one of a name, dropped by name. */
export function timerCases(check: StoreCase): void {
  check("what is due comes earliest first, at most a limit", async (store) => {
    await withMail(
      store,
      mailRow(1, 1, { dueAt: 30 }),
      mailRow(2, 2, { dueAt: 10 }),
      mailRow(4, 1, { dueAt: 20 }),
      mailRow(3, 3, { dueAt: 20 }),
      mailRow(5, 1),
    );
    assert.deepEqual(seqs(await store.due(30, 10)), [2, 3, 4, 1]);
    assert.deepEqual(seqs(await store.due(29, 10)), [2, 3, 4]);
    assert.deepEqual(seqs(await store.due(30, 2)), [2, 3]);
    assert.deepEqual(await store.due(9, 10), []);
    assert.equal(await store.nextDue(), 10);
  });

  check("nothing is due next where nothing waits", async (store) => {
    assert.equal(await store.nextDue(), undefined);
    await withMail(store, mailRow(1, 1));
    assert.equal(await store.nextDue(), undefined);
  });

  check("a timer takes the place of its agent's timer of that name", async (store) => {
    await withMail(
      store,
      mailRow(1, 1, { dueAt: 10, timer: "a" }),
      mailRow(2, 1, { dueAt: 20, timer: "b" }),
      mailRow(3, 2, { dueAt: 30, timer: "a" }),
    );
    await pass(store, { mailIn: [mailRow(4, 1, { dueAt: 40, timer: "a" })] });
    assert.deepEqual(seqs(await store.delayed(1)), [2, 4]);
    assert.deepEqual(seqs(await store.delayed(2)), [3]);
  });

  check("timers are dropped by name before mail comes in", async (store) => {
    await withMail(store, mailRow(1, 1, { dueAt: 10, timer: "a" }), mailRow(2, 1, { dueAt: 20, timer: "b" }));
    await pass(store, {
      timersOut: [
        { agent: 1, timer: "a" },
        { agent: 1, timer: "b" },
        { agent: 2, timer: "a" },
      ],
      mailIn: [mailRow(3, 1, { dueAt: 30, timer: "b" })],
    });
    assert.deepEqual(seqs(await store.delayed(1)), [3]);
  });
}
