import assert from "node:assert/strict";
import type { Retention, SubscriptionRow } from "../kernel/index.ts";
import type { StoreCase } from "./store-conformance.ts";
import { deadRow, effectRow, journalRow, mailRow, newAgent, pass } from "./store-rows.ts";

const keepAll: Retention = {
  now: 1_000,
  journalBefore: 0,
  repliesBefore: 0,
  dedupeBefore: 0,
  journalBytes: 1 << 30,
  dedupePerAgent: 0,
};

/** Effects and dead letters. */
export function recordCases(check: StoreCase): void {
  check("an effect is found by envelope and by id, and its outcome replaces its intent", async (store) => {
    await pass(store, {
      effects: [effectRow("b"), effectRow("a"), effectRow("c", { envelope: "m2" })],
    });
    await pass(store, {
      effects: [effectRow("b", { state: "done", attempts: 2, outcome: '{"ok":1}' })],
    });
    assert.deepEqual(
      (await store.effects("m1")).map(({ id, state }) => [id, state]),
      [
        ["b", "done"],
        ["a", "intent"],
      ],
    );
    assert.deepEqual(await store.effect("b"), effectRow("b", { state: "done", attempts: 2, outcome: '{"ok":1}' }));
    await pass(store, { effectsOut: ["m1", "m9"] });
    assert.deepEqual(await store.effects("m1"), []);
    assert.equal((await store.effect("c"))?.id, "c");
  });

  check("effects are listed by state and agent, oldest first", async (store) => {
    await pass(store, {
      effects: ["z", "y", "x", "w"].map((id, at) => effectRow(id, { state: at === 1 ? "done" : "in-doubt", agent: 1 + (at % 2) })),
    });
    const list = async (filter: object, limit = 10): Promise<string[]> =>
      (await store.listEffects({ ...filter, limit })).map(({ id }) => id);
    assert.deepEqual(await list({ state: "in-doubt" }), ["z", "x", "w"]);
    assert.deepEqual(await list({ state: "in-doubt" }, 2), ["z", "x"]);
    assert.deepEqual(await list({ agent: 2 }), ["y", "w"]);
    assert.deepEqual(await list({ state: "done", agent: 1 }), []);
    assert.deepEqual(await list({}), ["z", "y", "x", "w"]);
  });

  check("dead letters are listed by id in pages and by agent, tenant and reason, and dropped", async (store) => {
    await pass(store, { create: [newAgent(1), newAgent(2, { address: "acme/thing/t" })] });
    await pass(
      store,
      { deadIn: ["d3", "d1", "d2"].map((id) => deadRow(id)) },
      { deadIn: [deadRow("d4", { agent: 2, reason: "EXPIRED" })] },
    );
    const list = async (filter: object, limit = 10): Promise<string[]> => (await store.listDead({ ...filter, limit })).map(({ id }) => id);
    assert.deepEqual(await list({}), ["d1", "d2", "d3", "d4"]);
    assert.deepEqual(await list({}, 2), ["d1", "d2"]);
    assert.deepEqual(await list({ after: "d2" }, 1), ["d3"]);
    assert.deepEqual(await list({ agent: 2 }), ["d4"]);
    assert.deepEqual(await list({ tenant: "default" }), ["d1", "d2", "d3"]);
    assert.deepEqual(await list({ reason: "EXPIRED" }), ["d4"]);
    assert.deepEqual(await store.dead("d2"), deadRow("d2"));
    await pass(store, { deadOut: ["d2"] }, { deadIn: [deadRow("d1", { attempts: 6 })] });
    assert.equal(await store.dead("d2"), undefined);
    assert.equal((await store.dead("d1"))?.attempts, 6);
  });
}

