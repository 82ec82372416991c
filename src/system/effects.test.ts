import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { AosError, effect, event, PurposeDrivenAgent, state } from "../index.ts";
import { advance, afterCrash, ended, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Go = event("go", z.object({ n: z.number().default(0) }));
const Out = z.object({ ref: z.string() });
const In = z.object({ id: z.string() });
const Log = z.object({ refs: z.array(z.string()) });
const FAST = { attempts: 5, backoff: "fixed", delayMs: 100 } as const;

test("an effect that succeeded is not called again when its turn is retried, and gives the same output", async (t) => {
  const calls: string[] = [];
  const Pay = effect("pay", {
    input: In,
    output: Out,
    repeat: "key",
    run: ({ id }, { idempotencyKey }) => (calls.push(idempotencyKey), { ref: `${id}-${calls.length}` }),
  });
  class Payer extends PurposeDrivenAgent.define({
    type: "payer",
    purpose: "Pay",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Pay],
    retry: FAST,
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => {
        ctx.state.refs.push((await ctx.effect(Pay, { id: "x" })).ref);
        if (ctx.attempt < 3) throw new Error("not yet");
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Payer, "a");
  const acks = await aos.emit(Go, {}, { to: [Payer, "a"] });
  await advance(aos, 1_000);
  const record = await ended(aos, acks);
  assert.equal(record.outcome, "done");
  assert.equal(record.attempts, 3);
  assert.deepEqual(
    record.effects.map(({ state: how }) => how),
    ["memo:done"],
  );
  assert.deepEqual((await aos.kernel.state("payer/a")).state, { refs: ["x-1"] });
  assert.equal(calls.length, 1);
  assert.deepEqual(await aos.kernel.effects({}), [], "a turn that is done needs no memo");
});

test("a retryable failure runs again under the same key; a final one is given from the memo", async (t) => {
  const keys: string[] = [];
  let finals = 0;
  const Flaky = effect("flaky", {
    input: In,
    output: Out,
    repeat: "key",
    run: ({ id }, { idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (keys.length < 3) throw new AosError("UNAVAILABLE", "down");
      return { ref: id };
    },
  });
  const Final = effect("final", {
    input: In,
    output: Out,
    repeat: "key",
    run: () => {
      finals++;
      throw new AosError("REFUSED", "no money", { retryable: false });
    },
  });
  class Caller extends PurposeDrivenAgent.define({
    type: "caller",
    purpose: "Call",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Flaky, Final],
    retry: FAST,
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => {
        await ctx.effect(Final, { id: "y" }).catch((error: unknown) => ctx.state.refs.push((error as AosError).code));
        ctx.state.refs.push((await ctx.effect(Flaky, { id: "x" })).ref);
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Caller, "a");
  const acks = await aos.emit(Go, {}, { to: [Caller, "a"] });
  await advance(aos, 1_000);
  const record = await ended(aos, acks);
  assert.equal(record.outcome, "done", JSON.stringify(record));
  assert.deepEqual((await aos.kernel.state("caller/a")).state, { refs: ["REFUSED", "x"] });
  assert.equal(finals, 1);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
});

test("equal calls in one turn are counted: each happens once, and each is remembered by its place", async (t) => {
  let n = 0;
  const Roll = effect("roll", {
    input: In,
    output: Out,
    repeat: "key",
    run: () => ({ ref: String(++n) }),
  });
  class Roller extends PurposeDrivenAgent.define({
    type: "roller",
    purpose: "Roll",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Roll],
    retry: FAST,
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => {
        for (let at = 0; at < 3; at++) ctx.state.refs.push((await ctx.effect(Roll, { id: "same" })).ref);
        if (ctx.attempt === 1) throw new Error("again");
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Roller, "a");
  await aos.emit(Go, {}, { to: [Roller, "a"] });
  await advance(aos, 1_000);
  assert.deepEqual((await aos.kernel.state("roller/a")).state, { refs: ["1", "2", "3"] });
  assert.equal(n, 3);
});

test("an effect that the contract does not list, or one too many, is refused", async (t) => {
  const Known = effect("known", {
    input: In,
    output: Out,
    repeat: "safe",
    run: () => ({ ref: "" }),
  });
  const Stranger = effect("stranger", {
    input: In,
    output: Out,
    repeat: "safe",
    run: () => ({ ref: "" }),
  });
  const codes: string[] = [];
  class Greedy extends PurposeDrivenAgent.define({
    type: "greedy",
    purpose: "Call too much",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Known],
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => {
        const note = (error: unknown): void => void codes.push((error as AosError).code);
        await ctx.effect(Stranger as never, { id: "a" } as never).catch(note);
        await ctx.effect(Known, { id: 1 } as never).catch(note);
        for (let at = 0; at < 3; at++) await ctx.effect(Known, { id: String(at) }).catch(note);
      },
    });
  }
  const aos = await scene(t, { limits: { effectsPerTurn: 2 } });
  await aos.register(Greedy, "a");
  await aos.emit(Go, {}, { to: [Greedy, "a"] });
  await rest(aos);
  assert.deepEqual(codes, ["EFFECT_NOT_DECLARED", "PAYLOAD_INVALID", "EFFECT_LIMIT"]);
});

/** A world that outlives a crash: what each repeat policy does where the process died in a call. */
function world() {
  const calls: { readonly name: string; readonly key: string; readonly input: string }[] = [];
  let isHanging = true;
  const happened = new Set<string>();
  const make = (repeat: "safe" | "key" | "reconcile" | "never") =>
    effect(`do-${repeat}`, {
      input: In,
      output: Out,
      repeat,
      run: ({ id }, { idempotencyKey }) => {
        calls.push({ name: repeat, key: idempotencyKey, input: id });
        happened.add(idempotencyKey);
        return isHanging ? new Promise<never>(() => undefined) : { ref: `${repeat}-${calls.length}` };
      },
      reconcile: async (_input, { idempotencyKey }) =>
        happened.has(idempotencyKey) ? { happened: true, output: { ref: "found" } } : { happened: false },
    });
  const effects = {
    safe: make("safe"),
    key: make("key"),
    reconcile: make("reconcile"),
    never: make("never"),
  };
  const Kind = event("kind", z.object({ kind: z.enum(["safe", "key", "reconcile", "never"]), id: z.string() }));
  class Doer extends PurposeDrivenAgent.define({
    type: "doer",
    purpose: "Do",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { kind: Kind, go: Go },
    uses: [effects.safe, effects.key, effects.reconcile, effects.never],
    retry: FAST,
  }) {
    readonly handlers = this.handle({
      kind: async (ctx, { data }) => void ctx.state.refs.push((await ctx.effect(effects[data.kind], { id: chosen(data.id) })).ref),
      go: (ctx) => void ctx.state.refs.push("later"),
    });
  }
  let chosen = (id: string): string => id;
  return {
    calls,
    Doer,
    Kind,
    heal: () => void (isHanging = false),
    choose: (by: (id: string) => string) => void (chosen = by),
  };
}

async function crashIn(t: Parameters<typeof folder>[0], kind: "safe" | "key" | "reconcile" | "never") {
  const { calls, Doer, Kind, heal, choose } = world();
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(Doer, "a");
  await before.emit(Kind, { kind, id: "x" }, { to: [Doer, "a"] });
  await rest(before);
  assert.equal(calls.length, 1);
  const copy = afterCrash(t, dir);
  heal();
  const aos = await onDisk(t, copy);
  return { aos, calls, Doer, Kind, choose };
}

for (const kind of ["safe", "key"] as const) {
  test(`after a crash in its call a ${kind} effect runs again${kind === "key" ? " under the same key" : ""}`, async (t) => {
    const { aos, calls, Doer } = await crashIn(t, kind);
    await aos.load(Doer);
    await rest(aos);
    assert.equal(calls.length, 2);
    assert.equal(calls[0]?.key, calls[1]?.key);
    assert.deepEqual((await aos.kernel.state("doer/a")).state, { refs: [`${kind}-2`] });
  });
}

test("after a crash in its call a reconcile effect asks the outside, and is not called where it happened", async (t) => {
  const { aos, calls, Doer } = await crashIn(t, "reconcile");
  await aos.load(Doer);
  await rest(aos);
  assert.equal(calls.length, 1);
  assert.deepEqual((await aos.kernel.state("doer/a")).state, { refs: ["found"] });
});

test("after a crash in its call a never effect is in doubt, later mail proceeds, and a human's word ends the doubt", async (t) => {
  const { aos, calls, Doer } = await crashIn(t, "never");
  await aos.load(Doer);
  await rest(aos);
  assert.equal(calls.length, 1, "it is never called again in silence");
  const [doubt] = await aos.kernel.effects({ state: "in-doubt" });
  assert.equal(doubt?.name, "do-never");
  assert.deepEqual(doubt?.input, { id: "x" });
  assert.equal((await aos.kernel.agent("doer/a")).parked, 1);
  await aos.emit(Go, {}, { to: [Doer, "a"] });
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("doer/a")).state, { refs: ["later"] });
  await aos.kernel.resolveEffect(doubt?.id ?? "", { outcome: "done", output: { ref: "told" } });
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("doer/a")).state, { refs: ["later", "told"] });
  assert.equal(calls.length, 1);
  assert.equal((await aos.kernel.agent("doer/a")).parked, 0);
  await refused("EFFECT_NOT_FOUND", aos.kernel.resolveEffect(doubt?.id ?? "", { outcome: "retry" }));
});

