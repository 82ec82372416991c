import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { anything, event, PurposeDrivenAgent, query, state } from "../index.ts";
import { readDeltas } from "../../test/support/states.ts";
import { afterCrash, ended, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Put = event("put", z.object({ n: z.number() }));
const Do = event("do", z.object({ what: z.string() }));

class Library extends PurposeDrivenAgent.define({
  type: "library",
  purpose: "Be read",
  state: state(1, z.object({ books: z.array(z.string()), by: z.record(z.string(), z.number()) }), {
    initial: () => ({ books: ["one"], by: {} }),
  }),
  on: { put: Put },
  queries: {
    books: query(z.object({}), z.array(z.string())),
    push: query(z.object({}), z.number()),
    set: query(z.object({}), z.number()),
    later: query(z.object({}), z.number()),
    wrong: query(z.object({}), z.number()),
    nth: query(z.object({ n: z.number() }), z.string()),
  },
}) {
  readonly handlers = this.handle({
    put: (ctx, { data }) => void ctx.state.books.push(String(data.n)),
    books: ({ books }) => books,
    push: ({ books }) => books.push("mine"),
    set: ({ by }) => (by["x"] = 1),
    later: (async () => 1) as never,
    wrong: () => "no number" as never,
    nth: ({ books }, { n }) => books[n] ?? "none",
  });
}

test("a query reads the last committed state and cannot write: not by a push, not by a member, not later", async (t) => {
  const aos = await scene(t);
  await aos.register(Library, "a");
  await ended(aos, await aos.emit(Put, { n: 2 }, { to: [Library, "a"] }));
  const before = aos.kernel.lastRecord();
  assert.deepEqual(await aos.query(Library, "a", "books", {}), ["one", "2"]);
  assert.equal(await aos.query(Library, "a", "nth", { n: 1 }), "2");
  for (const name of ["push", "set", "later"] as const) await refused("QUERY_WROTE", aos.query(Library, "a", name, {}));
  await refused("TURN_FAILED", aos.query(Library, "a", "wrong", {}));
  await refused("PAYLOAD_INVALID", aos.query(Library, "a", "nth", { n: "x" } as never));
  await refused("EVENT_NOT_ACCEPTED", aos.kernel.query("library/a", "nothing", {}));
  await refused("AGENT_NOT_FOUND", aos.kernel.query("library/b", "books", {}));
  assert.deepEqual(await aos.query(Library, "a", "books", {}), ["one", "2"]);
  assert.equal(aos.kernel.lastRecord(), before, "a query leaves no record");
});

class Odd extends PurposeDrivenAgent.define({
  type: "odd",
  purpose: "Keep what JSON cannot hold",
  state: state(1, anything<Record<string, unknown>>(), { initial: () => ({}) }),
  on: { do: Do },
  retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
  supervise: { restarts: 100, within: "1m" },
}) {
  readonly handlers = this.handle({
    do: (ctx, { data }) => {
      const loop: Record<string, unknown> = {};
      loop["self"] = loop;
      const odd: Record<string, unknown> = {
        date: new Date(0),
        map: new Map(),
        set: new Set(),
        bigint: 1n,
        nan: Number.NaN,
        infinity: Infinity,
        call: () => 1,
        symbol: Symbol("s"),
        loop,
      };
      ctx.state["deep"] = { list: [1, odd[data.what]] };
    },
  });
}

test("a state that JSON cannot hold faithfully fails its turn with the path, and the state stays as it was", async (t) => {
  const aos = await scene(t);
  await aos.register(Odd, "a");
  for (const what of ["date", "map", "set", "bigint", "nan", "infinity", "call", "symbol", "loop"]) {
    const record = await ended(aos, await aos.emit(Do, { what }, { to: [Odd, "a"] }));
    assert.deepEqual([what, record.outcome, record.error?.code], [what, "dead", "NOT_JSON"]);
    assert.match(record.error?.message ?? "", /\/deep\/list\/1/, what);
  }
  assert.deepEqual((await aos.kernel.state("odd/a")).state, {});
});

test("a state that its schema refuses, or that is too large, fails its turn", async (t) => {
  class Strict extends PurposeDrivenAgent.define({
    type: "strict",
    purpose: "",
    state: state(1, z.object({ text: z.string(), n: z.number().max(3) }), {
      initial: () => ({ text: "", n: 0 }),
    }),
    on: { put: Put },
    retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
  }) {
    readonly handlers = this.handle({
      put: (ctx, { data }) => {
        ctx.state.n = data.n;
        ctx.state.text = "é".repeat(data.n * 400);
      },
    });
  }
  const aos = await scene(t, { limits: { stateBytes: 2_000 } });
  await aos.register(Strict, "a");
  const codes: (string | undefined)[] = [];
  for (const n of [1, 4, 3, 2]) codes.push((await ended(aos, await aos.emit(Put, { n }, { to: [Strict, "a"] }))).error?.code);
  assert.deepEqual(codes, [undefined, "STATE_INVALID", "STATE_TOO_LARGE", undefined]);
  assert.equal(((await aos.kernel.state("strict/a")).state as { n: number }).n, 2);
});

const V1 = z.object({ name: z.string() });
const V3 = z.object({ first: z.string(), last: z.string(), age: z.number() });

function person(version: 1 | 3, how: "fine" | "throws" | "invalid" = "fine") {
  const migrate = {
    1: (old: z.infer<typeof V1>) => {
      if (how === "throws") throw new Error("cannot");
      return how === "invalid" ? { first: 1 } : { first: old.name, last: "?" };
    },
    2: (old: { first: string; last: string }) => ({ ...old, age: 0 }),
  };
  return class Person extends PurposeDrivenAgent.define({
    type: "person",
    purpose: "Grow",
    state:
      version === 1
        ? state(1, V1, { initial: () => ({ name: "ann" }) })
        : (state(3, V3, { initial: () => ({ first: "", last: "", age: 0 }), migrate }) as never),
    on: { put: Put },
    retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
    queries: { all: query(z.object({}), anything()) },
  }) {
    readonly handlers = this.handle({
      put: (ctx, { data }) => void Object.assign(ctx.state, version === 1 ? {} : { age: data.n }),
      all: (current) => current,
    });
  };
}

test("a state of an older version is migrated through each version when its agent wakes; readers see it migrated before", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(person(1), "a");
  const aos = await onDisk(t, afterCrash(t, dir));
  const Person = person(3);
  await aos.load(Person);
  const migrated = { first: "ann", last: "?", age: 0 };
  assert.deepEqual((await aos.kernel.state("person/a")).state, migrated);
  assert.deepEqual(await aos.query(Person, "a", "all", {}), migrated);
  assert.equal((await aos.kernel.agent("person/a")).stateVersion, 1, "nobody wrote yet");
  await ended(aos, await aos.emit(Put, { n: 7 }, { to: [Person, "a"] }));
  assert.deepEqual((await aos.kernel.state("person/a")).state, { first: "ann", last: "?", age: 7 });
  assert.equal((await aos.kernel.agent("person/a")).stateVersion, 3);
});