/** Replies, subscriptions, facts. */
export function factCases(check: StoreCase): void {
  check("a reply is kept by its command's id", async (store) => {
    await pass(store, { replies: [{ id: "r1", at: 5, body: '{"ok":1}' }] });
    assert.deepEqual(await store.reply("r1"), { id: "r1", at: 5, body: '{"ok":1}' });
    assert.equal(await store.reply("r2"), undefined);
  });

  check("subscriptions are found by tenant and pattern until they end", async (store) => {
    const row = (pattern: string, agent: number, change: Partial<SubscriptionRow> = {}): SubscriptionRow => ({
      tenant: "a",
      pattern,
      agent,
      event: "e",
      filter: undefined,
      ...change,
    });
    await pass(store, {
      subscribe: [row("x.*", 1), row("x.*", 2, { filter: "{}" }), row("y", 1), row("z", 3, { tenant: "b" })],
    });
    assert.deepEqual([await store.patterns("a"), await store.patterns("b"), await store.patterns("c")], [["x.*", "y"], ["z"], []]);
    assert.deepEqual(await store.subscribers("a", "x.*"), [row("x.*", 1), row("x.*", 2, { filter: "{}" })]);
    await pass(store, { unsubscribe: [{ agent: 1, pattern: "x.*" }] }, { unsubscribe: [{ agent: 2 }], subscribe: [row("w", 2)] });
    assert.deepEqual(await store.patterns("a"), ["w", "y"]);
    assert.deepEqual(await store.subscribers("a", "x.*"), []);
    await pass(store, { unsubscribe: [{ agent: 1 }, { agent: 2 }] });
    assert.deepEqual(await store.patterns("a"), []);
  });

  check("a fact holds its last value", async (store) => {
    await pass(store, { facts: { a: "1", b: "2" } }, { facts: { a: "3" } });
    assert.deepEqual([await store.fact("a"), await store.fact("b"), await store.fact("c")], ["3", "2", undefined]);
  });
}

/** Dedupe keys and what retention drops. */
export function memoryCases(check: StoreCase): void {
  const hash = (n: number): string => n.toString(16).padStart(32, "0");
  const key = (n: number, at: number): { hash: string; id: string; seq: number; digest: number; at: number } => ({
    hash: hash(n),
    id: `e${n}`,
    seq: n,
    digest: 2 ** 53 - n,
    at,
  });

  check("a dedupe key is remembered until retention drops it, and no younger one with it", async (store) => {
    await pass(store, { dedupe: { rows: [key(1, 100), key(2, 101)], upTo: 9 } });
    assert.deepEqual(await store.dedupe(hash(1)), key(1, 100));
    assert.equal(await store.dedupe(hash(3)), undefined);
    await store.prune({ ...keepAll, dedupeBefore: 50 }, 100);
    await pass(store, { dedupe: { rows: [key(3, 200)], upTo: 10 } });
    for (const n of [1, 2, 3]) assert.deepEqual((await store.dedupe(hash(n)))?.id, `e${n}`);
    for (let round = 0; round < 3; round++) await store.prune({ ...keepAll, dedupeBefore: 150 }, 100);
    assert.equal(await store.dedupe(hash(1)), undefined);
    assert.deepEqual(await store.dedupe(hash(3)), key(3, 200));
  });

  check("a dedupe key that is there stays as it is, also from before a pruning", async (store) => {
    await pass(store, { dedupe: { rows: [key(1, 100)] } });
    const late = { ...key(1, 300), id: "late" };
    await pass(store, { dedupe: { rows: [late] } });
    await store.prune({ ...keepAll, dedupeBefore: 50 }, 100);
    await pass(store, { dedupe: { rows: [late, key(2, 300)] } });
    assert.deepEqual(await store.dedupe(hash(1)), key(1, 100));
    assert.deepEqual(await store.dedupe(hash(2)), key(2, 300));
  });

  retentionCases(check);
}

