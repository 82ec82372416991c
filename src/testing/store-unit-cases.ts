import assert from "node:assert/strict";
import type { Commit, Retention, Store } from "../kernel/index.ts";
import type { StoreCase } from "./store-conformance.ts";
import { deadRow, effectRow, everythingIn, journalRow, mailRow, newAgent, outcomesOf, pass } from "./store-rows.ts";

const keepAll: Retention = { now: 1, journalBefore: 0, repliesBefore: 0, dedupeBefore: 0, journalBytes: 1 << 30, dedupePerAgent: 0 };
const HASH = "ab".repeat(16);

async function withAgents(store: Store, ...mail: readonly ReturnType<typeof mailRow>[]): Promise<void> {
  await pass(store, { create: [newAgent(1), newAgent(2)], mailIn: mail });
}

/** A unit that touches everything that a unit can. */
function whole(): Commit {
  return {
    create: [newAgent(3)],
    turn: { journal: [journalRow(1, 10, 2, 1)], state: "1", status: "paused", epoch: 1, meta: "{}" },
    timersOut: [{ agent: 1, timer: "t" }],
    mailIn: [mailRow(5, 2), mailRow(6, 1, { dueAt: 9, timer: "u" })],
    mailOut: [1],
    mailSet: [{ seq: 2, dueAt: null, parked: '{"kind":"in-doubt"}', attempts: 1, marked: 1 }],
    effects: [effectRow("new")],
    effectsOut: ["m9"],
    deadIn: [deadRow("new")],
    deadOut: ["old"],
    replies: [{ id: "r", at: 1, body: "{}" }],
    ledger: [
      { op: "put", class: "c", key: "k", bytes: Uint8Array.of(1) },
      { op: "add", class: "c", key: "k", delta: 3 },
      { op: "append", class: "c", bytes: Uint8Array.of(1) },
    ],
    unsubscribe: [{ agent: 2 }],
    subscribe: [{ tenant: "default", pattern: "p", agent: 1, event: "e" }],
    dedupe: {
      rows: [{ hash: HASH, id: "e", seq: 1, digest: 1, at: 5 }],
      chunks: [{ agent: 1, chunk: 0, at: 5, keys: Uint8Array.of(7) }],
    },
    facts: { seq: "40" },
  };
}

async function prepare(store: Store): Promise<void> {
  await withAgents(store, mailRow(1, 1), mailRow(2, 1), mailRow(3, 1, { dueAt: 5, timer: "t" }));
  await pass(store, {
    effects: [effectRow("old", { envelope: "m9" })],
    deadIn: [deadRow("old")],
    subscribe: [{ tenant: "default", pattern: "q", agent: 2, event: "e" }],
  });
}

/** What comes with an agent, or goes with it, all at once. */
function arrivalCases(check: StoreCase): void {
  check("an agent that is created arrives with its whole journal, which need not begin with its first turn", async (store) => {
    const rows = [5, 6, 7].map((turn, at) => journalRow(1, 20 + at, turn, at === 0 ? 0 : 19 + at, { delta: `=${turn}` }));
    const row = { ...newAgent(1).row, turn: 4, head: 0 };
    await pass(store, { create: [{ row }], turn: { journal: rows, state: "7", stateVersion: 2, status: "paused", epoch: 3, meta: "{}" } });
    const found = await store.agent(row.address);
    assert.deepEqual([found?.turn, found?.head, found?.state, found?.status, found?.epoch], [7, 22, "7", "paused", 3]);
    assert.deepEqual(
      (await store.journal(1, 0, 10)).map(({ turn, prev }) => [turn, prev]),
      [
        [5, 0],
        [6, 20],
        [7, 21],
      ],
    );
    await pass(store, { turn: { journal: [journalRow(1, 23, 8, 22)] } });
    // What arrives where somebody is leaves nothing of itself.
    const twin = { ...newAgent(2).row, address: row.address, turn: 0, head: 0 };
    assert.deepEqual(await outcomesOf(store, { create: [{ row: twin }], turn: { journal: [journalRow(2, 30, 1, 0)] } }), ["AGENT_EXISTS"]);
    assert.equal(await store.agentByNo(2), undefined);
    assert.deepEqual(await store.journal(2, 0, 10), []);
  });
  check("an effect in doubt that is written as something else can be dropped in the same unit", async (store) => {
    await withAgents(store);
    await pass(store, { effects: [effectRow("a", { state: "in-doubt" })] });
    await pass(store, { effects: [effectRow("a", { state: "failed" })], effectsOut: ["m1"] });
    assert.equal(await store.effect("a"), undefined);
  });
}

