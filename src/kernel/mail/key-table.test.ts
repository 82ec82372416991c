import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type KeyFacts, KeyTable, keyWords } from "./key-table.ts";

const hashOf = (n: number): string => (n * 2_654_435_761).toString(16).padStart(32, "0").slice(-32);

test("a table of keys answers as a map does, whatever is added, removed and journaled", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "add", "remove", "journal", "again"),
    key: fc.integer({ min: 0, max: 400 }),
    agent: fc.integer({ min: 1, max: 4 }),
    id: fc.oneof(fc.uuid(), fc.string({ maxLength: 40 })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500 }), (steps) => {
      const table = new KeyTable();
      const facts = new Map<string, KeyFacts>();
      const rows = new Map<string, number>();
      const linked = new Map<number, [number, number, number][]>();
      for (const [at, { what, key, agent, id }] of steps.entries()) {
        const hash = hashOf(key);
        const words = keyWords(hash);
        if (what === "add" || what === "again") {
          const fact = { id, seq: at + 1, digest: at * 7 + 2 ** 40, at: 1_700_000_000_000 + at };
          table.add(words, fact);
          facts.set(hash, fact);
          rows.delete(hash);
        } else if (what === "remove") {
          table.remove(words);
          if (!rows.has(hash)) facts.delete(hash);
        } else {
          const isNew = facts.has(hash) && !rows.has(hash);
          assert.equal(table.journal(words, agent, at + 1, `not ${facts.get(hash)?.id}`), false);
          assert.equal(table.journal(words, agent, at + 1, facts.get(hash)?.id ?? ""), isNew);
          if (!isNew) continue;
          rows.set(hash, at + 1);
          linked.set(agent, [...(linked.get(agent) ?? []), [words[0], words[1], at + 1]]);
        }
        assert.deepEqual(table.get(words), facts.get(hash));
      }
      for (let key = 0; key <= 400; key++) assert.deepEqual(table.get(keyWords(hashOf(key))), facts.get(hashOf(key)));
      for (const agent of [1, 2, 3, 4]) assert.deepEqual(table.of(agent), linked.get(agent) ?? []);
      assert.equal(table.waiting, facts.size - rows.size);
      const rest = new KeyTable();
      for (let key = 0; key < 100; key++) rest.add(keyWords(hashOf(key)), { id: "", seq: 1, digest: 1, at: 1 });
      rest.clear();
      table.leave(rest);
      for (const [hash, fact] of facts) assert.deepEqual(rest.get(keyWords(hash)), rows.has(hash) ? undefined : fact);
    }),
    { numRuns: 60 },
  );
});

test("a key of any hash and any id is found again, also where words are large", () => {
  const table = new KeyTable();
  const hash = "ffffffff80000000fedcba9876543210";
  table.add(keyWords(hash), { id: "FFFFFFFF-0000-4000-8000-000000000000", seq: 2 ** 50, digest: 2 ** 52, at: 1 });
  assert.equal(table.get(keyWords(hash))?.id, "FFFFFFFF-0000-4000-8000-000000000000");
  assert.equal(table.get(keyWords("00000000000000000000000000000000")), undefined);
});