test("an effect in doubt that is resolved as failed fails its call; as retry, it runs once more", async (t) => {
  for (const outcome of ["failed", "retry"] as const) {
    const { aos, calls, Doer } = await crashIn(t, "never");
    await aos.load(Doer);
    await rest(aos);
    const [doubt] = await aos.kernel.effects({ state: "in-doubt" });
    await aos.kernel.resolveEffect(doubt?.id ?? "", { outcome });
    await rest(aos);
    if (outcome === "retry") {
      assert.equal(calls.length, 2);
      assert.deepEqual((await aos.kernel.state("doer/a")).state, { refs: ["never-2"] });
    } else {
      assert.equal(calls.length, 1);
      const [letter] = (await aos.kernel.deadLetters({})).items;
      assert.equal(letter?.error.code, "EFFECT_FAILED");
    }
  }
});

test("a never effect that is called with another input, while an earlier call is unclaimed, goes in doubt instead", async (t) => {
  const { aos, calls, Doer, choose } = await crashIn(t, "never");
  choose((id) => `${id}-changed`);
  await aos.load(Doer);
  await rest(aos);
  assert.equal(calls.length, 1);
  const [doubt] = await aos.kernel.effects({ state: "in-doubt" });
  assert.deepEqual(doubt?.input, { id: "x" });
  await aos.kernel.resolveEffect(doubt?.id ?? "", { outcome: "failed" });
  await rest(aos);
  assert.deepEqual(
    calls.map(({ input }) => input),
    ["x", "x-changed"],
  );
});

