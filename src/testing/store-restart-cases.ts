import assert from "node:assert/strict";
import type { Opened } from "../kernel/index.ts";
import type { RestartCase } from "./store-conformance.ts";
import { deadRow, effectRow, journalRow, mailRow, newAgent, pass } from "./store-rows.ts";

/** What must outlive the process. */
export function restartCases(restart: RestartCase): void {
  restart("everything is there after a restart, at every step", async (first, reopen) => {
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
  restart("a removed agent's number, a removed seq and a pruned id are not given out again", async (store, reopen) => {
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