/** All of a unit, or nothing. */
export function atomicityCases(check: StoreCase): void {
  arrivalCases(check);
  check("a refused unit leaves nothing of anything that it touches", async (store) => {
    await prepare(store);
    const before = await everythingIn(store);
    const refused: readonly Commit[] = [
      { ...whole(), turn: { journal: [journalRow(1, 10, 3, 1)], state: "late" } },
      { ...whole(), create: [newAgent(3), newAgent(4, { address: "default/thing/t1" })] },
      { ...whole(), mailIn: [mailRow(5, 2), mailRow(2, 2)] },
      { ...whole(), ledger: [...(whole().ledger ?? []), { op: "put", class: "c", key: "k", bytes: Uint8Array.of(9), expectedVersion: 7 }] },
      { ...whole(), ledger: [...(whole().ledger ?? []), { op: "add", class: "c", key: "k", delta: -9, floor: 0 }] },
    ];
    for (const [at, unit] of refused.entries()) {
      const [outcome] = await outcomesOf(store, unit);
      assert.notEqual(outcome, "ok", `unit ${at}`);
      assert.deepEqual(await everythingIn(store), before, `unit ${at}`);
    }
  });

  check("a unit that passes changes everything that it touches", async (store) => {
    await prepare(store);
    await pass(store, whole());
    assert.deepEqual([(await store.agentByNo(1))?.state, (await store.agentByNo(3))?.no], ["1", 3]);
    assert.deepEqual(
      (await store.mail(1)).map(({ seq, marked }) => [seq, marked]),
      [[2, 1]],
    );
    assert.deepEqual(
      (await store.due(9e15, 9)).map(({ seq }) => seq),
      [6],
    );
    assert.deepEqual(
      (await store.listEffects({ limit: 9 })).map(({ id }) => id),
      ["new"],
    );
    assert.deepEqual(
      (await store.listDead({ limit: 9 })).map(({ id }) => id),
      ["new"],
    );
    assert.deepEqual(await store.patterns("default"), ["p"]);
    assert.deepEqual([await store.ledgerSum("c", "k"), (await store.ledgerRows("c", 0, 9)).length], [3, 1]);
    assert.deepEqual([(await store.dedupe(HASH))?.id, (await store.reply("r"))?.id, await store.fact("seq")], ["e", "r", "40"]);
    assert.equal((await store.dedupeChunks(1)).length, 1);
  });

  check("every unit of a large batch is there, in its order, with bad ones among them", async (store) => {
    await withAgents(store);
    const units: Commit[] = [];
    for (let turn = 2; turn <= 200; turn++) {
      units.push({
        turn: { journal: [journalRow(1, turn + 8, turn, turn === 2 ? 1 : turn + 7)], state: String(turn) },
        mailIn: [mailRow(turn, 2)],
      });
      if (turn % 20 === 0)
        units.push({ turn: { journal: [journalRow(2, 1_000 + turn, 9, 2)], state: "bad" }, mailIn: [mailRow(5_000, 2)] });
    }
    const outcomes = await outcomesOf(store, ...units);
    assert.equal(outcomes.filter((outcome) => outcome === "ok").length, 199);
    assert.deepEqual(
      (await store.journal(1, 0, 1_000)).map(({ turn }) => turn),
      Array.from({ length: 200 }, (_, at) => at + 1),
    );
    assert.equal((await store.mail(2)).length, 199);
    assert.deepEqual([(await store.agentByNo(1))?.state, (await store.agentByNo(2))?.state], ["200", "{}"]);
  });
}

