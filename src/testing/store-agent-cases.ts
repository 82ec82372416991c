import assert from "node:assert/strict";
import type { AgentListing, Commit } from "../kernel/index.ts";
import type { StoreCase } from "./store-conformance.ts";
import { journalRow, mailRow, newAgent, outcomesOf, pass } from "./store-rows.ts";

/** Agents: made once and found. */
export function agentCases(check: StoreCase): void {
  check("an agent is found by address and by number as it was made", async (store) => {
    const agent = newAgent(1, {
      status: "paused",
      epoch: 3,
      stateVersion: 2,
      state: '{"n":1}',
      lastAt: 9,
      meta: '{"tags":["a"]}',
    });
    await pass(store, { create: [agent, newAgent(2)] });
    assert.deepEqual(await store.agent("default/thing/t1"), agent.row);
    assert.deepEqual(await store.agentByNo(2), { ...newAgent(2).row, meta: undefined });
    assert.equal(await store.agent("default/thing/t3"), undefined);
    assert.equal(await store.agentByNo(3), undefined);
  });

  check("a taken address is refused, and its whole unit with it", async (store) => {
    await pass(store, { create: [newAgent(1)] });
    const twin = newAgent(3, { address: "default/thing/t1" });
    assert.deepEqual(await outcomesOf(store, { create: [newAgent(2), twin] }, { create: [newAgent(4)] }), ["AGENT_EXISTS", "ok"]);
    assert.equal(await store.agentByNo(2), undefined);
    assert.equal((await store.agentByNo(4))?.no, 4);
  });

  check("agents are listed by address in pages, by tenant, type and status", async (store) => {
    const address = (no: number): string => `${no % 2 === 0 ? "acme" : "acme-2"}/${no % 3 === 0 ? "thing" : "thing-2"}/t${no}`;
    const numbers = Array.from({ length: 24 }, (_, at) => at + 1);
    await pass(store, {
      create: numbers.map((no) => newAgent(no, { address: address(no), status: no === 6 ? "quarantined" : "initialized" })),
    });
    const seen: AgentListing[] = [];
    for (;;) {
      const page = await store.agents({ after: seen.at(-1)?.address, limit: 7 });
      if (page.length === 0) break;
      seen.push(...page);
    }
    assert.deepEqual(
      seen.map((agent) => agent.address),
      numbers.map(address).toSorted(),
    );
    const count = async (filter: object): Promise<number> => (await store.agents({ ...filter, limit: 100 })).length;
    assert.equal(await count({ tenant: "acme" }), 12);
    assert.equal(await count({ tenant: "acme", type: "thing" }), 4);
    assert.equal(await count({ type: "thing" }), 8);
    assert.equal(await count({ status: "quarantined" }), 1);
    assert.equal(await count({ tenant: "acme", type: "thing", status: "initialized" }), 3);
  });
}

/** What lists and counts say of agents. */
export function listingCases(check: StoreCase): void {
  check("a listing counts mail and names the next due time", async (store) => {
    const parked = '{"kind":"breaker"}';
    const mail = [
      mailRow(1, 1),
      mailRow(2, 1),
      mailRow(3, 1, { parked }),
      mailRow(4, 1, { dueAt: 70 }),
      mailRow(5, 1, { dueAt: 60, timer: "t" }),
    ];
    await pass(store, { create: [newAgent(1), newAgent(2)], mailIn: mail });
    const page = await store.agents({ limit: 10 });
    assert.deepEqual(
      page.map((agent) => [agent.mailbox, agent.parked, agent.nextDueAt]),
      [
        [2, 1, 60],
        [0, 0, undefined],
      ],
    );
  });

  check("the census counts by tenant, type and status, also after a move", async (store) => {
    await pass(store, {
      create: [newAgent(1), newAgent(2), newAgent(3, { address: "acme/other/o", status: "terminated" })],
    });
    await pass(store, { turn: { journal: [journalRow(2, 10, 2, 2)], status: "paused", epoch: 1 } });
    const counts = (await store.census()).map(({ tenant, type, status, count }) => `${tenant}/${type} ${status} ${count}`);
    assert.deepEqual(counts.toSorted(), ["acme/other terminated 1", "default/thing initialized 1", "default/thing paused 1"]);
  });

  check("thousands are made in one unit", async (store) => {
    await pass(store, { create: Array.from({ length: 5_000 }, (_, at) => newAgent(at + 1)) });
    assert.deepEqual(await store.census(), [{ tenant: "default", type: "thing", status: "initialized", count: 5_000 }]);
  });
}