test("a key effect that is called with another input after a retry is another call with another key", async (t) => {
  const keys: string[] = [];
  const Post = effect("post", {
    input: In,
    output: Out,
    repeat: "key",
    run: ({ id }, { idempotencyKey }) => (keys.push(idempotencyKey), { ref: id }),
  });
  class Poster extends PurposeDrivenAgent.define({
    type: "poster",
    purpose: "Post",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Post],
    retry: FAST,
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => {
        await ctx.effect(Post, { id: `try ${ctx.attempt}` });
        if (ctx.attempt === 1) throw new Error("again");
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Poster, "a");
  await aos.emit(Go, {}, { to: [Poster, "a"] });
  await advance(aos, 1_000);
  assert.equal(new Set(keys).size, 2);
});

test("a breaker that opens parks the turn until it may be tried again, and that counts no attempt", async (t) => {
  let isDown = true;
  let calls = 0;
  const Call = effect("call", {
    input: In,
    output: Out,
    repeat: "key",
    run: () => {
      calls++;
      if (isDown) throw new AosError("UNAVAILABLE", "down");
      return { ref: "up" };
    },
  });
  const attempts: number[] = [];
  class Client extends PurposeDrivenAgent.define({
    type: "client",
    purpose: "Call",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Call],
    retry: { attempts: 7, backoff: "fixed", delayMs: 100 },
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => {
        attempts.push(ctx.attempt);
        ctx.state.refs.push((await ctx.effect(Call, { id: "x" })).ref);
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Client, "a");
  const acks = await aos.emit(Go, {}, { to: [Client, "a"] });
  await advance(aos, 10_000);
  assert.equal(calls, 5);
  assert.equal(aos.kernel.stats().breakers[0]?.state, "open");
  const [mail] = await aos.kernel.mailbox("client/a");
  assert.ok(mail);
  assert.equal((mail.parked as { kind: string }).kind, "breaker");
  assert.equal(mail.attempts, 5);
  isDown = false;
  await advance(aos, 30_000);
  assert.equal((await aos.kernel.why(acks[0]?.id ?? "")).at(-1)?.outcome, "done");
  assert.equal(calls, 6);
  assert.deepEqual(attempts, [1, 2, 3, 4, 5, 6, 6]);
});

test("a half-open breaker is free again after its probe was answered by reconciliation", async (t) => {
  let isDown = true;
  let isHanging = false;
  const Call = effect("call", {
    input: In,
    output: Out,
    repeat: "reconcile",
    retry: { attempts: 1, backoff: "fixed", delayMs: 0 },
    run: () => {
      if (isHanging) return new Promise<never>(() => undefined);
      if (isDown) throw new AosError("UNAVAILABLE", "down");
      return { ref: "up" };
    },
    reconcile: async ({ id }) => (id === "1" ? { happened: true, output: { ref: "found" } } : { happened: false }),
  });
  class Client extends PurposeDrivenAgent.define({
    type: "client",
    purpose: "Call",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Call],
    retry: FAST,
  }) {
    readonly handlers = this.handle({
      go: async (ctx, { data }) => void ctx.state.refs.push((await ctx.effect(Call, { id: String(data.n) })).ref),
    });
  }
  const aos = await scene(t);
  await aos.register(Client, "hangs");
  await aos.register(Client, "a");
  isHanging = true;
  await aos.emit(Go, { n: 1 }, { to: [Client, "hangs"] });
  await rest(aos);
  await aos.kernel.move("client/hangs", "kill");
  isHanging = false;
  await aos.emit(Go, { n: 2 }, { to: [Client, "a"] });
  await advance(aos, 2_000);
  assert.equal(aos.kernel.stats().breakers[0]?.state, "open");
  isDown = false;
  await advance(aos, 30_000);
  await aos.kernel.move("client/hangs", "resume");
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("client/hangs")).state, { refs: ["found"] });
  assert.deepEqual(aos.kernel.stats().breakers, []);
});