function retentionCases(check: StoreCase): void {
  check("an agent keeps so many bytes of journal, from a full copy on, and whatever deduplication still needs", async (store) => {
    await pass(store, { create: [newAgent(1), newAgent(2)] });
    const delta = (turn: number): string => (turn % 8 === 0 ? "={}" : "1,1|");
    for (let turn = 2; turn <= 40; turn++)
      await pass(store, {
        turn: {
          journal: [{ ...journalRow(1, turn + 8, turn, turn === 2 ? 1 : turn + 7), delta: delta(turn) }],
        },
      });
    const kept = async (): Promise<readonly number[]> => (await store.journal(1, 0, 100)).map(({ turn }) => turn);
    const size = new TextEncoder().encode(journalRow(1, 20, 12, 19).body).length + 4;
    const prune = async (limits: Partial<Retention>): Promise<void> => {
      while (await store.prune({ ...keepAll, dedupeBefore: 9e15, ...limits }, 4));
    };
    await prune({ journalBytes: size * 10, dedupeBefore: 0, dedupePerAgent: 30 });
    assert.equal((await kept()).length, 30);
    await prune({ journalBytes: Math.floor(size * 14.5) });
    assert.deepEqual((await kept()).slice(0, 2), [24, 25]);
    await prune({ journalBytes: 1 });
    assert.deepEqual(await kept(), [40]);
    assert.deepEqual(
      (await store.journal(2, 0, 3)).map(({ turn }) => turn),
      [1],
    );
  });

  check("what age leaves of a journal begins with a full copy of the state", async (store) => {
    await pass(store, { create: [newAgent(1)] });
    for (let turn = 2; turn <= 40; turn++)
      await pass(store, {
        turn: { journal: [{ ...journalRow(1, turn, turn, turn - 1), delta: turn % 8 === 0 ? "={}" : "1,1|" }] },
      });
    const journalBefore = journalRow(1, 30, 1, 0).at;
    while (await store.prune({ ...keepAll, dedupeBefore: 9e15, journalBefore }, 4));
    assert.deepEqual(
      (await store.journal(1, 0, 3)).map(({ turn }) => turn),
      [24, 25, 26],
    );
  });

  check("retention drops old rows of the journal but never an agent's newest", async (store) => {
    await pass(store, { create: [newAgent(1), newAgent(2)] });
    for (let turn = 2; turn <= 20; turn++)
      await pass(store, {
        turn: { journal: [journalRow(1, turn + 8, turn, turn === 2 ? 1 : turn + 7)] },
      });
    const before = journalRow(1, 20, 1, 0).at;
    let rounds = 1;
    while (await store.prune({ ...keepAll, journalBefore: before }, 4)) rounds++;
    assert.ok(rounds > 1);
    assert.deepEqual(
      (await store.journalAfter(0, 100)).map(({ id }) => id),
      [2, 20, 21, 22, 23, 24, 25, 26, 27, 28],
    );
    assert.deepEqual(
      (await store.journal(1, 0, 3)).map(({ turn }) => turn),
      [12, 13, 14],
    );
    assert.deepEqual(
      (await store.journal(2, 0, 3)).map(({ turn }) => turn),
      [1],
    );
    assert.equal((await store.agentByNo(1))?.turn, 20);
  });
}

/** Replies that end, bytes, and the end of the store. */
export function endCases(check: StoreCase): void {
  check("retention drops old replies", async (store) => {
    await pass(store, {
      replies: [
        { id: "old", at: 5, body: "{}" },
        { id: "new", at: 50, body: "{}" },
      ],
    });
    while (await store.prune({ ...keepAll, repliesBefore: 20 }, 1));
    assert.equal(await store.reply("old"), undefined);
    assert.equal((await store.reply("new"))?.at, 50);
  });

  check("retention drops the old sums of one class, and nothing else", async (store) => {
    const add = (cls: string, key: string) => ({ op: "add", class: cls, key, delta: 1 }) as const;
    await pass(store, { ledger: [add("a", "1"), add("a", "2"), add("a", "3"), add("b", "1")] });
    while (await store.prune({ ...keepAll, sums: { class: "a", keysBefore: "3" } }, 1));
    const left = await Promise.all(
      [
        ["a", "1"],
        ["a", "2"],
        ["a", "3"],
        ["b", "1"],
      ].map(([cls = "", key = ""]) => store.ledgerSum(cls, key)),
    );
    assert.deepEqual(left, [0, 0, 1, 1]);
  });

  check("a closed store refuses to be used", async (store) => {
    await store.close();
    await assert.rejects(async () => store.agent("default/thing/t1"), { code: "CLOSED" });
    await assert.rejects(async () => store.commit([{}]), { code: "CLOSED" });
    await store.close();
  });

  upkeepCases(check);
}