for (const how of ["throws", "invalid"] as const) {
  test(`a migration that ${how === "throws" ? "throws" : "gives what the schema refuses"} leaves its agent on the old state, marked, with its mail, until fixed code comes`, async (t) => {
    const dir = folder(t);
    const before = await onDisk(t, dir);
    await before.register(person(1), "a");
    const broken = afterCrash(t, dir);
    const aos = await onDisk(t, broken);
    const Person = person(3, how);
    await aos.load(Person);
    await aos.emit(Put, { n: 7 }, { to: [Person, "a"] });
    await rest(aos);
    const { upgrade, ...info } = await aos.kernel.agent("person/a");
    assert.deepEqual([info.state, info.stateVersion, info.mailbox], ["sleeping", 1, 1]);
    assert.deepEqual([upgrade?.status, upgrade?.code, upgrade?.from, upgrade?.to], ["failed", "MIGRATION_FAILED", 1, 3]);
    assert.match(info.reason ?? "", how === "throws" ? /version 1 threw: cannot/ : /upgrade failed/);
    assert.equal(upgrade?.path, how === "throws" ? undefined : "/first");
    assert.deepEqual(await aos.kernel.state("person/a"), { state: { name: "ann" }, version: 1, turn: 2 });
    if (how === "throws") await refused("MIGRATION_FAILED", aos.query(Person, "a", "all", {}));
    assert.deepEqual((await aos.kernel.deadLetters({})).items, []);
    const fixed = await onDisk(t, afterCrash(t, broken));
    await fixed.load(person(3));
    await rest(fixed);
    assert.deepEqual((await fixed.kernel.state("person/a")).state, { first: "ann", last: "?", age: 7 });
    const now = await fixed.kernel.agent("person/a");
    assert.deepEqual([now.stateVersion, now.upgrade, now.reason, now.mailbox], [3, undefined, undefined, 0]);
  });
}