/** Many at once: one of them. */
export function raceCases(check: StoreCase): void {
  check("of many that claim the same turn at once exactly one gets it", async (store) => {
    await withAgents(store);
    for (let turn = 2; turn < 6; turn++) {
      const { head } = (await store.agentByNo(1)) ?? { head: 0 };
      const racers = Array.from({ length: 8 }, async (_, n) =>
        outcomesOf(store, {
          turn: { journal: [journalRow(1, turn * 100 + n, turn, head)], state: String(n) },
          mailIn: [mailRow(turn * 100 + n, 2)],
        }),
      );
      const won = (await Promise.all(racers)).flatMap(([outcome], n) => (outcome === "ok" ? [n] : []));
      assert.equal(won.length, 1);
      assert.equal((await store.agentByNo(1))?.state, String(won[0]));
    }
    assert.equal((await store.mail(2)).length, 4);
    assert.equal((await store.journal(1, 1, 100)).length, 4);
  });

  check("of many that make the same agent at once exactly one does", async (store) => {
    const racers = Array.from({ length: 8 }, async (_, n) =>
      outcomesOf(store, { create: [newAgent(n + 1, { address: "default/thing/one" })] }),
    );
    const outcomes = (await Promise.all(racers)).flat();
    assert.equal(outcomes.filter((outcome) => outcome === "ok").length, 1);
    assert.equal((await store.agents({ limit: 9 })).length, 1);
  });

  check("units of commits that are under way together are stored in their order", async (store) => {
    await withAgents(store);
    const all = Array.from({ length: 30 }, async (_, n) =>
      outcomesOf(store, { turn: { journal: [journalRow(1, n + 10, n + 2, n === 0 ? 1 : n + 9)], state: String(n) } }),
    );
    assert.ok((await Promise.all(all)).flat().every((outcome) => outcome === "ok"));
    assert.deepEqual([(await store.agentByNo(1))?.turn, (await store.agentByNo(1))?.state], [31, "29"]);
  });
}

const TEXTS: readonly string[] = ["x".repeat(1 << 20), "😀 ключ \u2028 \uffff \u00e9 e\u0301 'quoted'; --", ""];
const NUL = "a\u0000b\u0000";

/** Every table keeps any text. */
export function textCases(check: StoreCase): void {
  check("any text comes back from every record as it was, also a mebibyte", async (store) => {
    for (const [at, text] of TEXTS.entries()) await roundTrip(store, at, text);
  });

  check("U+0000 comes back from every record as it was", async (store) => roundTrip(store, 0, NUL));

  check("bytes come back from dedupe chunks as they were, oldest first, until they are dropped or too old", async (store) => {
    await withAgents(store);
    const keys = Uint8Array.from({ length: 65_536 }, (_, n) => n % 256);
    const chunk = (number: number, agent = 1) => ({ agent, chunk: number, at: 100 + number, keys });
    await pass(store, { dedupe: { chunks: [chunk(1), chunk(0), chunk(0, 2)] } }, { dedupe: { chunks: [chunk(2)] } });
    const numbers = async (): Promise<readonly number[]> => (await store.dedupeChunks(1)).map((stored) => stored.chunk);
    assert.deepEqual(await numbers(), [0, 1, 2]);
    const last = await store.lastDedupeChunk(1);
    assert.deepEqual([last?.chunk, last?.at, last && Buffer.compare(last.keys, keys)], [2, 102, 0]);
    await pass(store, { dedupe: { chunks: [{ ...chunk(3), dropTo: 0 }] } });
    assert.deepEqual(await numbers(), [1, 2, 3]);
    while (await store.prune({ ...keepAll, dedupeBefore: 103 }, 1));
    assert.deepEqual(await numbers(), [3]);
    assert.deepEqual(await store.dedupeChunks(2), []);
  });
}

