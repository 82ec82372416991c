import assert from "node:assert/strict";
import type { Commit, Opened, Store } from "../kernel/index.ts";
import type { RestartCase } from "./store-conformance.ts";
import { deadRow, effectRow, everythingIn, journalRow, mailRow, newAgent, pass } from "./store-rows.ts";

/** What must outlive the process. */
export function restartCases(restart: RestartCase): void {
  restart("everything is there after a restart, at every step", async (first, { reopen }) => {
    let store = first;
    let opened: Opened = await store.open();
    assert.deepEqual(opened, {
      wasClean: true,
      lastAgentNo: 0,
      lastJournalId: 0,
      lastSeq: 0,
      lastAt: 0,
      dedupeUpTo: 0,
    });
    const again = async (): Promise<void> => {
      await store.close();
      store = await reopen();
      opened = await store.open();
      assert.equal(opened.wasClean, true);
    };
    await pass(store, { create: [newAgent(1), newAgent(2)], facts: { seq: "40" } });
    await again();
    assert.deepEqual([opened.lastAgentNo, opened.lastJournalId, opened.lastSeq], [2, 2, 40]);
    await pass(store, {
      turn: { journal: [journalRow(1, 3, 2, 1)], state: "7" },
      mailIn: [mailRow(41, 2), mailRow(42, 2, { dueAt: 9, timer: "t" })],
    });
    await again();
    assert.deepEqual([opened.lastJournalId, opened.lastSeq, opened.lastAt], [3, 42, journalRow(1, 3, 2, 1).at]);
    assert.deepEqual(
      [(await store.agentByNo(1))?.state, (await store.mail(2)).length, await store.nextDue(), await store.readyAgents()],
      ["7", 1, 9, [2]],
    );
    await pass(store, {
      effects: [effectRow("x", { state: "in-doubt" })],
      deadIn: [deadRow("d")],
      replies: [{ id: "r", at: 1, body: "{}" }],
      subscribe: [{ tenant: "a", pattern: "p", agent: 1, event: "e" }],
      dedupe: { rows: [{ hash: "ab".repeat(16), id: "e", seq: 1, digest: 1, at: 5 }], upTo: 3 },
      ledger: [{ op: "append", class: "log", bytes: Uint8Array.of(1) }],
    });
    await again();
    assert.equal(opened.dedupeUpTo, 3);
    await pass(store, {
      dedupe: { rows: [{ hash: "cd".repeat(16), id: "f", seq: 2, digest: 2, at: 6 }] },
    });
    await again();
    assert.equal(opened.dedupeUpTo, 3);
    assert.equal((await store.listEffects({ state: "in-doubt", limit: 9 })).length, 1);
    assert.equal((await store.dead("d"))?.id, "d");
    assert.equal((await store.reply("r"))?.id, "r");
    assert.deepEqual(await store.patterns("a"), ["p"]);
    assert.equal((await store.dedupe("ab".repeat(16)))?.id, "e");
    assert.equal((await store.ledgerRows("log", 0, 9)).length, 1);
    await store.close();
  });
}

/** Numbers that must never come twice. */
export function numberCases(restart: RestartCase): void {
  restart("a removed agent's number, a removed seq and a pruned id are not given out again", async (store, { reopen }) => {
    await store.open();
    await pass(store, {
      create: [newAgent(1)],
      facts: { seq: "500" },
      mailIn: [mailRow(500, 1)],
    });
    await pass(store, { turn: { journal: [journalRow(1, 2, 2, 1)] }, mailOut: [500] });
    while (
      await store.prune(
        { now: 9e15, journalBefore: 9e15, repliesBefore: 9e15, dedupeBefore: 9e15, journalBytes: 1 << 30, dedupePerAgent: 0 },
        100,
      )
    );
    await store.close();
    const next = await reopen();
    const opened = await next.open();
    assert.deepEqual([opened.lastAgentNo, opened.lastJournalId, opened.lastSeq], [1, 2, 500]);
    await next.close();
  });
}