test("a never effect that gives no answer in time is in doubt, and its late answer ends the doubt", async (t) => {
  let answer: (value: { ref: string }) => void = () => undefined;
  let calls = 0;
  const Slow = effect("slow", {
    input: In,
    output: Out,
    timeoutMs: 1_000,
    run: () => (calls++, new Promise<{ ref: string }>((resolve) => (answer = resolve))),
  });
  class Client extends PurposeDrivenAgent.define({
    type: "client",
    purpose: "Call",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Slow],
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => void ctx.state.refs.push((await ctx.effect(Slow, { id: "x" })).ref),
    });
  }
  const aos = await scene(t);
  await aos.register(Client, "a");
  await aos.emit(Go, {}, { to: [Client, "a"] });
  await advance(aos, 1_500);
  assert.equal((await aos.kernel.effects({ state: "in-doubt" })).length, 1);
  answer({ ref: "late" });
  await rest(aos);
  assert.equal(calls, 1);
  assert.deepEqual((await aos.kernel.state("client/a")).state, { refs: ["late"] });
  assert.deepEqual(await aos.kernel.effects({}), []);
});

test("an effect's own retries stay within one attempt; its output is checked", async (t) => {
  let n = 0;
  const Own = effect("own", {
    input: In,
    output: Out,
    repeat: "safe",
    retry: { attempts: 3, backoff: "fixed", delayMs: 10 },
    run: () => {
      if (++n < 3) throw new Error("once more");
      return { ref: "third" };
    },
  });
  const Wrong = effect("wrong", {
    input: In,
    output: Out,
    repeat: "safe",
    run: () => ({ ref: 1 }) as never,
  });
  const codes: string[] = [];
  class Client extends PurposeDrivenAgent.define({
    type: "client",
    purpose: "Call",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Own, Wrong],
  }) {
    readonly handlers = this.handle({
      go: async (ctx) => {
        ctx.state.refs.push((await ctx.effect(Own, { id: "x" })).ref);
        await ctx.effect(Wrong, { id: "x" }).catch((error: AosError) => codes.push(error.code, String(error.retryable)));
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Client, "a");
  await aos.emit(Go, {}, { to: [Client, "a"] });
  await advance(aos, 100);
  assert.deepEqual((await aos.kernel.state("client/a")).state, { refs: ["third"] });
  assert.deepEqual(codes, ["EFFECT_FAILED", "false"]);
});

test("an effect that nobody awaits does not bring the process down", async (t) => {
  const Later = effect("later", {
    input: In,
    output: Out,
    repeat: "key",
    run: () => ({ ref: "x" }),
  });
  class Careless extends PurposeDrivenAgent.define({
    type: "careless",
    purpose: "Forget to await",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    uses: [Later],
  }) {
    readonly handlers = this.handle({
      go: (ctx) => {
        // oxlint-disable-next-line typescript/no-floating-promises -- the mistake is what is tested
        ctx.effect(Later, { id: "x" });
        ctx.state.refs.push("done");
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Careless, "a");
  const record = await ended(aos, await aos.emit(Go, {}, { to: [Careless, "a"] }));
  assert.equal(record.outcome, "done");
  await rest(aos);
});

test("uuid and random give the same on every attempt, and other values in another turn", async (t) => {
  const seen: (readonly [string, string, number, number])[] = [];
  class Drawer extends PurposeDrivenAgent.define({
    type: "drawer",
    purpose: "Draw",
    state: state(1, Log, { initial: () => ({ refs: [] }) }),
    on: { go: Go },
    retry: FAST,
  }) {
    readonly handlers = this.handle({
      go: (ctx) => {
        seen.push([ctx.uuid(), ctx.uuid(), ctx.random(), ctx.random()]);
        if (ctx.attempt === 1) throw new Error("again");
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Drawer, "a");
  await aos.emit(Go, {}, { to: [Drawer, "a"] });
  await advance(aos, 1_000);
  await aos.emit(Go, {}, { to: [Drawer, "a"] });
  await advance(aos, 1_000);
  assert.equal(seen.length, 4);
  assert.deepEqual(seen[0], seen[1]);
  assert.deepEqual(seen[2], seen[3]);
  assert.notDeepEqual(seen[0], seen[2]);
  assert.notEqual(seen[0]?.[0], seen[0]?.[1]);
  assert.match(seen[0]?.[0] ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