async function roundTrip(store: Store, at: number, text: string): Promise<void> {
  const no = at + 1;
  const id = `id${at}`;
  const turn = 100 + at;
  const facts = { [`fact-${at}`]: text };
  const journal = [journalRow(no, turn, 2, no, { body: text, delta: `=${text}` })];
  const row = mailRow(no, no, { head: text, data: text, timer: undefined });
  const effect = effectRow(id, { input: text, outcome: text, key: text.slice(0, 99) });
  const letter = deadRow(id, { head: text, data: text, error: text });
  await pass(
    store,
    { create: [newAgent(no)] },
    {
      turn: { journal, state: text, meta: text },
      mailIn: [row],
      effects: [effect],
      deadIn: [letter],
      replies: [{ id, at: 1, body: text }],
      subscribe: [{ tenant: `tenant${at}`, pattern: "p", agent: no, event: "e", filter: text }],
      facts,
    },
  );
  const same = (got: string | undefined, where: string): void => assert.ok(got === text, `${where}: ${String(got).slice(0, 40)}`);
  const agent = await store.agentByNo(no);
  same(agent?.state, "state");
  same(agent?.meta, "meta");
  const stored = await store.journalById(turn);
  same(stored?.body, "journal body");
  same(stored?.delta?.slice(1), "journal delta");
  const [mail] = await store.mail(no);
  same(mail?.head, "mail head");
  same(mail?.data, "mail data");
  assert.deepEqual(await store.effect(id), effect);
  assert.deepEqual(await store.dead(id), letter);
  same((await store.reply(id))?.body, "reply");
  same((await store.subscribers(`tenant${at}`, "p"))[0]?.filter, "filter");
  same(await store.fact(`fact-${at}`), "fact");
}

/** No more than asked for, and pages that miss nothing. */
export function limitCases(check: StoreCase): void {
  check("no list gives more than its limit", async (store) => {
    const numbers = Array.from({ length: 9 }, (_, at) => at + 1);
    await pass(store, {
      create: numbers.map((no) => newAgent(no)),
      mailIn: numbers.map((seq) => mailRow(seq, 40 + seq, { dueAt: seq })),
      effects: numbers.map((n) => effectRow(`x${n}`)),
      deadIn: numbers.map((n) => deadRow(`d${n}`)),
      ledger: numbers.flatMap((n) => [
        { op: "put", class: "c", key: `k${n}`, bytes: Uint8Array.of(n) } as const,
        { op: "append", class: "c", bytes: Uint8Array.of(n) } as const,
      ]),
    });
    for (const limit of [1, 4]) {
      const lists = {
        agents: await store.agents({ limit }),
        due: await store.due(99, limit),
        effects: await store.listEffects({ limit }),
        dead: await store.listDead({ limit }),
        journal: await store.journalAfter(0, limit),
        found: await store.journalWith("chain", limit),
        entries: await store.ledgerList("c", undefined, limit),
        rows: await store.ledgerRows("c", 0, limit),
        orphans: (await store.orphans(limit)).mail,
      };
      for (const [name, list] of Object.entries(lists)) assert.equal(list.length, limit, name);
    }
  });

  check("pages of any size cover everything once, though more comes in behind them", async (store) => {
    await pass(store, { create: [newAgent(1)], deadIn: ["a", "b", "c", "d", "e"].map((id) => deadRow(id)) });
    const seen: string[] = [];
    for (
      let page = await store.listDead({ limit: 2 });
      page.length > 0 && seen.length < 99;
      page = await store.listDead({ after: seen.at(-1), limit: 2 })
    ) {
      seen.push(...page.map(({ id }) => id));
      await pass(store, { deadIn: [deadRow(`A${seen.length}`)] });
    }
    assert.deepEqual(seen, ["a", "b", "c", "d", "e"]);
    for (const size of [1, 3, 5, 6]) {
      const ids: number[] = [];
      const next = (): ReturnType<Store["journal"]> => store.journal(1, ids.at(-1) ?? 0, size);
      if (size === 1) for (let turn = 2; turn <= 7; turn++) await pass(store, { turn: { journal: [journalRow(1, turn, turn, turn - 1)] } });
      for (let page = await next(); page.length > 0 && ids.length < 99; page = await next()) ids.push(...page.map(({ turn }) => turn));
      assert.deepEqual(ids, [1, 2, 3, 4, 5, 6, 7], `pages of ${size}`);
    }
  });
}
