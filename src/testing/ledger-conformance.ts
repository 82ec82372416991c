import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Ledger, LedgerOp } from "../kernel/index.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);
const put = (key: string, text: string, expectedVersion?: number): LedgerOp => ({
  op: "put",
  class: "things",
  key,
  bytes: encode(text),
  expectedVersion,
});

/** Makes an empty ledger; called once for each case. One that can be disposed is disposed after its case. */
export type MakeLedger = () => Promise<Ledger & Partial<AsyncDisposable>>;

type Case = (name: string, run: (ledger: Ledger) => Promise<void>) => void;

/** One promise of the ledger's contract; `run` rejects where it is not kept. */
export interface LedgerCase {
  readonly title: string;
  readonly run: (makeLedger: MakeLedger) => Promise<void>;
}

/** What every `Ledger` must keep, by title. */
export function ledgerCases(): readonly LedgerCase[] {
  const cases: LedgerCase[] = [];
  const check: Case = (title, run) => {
    cases.push({
      title,
      run: async (makeLedger) => {
        const ledger = await makeLedger();
        try {
          await run(ledger);
        } finally {
          await ledger[Symbol.asyncDispose]?.();
        }
      },
    });
  };
  for (const add of [versionCases, sumCases, rowCases, atomicityCases, listCases, valueCases]) add(check);
  return cases;
}

/** Registers the cases that every `Ledger` must pass with `node:test`. */
export function ledgerConformance(makeLedger: MakeLedger, name = "ledger"): void {
  describe(`${name} keeps the contract of Ledger`, () => {
    for (const { title, run } of ledgerCases()) test(title, () => run(makeLedger));
  });
}

function versionCases(check: Case): void {
  check("an entry that was never put is absent", async (ledger) => {
    assert.equal(await ledger.get("things", "a"), undefined);
    assert.deepEqual(await ledger.list("things"), []);
  });

  check("each put raises the version by one, from 1", async (ledger) => {
    await ledger.apply([put("a", "one")]);
    await ledger.apply([put("a", "two")]);
    const entry = await ledger.get("things", "a");
    assert.deepEqual([entry?.key, entry?.version, decode(entry?.bytes)], ["a", 2, "two"]);
  });

  check("a put passes only at the version that it expects", async (ledger) => {
    await ledger.apply([put("a", "one", 0)]);
    await assert.rejects(ledger.apply([put("a", "again", 0)]), { code: "LEDGER_CONFLICT" });
    await assert.rejects(ledger.apply([put("a", "early", 2)]), { code: "LEDGER_CONFLICT" });
    await assert.rejects(ledger.apply([put("b", "absent", 1)]), { code: "LEDGER_CONFLICT" });
    await ledger.apply([put("a", "two", 1)]);
    assert.equal(decode((await ledger.get("things", "a"))?.bytes), "two");
  });

  check("of many racing puts that expect the same version exactly one passes", async (ledger) => {
    const racers = Array.from({ length: 20 }, (_, n) => ledger.apply([put("a", `${n}`, 0)]));
    const results = await Promise.allSettled(racers);
    const won = results.flatMap((result, n) => (result.status === "fulfilled" ? [n] : []));
    assert.equal(won.length, 1);
    const entry = await ledger.get("things", "a");
    assert.deepEqual([entry?.version, decode(entry?.bytes)], [1, `${won[0]}`]);
  });

  check("a delete removes the entry, and the next put starts at version 1", async (ledger) => {
    await ledger.apply([put("a", "one"), put("a", "two")]);
    await assert.rejects(ledger.apply([{ op: "delete", class: "things", key: "a", expectedVersion: 1 }]), { code: "LEDGER_CONFLICT" });
    await ledger.apply([{ op: "delete", class: "things", key: "a", expectedVersion: 2 }]);
    assert.equal(await ledger.get("things", "a"), undefined);
    await ledger.apply([put("a", "new", 0)]);
    assert.equal((await ledger.get("things", "a"))?.version, 1);
  });

  check("deleting what is absent changes nothing and passes", async (ledger) => {
    await ledger.apply([
      { op: "delete", class: "things", key: "a" },
      { op: "delete", class: "things", key: "b", expectedVersion: 0 },
    ]);
    await assert.rejects(ledger.apply([{ op: "delete", class: "things", key: "a", expectedVersion: 1 }]), { code: "LEDGER_CONFLICT" });
  });

  check("classes do not see each other", async (ledger) => {
    await ledger.apply([put("a", "thing")]);
    assert.equal(await ledger.get("other", "a"), undefined);
    assert.deepEqual(await ledger.list("other"), []);
  });
}