/** A life of a few agents in steps, each of them one batch. */
function script(): readonly (readonly Commit[])[] {
  const turn = (agent: number, id: number, number: number, prev: number, n: number, rest: Commit = {}): Commit => ({
    turn: { journal: [journalRow(agent, id, number, prev, { delta: `=${n}` })], state: String(n) },
    ...rest,
  });
  const busy = Array.from({ length: 40 }, (_, at) => turn(1, 20 + at, 5 + at, at === 0 ? 9 : 19 + at, at));
  return [
    [{ create: [newAgent(1), newAgent(2, { meta: '{"a":1}' }), newAgent(3)] }],
    [{ mailIn: [mailRow(1, 1), mailRow(2, 1, { priority: 9 }), mailRow(3, 2, { dueAt: 90, timer: "t" })], facts: { seq: "9" } }],
    [turn(1, 4, 2, 1, 1, { mailOut: [1], mailIn: [mailRow(4, 2)] }), turn(2, 5, 2, 2, 2, { mailIn: [mailRow(5, 3, { dueAt: 70 })] })],
    [turn(1, 6, 3, 4, 3, { effects: [effectRow("x"), effectRow("y", { state: "in-doubt" })] })],
    [{ turn: { journal: [journalRow(2, 7, 3, 5)], status: "quarantined", epoch: 1 }, deadIn: [deadRow("d", { agent: 2 })] }],
    [{ mailSet: [{ seq: 2, dueAt: null, parked: '{"kind":"in-doubt"}', attempts: 2, marked: 1 }] }],
    [turn(3, 8, 2, 3, 4, { replies: [{ id: "r", at: 1, body: "{}" }], effectsOut: ["m1"] })],
    [
      {
        ledger: [
          { op: "add", class: "c", key: "k", delta: 5 },
          { op: "append", class: "c", bytes: Uint8Array.of(0, 1) },
        ],
      },
    ],
    [turn(1, 9, 4, 6, 5, { ledger: [{ op: "put", class: "c", key: "k", bytes: Uint8Array.of(2), expectedVersion: 0 }] })],
    [{ subscribe: [{ tenant: "default", pattern: "p", agent: 1, event: "e" }], timersOut: [{ agent: 2, timer: "t" }] }],
    [
      {
        dedupe: {
          rows: [{ hash: "ab".repeat(16), id: "e", seq: 1, digest: 1, at: 5 }],
          chunks: [{ agent: 1, chunk: 0, at: 5, keys: Uint8Array.of(7) }],
          upTo: 6,
        },
      },
    ],
    busy.slice(0, 20),
    busy.slice(20),
    [{ deadOut: ["d"], mailOut: [5], unsubscribe: [{ agent: 1 }] }],
  ];
}

/** The same life, with a restart after every step. */
export function stepCases(restart: RestartCase): void {
  const steps = script();
  const play = async (store: Store, from: number, to: number): Promise<void> => {
    for (const step of steps.slice(from, to)) await pass(store, ...step);
  };

  restart("after every step of a life an orderly restart changes nothing", async (first, { reopen }) => {
    let store = first;
    await store.open();
    for (let at = 0; at < steps.length; at++) {
      await play(store, at, at + 1);
      const before = await everythingIn(store);
      await store.close();
      store = await reopen();
      const opened = await store.open();
      assert.equal(opened.wasClean, true, `step ${at}`);
      assert.deepEqual(await everythingIn(store), before, `step ${at}`);
    }
    await store.close();
  });

  restart("after every step of a life a death loses nothing that was acknowledged", async (first, { die }) => {
    let store = first;
    await store.open();
    for (let at = 0; at < steps.length; at++) {
      await play(store, at, at + 1);
      const before = await everythingIn(store);
      store = await die(store);
      const opened = await store.open();
      assert.equal(opened.wasClean, false, `step ${at}`);
      assert.deepEqual(await everythingIn(store), before, `step ${at}`);
    }
    await store.close();
  });

  restart("a death after many turns gives each agent its last one, and the next one follows it", async (first, { die }) => {
    await first.open();
    await play(first, 0, steps.length);
    const before = await everythingIn(first);
    const store = await die(first);
    const opened = await store.open();
    assert.deepEqual([opened.lastAgentNo, opened.lastJournalId, opened.lastSeq], [3, 59, 9]);
    assert.deepEqual(await everythingIn(store), before);
    await pass(store, { turn: { journal: [journalRow(1, 60, 45, 59)], state: "next" } });
    assert.deepEqual([(await store.agentByNo(1))?.turn, (await store.agentByNo(1))?.state], [45, "next"]);
    assert.deepEqual(await store.inspect(), []);
    await store.close();
  });
}