test("a state that is newer than the code is not touched: its agent is marked, its mail waits for the newer code", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(person(3), "a");
  const older = afterCrash(t, dir);
  const aos = await onDisk(t, older);
  const Old = person(1);
  await aos.load(Old);
  await aos.emit(Put, { n: 7 }, { to: [Old, "a"] });
  await rest(aos);
  await refused("STATE_TOO_NEW", aos.query(Old, "a", "all", {}));
  assert.deepEqual((await aos.kernel.state("person/a")).version, 3);
  const { upgrade, mailbox } = await aos.kernel.agent("person/a");
  assert.deepEqual([upgrade?.status, upgrade?.code, mailbox], ["too-new", "STATE_TOO_NEW", 1]);
  const newer = await onDisk(t, afterCrash(t, older));
  await newer.load(person(3));
  await rest(newer);
  assert.deepEqual((await newer.kernel.state("person/a")).state, { first: "", last: "", age: 7 });
});

test("queued mail whose payload the new contract refuses is a dead letter SCHEMA_MISMATCH, and later mail goes on", async (t) => {
  const keeper = (data: z.ZodObject) => {
    const Keep = event("keep", data);
    return class Keeper extends PurposeDrivenAgent.define({
      type: "keeper",
      purpose: "Keep",
      state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) }),
      on: { keep: Keep },
    }) {
      readonly handlers = this.handle({ keep: (ctx) => void ctx.state.n++ });
    };
  };
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(keeper(z.object({}).loose()), "a");
  await before.kernel.move("keeper/a", "pause");
  for (const data of [{ old: true }, { fresh: 1 }]) await before.processEvent({ type: "keep", data, to: "keeper/a" });
  const aos = await onDisk(t, afterCrash(t, dir));
  await aos.load(keeper(z.object({ fresh: z.number() })));
  await aos.kernel.move("keeper/a", "resume");
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("keeper/a")).state, { n: 1 });
  const { items } = await aos.kernel.deadLetters({});
  assert.deepEqual(
    items.map(({ reason, data }) => [reason, data]),
    [["SCHEMA_MISMATCH", { old: true }]],
  );
});

test("the last full copy in the journal and the deltas after it give every state that there was", async (t) => {
  class Writer extends PurposeDrivenAgent.define({
    type: "writer",
    purpose: "Change much and little",
    state: state(1, anything<{ list: unknown[]; text: string; n: number; gone?: number }>(), {
      initial: () => ({ list: [], text: "ü".repeat(50), n: 0 }),
    }),
    on: { put: Put },
  }) {
    readonly handlers = this.handle({
      put: (ctx, { data }) => {
        ctx.state.n = data.n;
        if (data.n % 3 === 0) ctx.state.list.push({ n: data.n, "odd/key~": [null, data.n] });
        if (data.n % 5 === 0) ctx.state.gone = data.n;
        else delete ctx.state.gone;
        if (data.n % 17 === 0) ctx.state.text = `${data.n}🙂`.repeat(20);
        if (data.n % 23 === 0) ctx.state.list = [];
      },
    });
  }
  const aos = await scene(t, { journal: { fullCopyEvery: 8 } });
  await aos.register(Writer, "a");
  const seen = [JSON.stringify((await aos.kernel.state("writer/a")).state)];
  for (let n = 1; n <= 60; n++) {
    await ended(aos, await aos.emit(Put, { n }, { to: [Writer, "a"] }));
    seen.push(JSON.stringify((await aos.kernel.state("writer/a")).state));
  }
  assert.deepEqual(await readDeltas(aos, "writer/a"), seen);
});