function sumCases(check: Case): void {
  check("a sum starts at 0 and takes every delta", async (ledger) => {
    assert.equal(await ledger.sum("money", "eur"), 0);
    await ledger.apply([{ op: "add", class: "money", key: "eur", delta: 7 }]);
    await ledger.apply([{ op: "add", class: "money", key: "eur", delta: -10 }]);
    assert.equal(await ledger.sum("money", "eur"), -3);
    assert.equal(await ledger.sum("money", "usd"), 0);
  });

  check("a sum may touch its floor and never pass it", async (ledger) => {
    const take = (delta: number): LedgerOp => ({
      op: "add",
      class: "money",
      key: "eur",
      delta,
      floor: 0,
    });
    await assert.rejects(ledger.apply([take(-1)]), { code: "LEDGER_FLOOR" });
    await ledger.apply([take(5), take(-5)]);
    await ledger.apply([take(3)]);
    await assert.rejects(ledger.apply([take(-2), take(-2)]), { code: "LEDGER_FLOOR" });
    assert.equal(await ledger.sum("money", "eur"), 3);
  });

  check("racing withdrawals never take more than there is", async (ledger) => {
    await ledger.apply([{ op: "add", class: "money", key: "eur", delta: 10 }]);
    const racers = Array.from({ length: 25 }, () => ledger.apply([{ op: "add", class: "money", key: "eur", delta: -1, floor: 0 }]));
    const results = await Promise.allSettled(racers);
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 10);
    assert.equal(await ledger.sum("money", "eur"), 0);
  });

  check("a sum and an entry of the same name are two things", async (ledger) => {
    await ledger.apply([put("a", "text"), { op: "add", class: "things", key: "a", delta: 4 }]);
    await ledger.apply([{ op: "delete", class: "things", key: "a" }]);
    assert.equal(await ledger.sum("things", "a"), 4);
    assert.deepEqual(await ledger.list("things"), []);
  });
}

function rowCases(check: Case): void {
  const append = (cls: string, text: string): LedgerOp => ({
    op: "append",
    class: cls,
    bytes: encode(text),
  });

  check("appended rows are numbered densely from 1 in each class", async (ledger) => {
    await ledger.apply([append("log", "a"), append("other", "x"), append("log", "b")]);
    await ledger.apply([append("log", "c")]);
    const rows = await ledger.rows("log");
    assert.deepEqual(
      rows.map(({ index, bytes }) => [index, decode(bytes)]),
      [
        [1, "a"],
        [2, "b"],
        [3, "c"],
      ],
    );
    assert.deepEqual(
      (await ledger.rows("other")).map(({ index }) => index),
      [1],
    );
  });

  check("a refused append leaves no gap in the numbers", async (ledger) => {
    await ledger.apply([append("log", "a")]);
    await assert.rejects(ledger.apply([append("log", "lost"), put("a", "x", 9)]), {
      code: "LEDGER_CONFLICT",
    });
    await ledger.apply([append("log", "b")]);
    const rows = await ledger.rows("log");
    assert.deepEqual(
      rows.map(({ index, bytes }) => [index, decode(bytes)]),
      [
        [1, "a"],
        [2, "b"],
      ],
    );
  });

  check("rows are read in pages after an index", async (ledger) => {
    await ledger.apply(Array.from({ length: 25 }, (_, n) => append("log", `${n}`)));
    const seen: number[] = [];
    for (;;) {
      const page = await ledger.rows("log", seen.at(-1) ?? 0, 10);
      if (page.length === 0) break;
      seen.push(...page.map(({ index }) => index));
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 25 }, (_, n) => n + 1),
    );
    await assert.rejects(ledger.rows("log", 0, 1_001), { code: "LIMIT_EXCEEDED" });
  });
}

function atomicityCases(check: Case): void {
  check("one refused operation undoes all the others of its call", async (ledger) => {
    await ledger.apply([put("kept", "before")]);
    await assert.rejects(
      ledger.apply([
        put("a", "new"),
        put("kept", "after"),
        { op: "add", class: "money", key: "eur", delta: 5 },
        { op: "append", class: "log", bytes: encode("row") },
        { op: "add", class: "money", key: "eur", delta: -6, floor: 0 },
      ]),
      { code: "LEDGER_FLOOR" },
    );
    assert.equal(await ledger.get("things", "a"), undefined);
    assert.equal(decode((await ledger.get("things", "kept"))?.bytes), "before");
    assert.equal(await ledger.sum("money", "eur"), 0);
    assert.deepEqual(await ledger.rows("log"), []);
  });

  check("operations of one call see those before them", async (ledger) => {
    await ledger.apply([
      put("a", "one", 0),
      put("a", "two", 1),
      { op: "delete", class: "things", key: "a", expectedVersion: 2 },
      put("a", "three", 0),
    ]);
    const entry = await ledger.get("things", "a");
    assert.deepEqual([entry?.version, decode(entry?.bytes)], [1, "three"]);
  });

  check("a call without operations passes", async (ledger) => {
    await ledger.apply([]);
    assert.deepEqual(await ledger.list("things"), []);
  });
}

