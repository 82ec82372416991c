/** Dedupe keys move into the same chunks, whether the store answers at once or later. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PostgresStore } from "../../src/adapters/postgres/index.ts";
import { SqliteStore } from "../../src/adapters/sqlite/index.ts";
import type { Store } from "../../src/kernel/index.ts";
import { DedupeIndex } from "../../src/kernel/mail/dedupe.ts";
import { testDatabase } from "../support/postgres-server.ts";

const AGENTS = 3;
const KEYS = 20_000;

async function chunksOf(store: Store): Promise<readonly (readonly number[])[]> {
  await store.open();
  try {
    const index = new DedupeIndex(store, { windowMs: 1_000_000, perAgent: 1_000_000, upTo: 0 });
    await index.recall();
    for (let at = 1; at <= 2 * KEYS; at++) {
      const hash = (Math.imul(at, 2_654_435_761) >>> 0).toString(16).padStart(8, "0").repeat(4);
      index.add({ hash, id: `e${at}`, seq: at, digest: at, at });
      index.journaled(1 + (at % AGENTS), hash, at, `e${at}`);
      if (at % KEYS > 0) continue;
      for (let batch = index.batch(at); batch !== undefined; batch = index.batch(at)) {
        const [error] = await store.commit([{ dedupe: { chunks: await batch.chunks, upTo: batch.upTo } }]);
        assert.equal(error, undefined);
        batch.done();
      }
    }
    const found: number[][] = [];
    for (let agent = 1; agent <= AGENTS; agent++) {
      for (const { chunk, keys } of await store.dedupeChunks(agent)) found.push([agent, chunk, keys.length, ...keys.slice(0, 16)]);
    }
    return found;
  } finally {
    await store.close();
  }
}

test("keys that move into chunks in several rounds lose none of those before them", async () => {
  const database = await testDatabase();
  const later = await chunksOf(new PostgresStore({ url: database.url }));
  await database.drop();
  const atOnce = await chunksOf(new SqliteStore({ path: ":memory:" }));
  assert.deepEqual(later, atOnce);
  const keys = later.reduce((sum, [, , bytes = 0]) => sum + bytes / 16, 0);
  assert.ok(keys >= KEYS, `${keys} keys`);
});
