import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { type Commit, encodeDelta, type JournalWrite } from "../../../kernel/index.ts";
import { SqliteStore } from "../index.ts";

const AGENTS = 5;

/** What the rows must say, whatever of them is written. */
interface Model {
  readonly turn: number;
  readonly head: number;
  readonly state: string;
  readonly meta: string | undefined;
}

class Scene implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "aos-late-"));
  readonly model = new Map<number, Model>();
  store = new SqliteStore({ path: join(this.dir, "aos.db") });
  #id = AGENTS;

  async open(): Promise<void> {
    await this.store.open();
    this.store.commit([
      {
        create: Array.from({ length: AGENTS }, (_, at) => {
          const no = at + 1;
          const state = `{"n":0,"of":${no}}`;
          this.model.set(no, { turn: 1, head: no, state, meta: undefined });
          return {
            row: {
              no,
              address: `default/thing/t${no}`,
              status: "initialized",
              turn: 1,
              head: no,
              epoch: 0,
              stateVersion: 1,
              state,
              createdAt: 1,
              lastAt: 0,
            },
            journal: { id: no, prev: 0, agent: no, turn: 1, at: 1, body: "[]" },
          } as const;
        }),
      },
    ]);
  }

  /** A turn of an agent that follows its last one; with a state, a row of meta, both or neither. */
  turn(agent: number, state: string | undefined, meta?: string, gap = 0): Commit {
    const before = this.model.get(agent);
    assert.ok(before !== undefined);
    const id = ++this.#id;
    const delta = state === undefined ? undefined : encodeDelta(before.state, state);
    const row: JournalWrite = { id, prev: before.head, agent, turn: before.turn + 1 + gap, at: id, body: "[]", delta };
    if (gap === 0) this.model.set(agent, { turn: row.turn, head: id, state: state ?? before.state, meta: meta ?? before.meta });
    return { turn: { journal: [row], state, meta } };
  }

  /** What another process finds after this one died. */
  async died(): Promise<SqliteStore> {
    const next = new SqliteStore({ path: this.copy() });
    await next.open();
    return next;
  }

  copy(): string {
    const path = join(this.dir, `copy-${this.#id}.db`);
    for (const end of ["", "-wal"]) {
      const from = join(this.dir, `aos.db${end}`);
      if (existsSync(from)) copyFileSync(from, `${path}${end}`);
    }
    return path;
  }

  check(store: SqliteStore): void {
    for (const [no, { turn, head, state, meta }] of this.model) {
      const row = store.agentByNo(no);
      assert.deepEqual([row?.turn, row?.head, row?.state, row?.meta], [turn, head, state, meta], `agent ${no}`);
      assert.equal(store.agent(`default/thing/t${no}`)?.state, state);
    }
  }

  /** The turn that the row itself says, in a file. */
  stored(no: number, path = join(this.dir, "aos.db")): number {
    const db = new DatabaseSync(path);
    try {
      return Number(db.prepare("SELECT turn FROM agents WHERE no = ?").get(no)?.["turn"]);
    } finally {
      db.close();
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

test("turns of any kind, in any order, are what a reader finds, at once and after the process died", async () => {
  const step = fc.record({
    agent: fc.integer({ min: 1, max: AGENTS }),
    state: fc.option(fc.string({ maxLength: 60 }), { nil: undefined }),
    meta: fc.option(fc.string({ minLength: 1, maxLength: 4 }), { nil: undefined, freq: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), async (batches) => {
      using scene = new Scene();
      await scene.open();
      for (const batch of batches) {
        const units = batch.map(({ agent, state, meta }) =>
          scene.turn(agent, state === undefined ? undefined : JSON.stringify({ text: state }), meta),
        );
        assert.deepEqual(
          scene.store.commit(units),
          units.map(() => undefined),
        );
        scene.check(scene.store);
      }
      const next = await scene.died();
      scene.check(next);
      await next.close();
      await scene.store.close();
      for (const [no, { turn }] of scene.model) assert.equal(scene.stored(no), turn, "an orderly end writes every row");
    }),
    { numRuns: 25 },
  );
});

test("a unit that is refused, and a batch that is rolled back, leave the rows as they were", async () => {
  using scene = new Scene();
  await scene.open();
  scene.store.commit([scene.turn(1, '{"a":1}')]);
  const good = scene.turn(2, '{"b":1}');
  const late = scene.turn(3, '{"c":1}', undefined, 1);
  const [first, second] = scene.store.commit([good, late]);
  assert.equal(first, undefined);
  assert.equal(second?.code, "STORE_FAILED");
  scene.check(scene.store);
  // The journal id is taken: the unit fails after its agent's row was noted.
  const clash = { turn: { journal: [{ id: 1, prev: 1, agent: 4, turn: 2, at: 9, body: "[]", delta: '={"d":1}' }], state: '{"d":1}' } };
  assert.equal(scene.store.commit([scene.turn(1, '{"a":2}'), clash])[1]?.code, "STORE_FAILED");
  scene.check(scene.store);
  scene.store.commit([scene.turn(4, '{"d":2}')]);
  scene.check(scene.store);
  const next = await scene.died();
  scene.check(next);
  await next.close();
  await scene.store.close();
});

test("an agent that turns often has its row written from time to time, and its journal is not read from the beginning", async () => {
  using scene = new Scene();
  await scene.open();
  const filler = "x".repeat(4_000);
  for (let round = 0; round < 400; round++) {
    scene.store.commit(
      Array.from({ length: 100 }, (_, at) => scene.turn(1 + (at % 2), `{"n":${round},"at":${at},"f":"${filler}${round}"}`)),
    );
  }
  const lag = (scene.model.get(1)?.turn ?? 0) - scene.stored(1, scene.copy());
  assert.ok(lag > 0 && lag < 19_999, `the row is ${lag} turns behind`);
  const next = await scene.died();
  scene.check(next);
  await next.close();
  await scene.store.close();
});

test("journal that an agent's row still needs is dropped only once the row holds it", async () => {
  using scene = new Scene();
  await scene.open();
  for (let n = 1; n <= 20; n++) scene.store.commit([scene.turn(1, `{"n":${n}}`)]);
  const keep = { now: 9e15, repliesBefore: 0, dedupeBefore: 9e15, dedupePerAgent: 0 };
  while (await scene.store.prune({ ...keep, journalBefore: 0, journalBytes: 10 }, 100));
  scene.check(scene.store);
  for (let n = 1; n <= 20; n++) scene.store.commit([scene.turn(2, `{"n":${n}}`)]);
  while (await scene.store.prune({ ...keep, journalBefore: 9e15, journalBytes: 0 }, 100));
  const next = await scene.died();
  scene.check(next);
  assert.equal((await next.journal(2, 0, 100)).length, 1);
  await next.close();
  await scene.store.close();
});