function listCases(check: Case): void {
  check("entries are listed in the order of their keys' UTF-8 bytes", async (ledger) => {
    const keys = ["a", "B", "a b", "ä", "aa", "\uffee", "😀", "a\u0000"];
    await ledger.apply(keys.map((key) => put(key, key)));
    const listed = (await ledger.list("things")).map(({ key }) => key);
    assert.deepEqual(listed, ["B", "a", "a\u0000", "a b", "aa", "ä", "\uffee", "😀"]);
  });

  check("pages after a key cover every entry once", async (ledger) => {
    const keys = Array.from({ length: 25 }, (_, n) => `k${String(n).padStart(3, "0")}`);
    await ledger.apply(keys.map((key) => put(key, key)));
    const seen: string[] = [];
    for (;;) {
      const page = await ledger.list("things", seen.at(-1), 10);
      assert.ok(page.length <= 10);
      if (page.length === 0) break;
      seen.push(...page.map(({ key }) => key));
    }
    assert.deepEqual(seen, keys);
  });

  check("a page size outside of 1 to 1,000 is refused", async (ledger) => {
    for (const limit of [0, 1_001, 1.5]) await assert.rejects(ledger.list("things", undefined, limit), { code: "LIMIT_EXCEEDED" });
  });
}

function valueCases(check: Case): void {
  check("every byte comes back, none and a mebibyte of them too", async (ledger) => {
    const all = Uint8Array.from({ length: 256 }, (_, n) => n);
    const big = new Uint8Array(1024 * 1024).map((_, n) => n % 251);
    for (const [key, bytes] of Object.entries({ all, big, none: new Uint8Array() })) {
      await ledger.apply([{ op: "put", class: "things", key, bytes }]);
      const entry = await ledger.get("things", key);
      assert.ok(entry);
      assert.equal(Buffer.compare(entry.bytes, bytes), 0);
    }
  });

  check("changing bytes outside does not change what is stored", async (ledger) => {
    const given = encode("abc");
    await ledger.apply([{ op: "put", class: "things", key: "a", bytes: given }]);
    given[0] = 0;
    const first = await ledger.get("things", "a");
    assert.ok(first);
    first.bytes[0] = 0;
    assert.equal(decode((await ledger.get("things", "a"))?.bytes), "abc");
  });

  check("keys are any Unicode text, compared by code point, U+0000 included", async (ledger) => {
    const composed = "\u00e9";
    const decomposed = "e\u0301";
    const keys = [composed, decomposed, "a", "a\u0000", "a\u0000b", "\u0000", "💥", "ключ", "'; --"];
    await ledger.apply(keys.map((key, n) => put(key, `${n}`)));
    for (const [n, key] of keys.entries()) {
      const entry = await ledger.get("things", key);
      assert.deepEqual([entry?.key, decode(entry?.bytes)], [key, `${n}`]);
    }
    assert.equal((await ledger.list("things")).length, keys.length);
    await ledger.apply([{ op: "add", class: "s\u0000", key: "a\u0000b", delta: 1 }]);
    assert.equal(await ledger.sum("s\u0000", "a\u0000b"), 1);
    assert.equal(await ledger.sum("s", "a"), 0);
  });

  check("a class or key of no or more than 200 characters is refused", async (ledger) => {
    await ledger.apply([put("k".repeat(200), "fits")]);
    for (const key of ["", "k".repeat(201)]) {
      await assert.rejects(ledger.apply([put(key, "x")]), { code: "LIMIT_EXCEEDED" });
      const add: LedgerOp = { op: "add", class: key, key: "a", delta: 1 };
      await assert.rejects(ledger.apply([add]), { code: "LIMIT_EXCEEDED" });
    }
  });

  check("a key that UTF-8 cannot carry is refused", async (ledger) => {
    await assert.rejects(ledger.apply([put("\ud800", "x")]), { code: "USAGE" });
  });
}