function upkeepCases(check: StoreCase): void {
  check("usage counts bytes by class", async (store) => {
    const before = await store.usage();
    await pass(store, {
      create: Array.from({ length: 200 }, (_, at) => newAgent(at + 1, { state: JSON.stringify("x".repeat(1_000)) })),
    });
    const after = await store.usage();
    assert.ok((after["state"] ?? 0) - (before["state"] ?? 0) >= 200_000);
    for (const name of ["journal", "mail", "effects", "deadLetters", "replies", "subscriptions", "dedupe", "ledger", "free", "log"])
      assert.equal(typeof after[name], "number", name);
  });

  check("a store that is sound says so", async (store) => {
    await pass(store, { create: [newAgent(1)], mailIn: [mailRow(1, 1)] });
    assert.deepEqual(await store.inspect(), []);
  });

  check("what belongs to nobody is told, and nothing else", async (store) => {
    await pass(store, { create: [newAgent(1), newAgent(2), newAgent(3, { status: "terminated" })] });
    const to = (agent: number) => ({ tenant: "default", pattern: "news", agent, event: "x" });
    await pass(store, {
      mailIn: [mailRow(1, 1), mailRow(2, 7), mailRow(3, 7, { dueAt: 5 }), mailRow(4, 1, { dueAt: 5 })],
      effects: [
        effectRow("waits", { envelope: "m1" }),
        effectRow("delayed", { envelope: "m4" }),
        effectRow("died", { envelope: "d1" }),
        effectRow("doubtful", { envelope: "gone", state: "in-doubt" }),
        effectRow("orphan", { envelope: "gone" }),
        effectRow("elsewhere", { envelope: "m1", agent: 2 }),
      ],
      deadIn: [deadRow("d1")],
      subscribe: [to(1), to(3), to(7)],
    });
    const { mail, effects, subscriptions } = await store.orphans(10);
    assert.deepEqual(
      mail.map(({ seq }) => seq),
      [2, 3],
    );
    assert.deepEqual(effects.map(({ id }) => id).toSorted(), ["elsewhere", "orphan"]);
    assert.deepEqual(
      subscriptions.map(({ agent }) => agent).toSorted((left, right) => left - right),
      [3, 7],
    );
  });

  check("size tells how much room there is, and what is dropped is free or given back", async (store) => {
    const used = async (): Promise<number> => {
      const { bytes, freeBytes, leftBytes } = await store.size();
      assert.ok(freeBytes <= bytes && (leftBytes ?? 0) >= 0);
      return bytes - freeBytes;
    };
    const before = await used();
    // Nothing that a store might compress.
    const noise = (seed: number): string =>
      Array.from({ length: 350 }, (_, at) => (Math.imul(seed * 350 + at + 1, 2_654_435_761) >>> 0).toString(36)).join("");
    const replies = Array.from({ length: 500 }, (_, at) => ({ id: `r${at}`, at: 5, body: JSON.stringify(noise(at)) }));
    await pass(store, { replies });
    const full = await used();
    assert.ok(full - before >= 1_000_000, String(full - before));
    while (await store.prune({ ...keepAll, repliesBefore: 20 }, 100));
    assert.ok((await used()) - before < 500_000);
  });
}