/** Turns: fenced and atomic. */
export function turnCases(check: StoreCase): void {
  check("a turn changes what it names and keeps the rest", async (store) => {
    await pass(store, { create: [newAgent(1, { meta: '{"a":1}' })] });
    await pass(store, {
      turn: { journal: [journalRow(1, 10, 2, 1, { at: 50 })], state: '{"n":1}' },
    });
    await pass(store, { turn: { journal: [journalRow(1, 11, 3, 10, { at: 51 })] } });
    const before = await store.agentByNo(1);
    assert.deepEqual(before, {
      ...newAgent(1).row,
      turn: 3,
      head: 11,
      lastAt: 51,
      state: '{"n":1}',
      meta: '{"a":1}',
    });
    await pass(store, {
      turn: {
        journal: [journalRow(1, 12, 4, 11), journalRow(1, 13, 5, 12, { at: 60 })],
        status: "quarantined",
        epoch: 2,
        stateVersion: 9,
        meta: "{}",
      },
    });
    assert.deepEqual(await store.agentByNo(1), {
      ...before,
      turn: 5,
      head: 13,
      lastAt: 60,
      status: "quarantined",
      epoch: 2,
      stateVersion: 9,
      meta: "{}",
    });
  });

  check("a turn that does not follow the stored one is refused and leaves nothing", async (store) => {
    await pass(store, { create: [newAgent(1)] });
    const turn = (number: number, id: number): Commit => ({
      turn: { journal: [journalRow(1, id, number, 1)], state: "late" },
      mailIn: [mailRow(id, 1)],
    });
    assert.deepEqual(await outcomesOf(store, turn(3, 10)), ["STORE_FAILED"]);
    assert.deepEqual(await outcomesOf(store, turn(1, 11)), ["STORE_FAILED"]);
    assert.deepEqual(await outcomesOf(store, { turn: { journal: [journalRow(7, 12, 2, 1)] } }), ["STORE_FAILED"]);
    assert.deepEqual((await store.agentByNo(1))?.state, "{}");
    assert.deepEqual(await store.mail(1), []);
    assert.equal((await store.journalAfter(1, 10)).length, 0);
  });
}

/** Units stand and fall alone. */
export function unitCases(check: StoreCase): void {
  check("a bad unit is removed from its batch alone, with what its agent built on it", async (store) => {
    await pass(store, { create: [newAgent(1), newAgent(2)], mailIn: [mailRow(1, 1)] });
    const taken = { mailIn: [mailRow(1, 2)] };
    const outcomes = await outcomesOf(
      store,
      { turn: { journal: [journalRow(2, 10, 2, 2)], state: '"good"' } },
      {
        turn: { journal: [journalRow(1, 11, 2, 1)], state: '"bad"' },
        ...taken,
        facts: { bad: "1" },
      },
      { turn: { journal: [journalRow(1, 12, 3, 11)], state: '"built on it"' } },
      { turn: { journal: [journalRow(2, 13, 3, 10)], state: '"better"' }, facts: { good: "1" } },
    );
    assert.deepEqual(outcomes, ["ok", "STORE_FAILED", "STORE_FAILED", "ok"]);
    assert.deepEqual([(await store.agentByNo(1))?.state, (await store.agentByNo(2))?.state], ["{}", '"better"']);
    assert.deepEqual(
      (await store.journalAfter(2, 10)).map(({ id }) => id),
      [10, 13],
    );
    assert.deepEqual([await store.fact("bad"), await store.fact("good")], [undefined, "1"]);
  });

  check("a refused ledger operation takes its whole unit with it, and only that", async (store) => {
    await pass(store, { create: [newAgent(1), newAgent(2)] });
    const take: Commit = {
      ledger: [{ op: "add", class: "money", key: "eur", delta: -1, floor: 0 }],
    };
    const outcomes = await outcomesOf(
      store,
      { turn: { journal: [journalRow(1, 10, 2, 1)], state: "1" }, ...take },
      { turn: { journal: [journalRow(2, 11, 2, 2)], state: "2" } },
    );
    assert.deepEqual(outcomes, ["LEDGER_FLOOR", "ok"]);
    assert.deepEqual([(await store.agentByNo(1))?.state, (await store.agentByNo(2))?.state], ["{}", "2"]);
  });

  check("an empty batch and an empty unit change nothing", async (store) => {
    assert.deepEqual(await store.commit([]), []);
    assert.deepEqual(await outcomesOf(store, {}, {}), ["ok", "ok"]);
  });
}

