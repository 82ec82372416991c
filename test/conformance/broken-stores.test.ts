/** The conformance kit finds what is wrong: each store with a defect fails by the case that names it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SqliteStore } from "../../src/adapters/sqlite/index.ts";
import { storeCases } from "../../src/testing/index.ts";
import { changed, DEFECTS } from "./support/broken-stores.ts";
import { onDisk } from "./support/on-disk.ts";

const CASES = new Map(storeCases().map(({ title, run }) => [title, run]));

test("every case of the kit has a title of its own", () => {
  assert.equal(CASES.size, storeCases().length);
});

test("each defect has a case that finds it, and without the defect the same store passes it", async () => {
  for (const title of new Set(DEFECTS.map(({ foundBy }) => foundBy))) {
    const run = CASES.get(title);
    assert.ok(run, `there is no case “${title}”`);
    await run(() => onDisk((path) => changed(new SqliteStore({ path }), {})));
  }
});

for (const { what, foundBy, change } of DEFECTS) {
  test(`a store that ${what} fails: ${foundBy}`, async () => {
    const run = CASES.get(foundBy);
    assert.ok(run);
    const open = (): ReturnType<typeof onDisk> =>
      onDisk((path) => {
        const store = new SqliteStore({ path });
        return changed(store, change(store, path));
      });
    await assert.rejects(run(open), (thrown) => {
      assert.ok(thrown instanceof Error);
      // A defect that cannot be called at all would be found by anything.
      assert.ok(!(thrown instanceof TypeError || thrown instanceof ReferenceError || thrown instanceof SyntaxError), String(thrown.stack));
      return true;
    });
  });
}