/** The journal that turns leave. */
export function journalCases(check: StoreCase): void {
  check("an agent's journal is read oldest first, after a turn, at most a limit", async (store) => {
    await pass(store, { create: [newAgent(1), newAgent(2)] });
    const ids = Array.from({ length: 30 }, (_, at) => 10 + at);
    for (const id of ids) {
      const mine = id % 2 === 0;
      const turn = 2 + Math.floor((id - 10) / 2);
      await pass(store, {
        turn: {
          journal: [journalRow(mine ? 1 : 2, id, turn, id < 12 ? id - 9 : id - 2, { delta: `=${id}` })],
        },
      });
    }
    const turns = async (after: number, limit: number): Promise<number[]> => (await store.journal(1, after, limit)).map(({ turn }) => turn);
    assert.deepEqual(await turns(0, 3), [1, 2, 3]);
    assert.deepEqual(await turns(3, 4), [4, 5, 6, 7]);
    assert.deepEqual(await turns(14, 100), [15, 16]);
    assert.deepEqual(await turns(16, 100), []);
    assert.deepEqual((await store.journal(1, 1, 1))[0], {
      ...journalRow(1, 10, 2, 1, { delta: "=10" }),
      address: "default/thing/t1",
    });
    assert.deepEqual(
      (await store.journalAfter(37, 10)).map(({ id, address }) => [id, address]),
      [
        [38, "default/thing/t1"],
        [39, "default/thing/t2"],
      ],
    );
    assert.deepEqual(
      (await store.journalAfter(0, 3)).map(({ id }) => id),
      [1, 2, 10],
    );
  });

  check("rows are found by a text in their body, newest first", async (store) => {
    await pass(store, { create: [newAgent(1)] });
    const row = (id: number, turn: number, body: object): Commit => ({
      turn: {
        journal: [journalRow(1, id, turn, turn === 2 ? 1 : id - 1, { body: JSON.stringify(body) })],
      },
    });
    await pass(
      store,
      row(10, 2, { cause: { id: "env-x", chain: "env-x" } }),
      row(11, 3, { cause: { id: "env-y", chain: "env-x", eventId: "delivery-7" } }),
    );
    await pass(
      store,
      row(12, 4, { cause: { id: "z", chain: "q", correlation: "env-x" }, note: "env-y" }),
      row(13, 5, { cause: { id: "w", chain: "w" }, coalesced: ["env-y"] }),
    );
    const found = async (id: string, limit = 10): Promise<number[]> => (await store.journalWith(id, limit)).map((stored) => stored.id);
    assert.deepEqual(await found("env-x"), [12, 11, 10]);
    assert.deepEqual(await found("env-x", 2), [12, 11]);
    assert.deepEqual(await found("env-y"), [13, 12, 11]);
    assert.deepEqual(await found("delivery-7"), [11]);
    assert.deepEqual(await found("nothing"), []);
  });
}

/** Texts of any size and any characters. */
export function valueCases(check: StoreCase): void {
  check("a state of a mebibyte and any Unicode come back as they were", async (store) => {
    const texts = [
      JSON.stringify("x".repeat(1 << 20)),
      JSON.stringify("😀 ключ \ud800 \u0000 \u2028 \uffff 'quoted'; --"),
      '"\\u0000"',
      '""',
    ];
    await pass(store, { create: texts.map((state, at) => newAgent(at + 1, { state })) });
    for (const [at, state] of texts.entries()) assert.equal((await store.agentByNo(at + 1))?.state, state);
    await pass(store, {
      turn: { journal: [journalRow(4, 10, 2, 4, { delta: `=${texts[1]}` })], state: texts[0] },
    });
    assert.equal((await store.agentByNo(4))?.state, texts[0]);
    assert.equal((await store.journal(4, 1, 1))[0]?.delta, `=${texts[1]}`);
  });
}
