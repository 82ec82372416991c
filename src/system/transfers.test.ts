/** Agents taken out of one system and into another, or the same: signed, whole, and never running twice. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { z } from "zod";
import { AosError, command, effect, event, PurposeDrivenAgent, state } from "../index.ts";
import { Aged, AgedBefore, Older } from "../../test/support/aged.ts";
import { advance, afterCrash, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";
import type { AgentOperatingSystem } from "./aos.ts";

const Put = event("put", z.object({ key: z.string(), value: z.string() }));
const Ring = event("ring", z.object({}));
const Work = event("work", z.object({ n: z.number(), fail: z.boolean().default(false) }));
const Pay = event("pay", z.object({ n: z.number() }));
const calls: string[] = [];
let isBankDown = true;
const Once = effect("once", { input: z.object({ n: z.number() }), output: z.number(), run: ({ n }) => (calls.push(`once${n}`), n) });
const Bank = effect("bank", {
  input: z.object({ n: z.number() }),
  output: z.number(),
  breaker: false,
  run: ({ n }) => {
    calls.push(`bank${n}`);
    if (isBankDown) throw new AosError("EFFECT_TIMEOUT", "no answer");
    return n;
  },
});
let isBroken = true;

class Porter extends PurposeDrivenAgent.define({
  type: "porter",
  purpose: "Travel with everything that it owns",
  state: state(1, z.record(z.string(), z.string()), { initial: () => ({}) }),
  on: { put: Put, ring: Ring, work: Work, pay: Pay },
  commands: { tally: command(z.object({}), z.number()) },
  topics: [{ topic: "news.*", event: Ring }],
  uses: [Once, Bank],
  budget: { turns: { day: 1_000 } },
  retry: { attempts: 2, backoff: "fixed", delayMs: 60_000 },
}) {
  readonly handlers = this.handle({
    put: (ctx, { data: { key, value } }) => {
      ctx.state[key] = value;
      if (key === "timer") ctx.timer("t", "1h", Ring, {});
    },
    ring: (ctx) => void (ctx.state["rang"] = String(Number(ctx.state["rang"] ?? 0) + 1)),
    work: async (ctx, { data: { n } }) => {
      await ctx.effect(Once, { n });
      if (isBroken) throw new Error("broken after its effect");
      ctx.state["worked"] = String(n);
    },
    pay: async (ctx, { data: { n } }) => void (ctx.state["paid"] = String(await ctx.effect(Bank, { n }))),
    tally: (ctx) => Object.keys(ctx.state).length,
  });
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const stateOf = async (aos: AgentOperatingSystem, address: string): Promise<unknown> => (await aos.kernel.state(address)).state;

/** An agent that owns one of everything. */
async function laden(aos: AgentOperatingSystem): Promise<void> {
  calls.length = 0;
  [isBroken, isBankDown] = [true, true];
  await aos.register(Porter, "p");
  await aos.emit(Put, { key: "a", value: "ü\u{1F600}" }, { to: [Porter, "p"], key: "first" });
  await aos.emit(Put, { key: "timer", value: "set" }, { to: [Porter, "p"] });
  const tally = aos.call(Porter, "p", "tally", {}, { key: "tally" });
  await rest(aos);
  assert.equal(await tally, 2);
  // One that fails for good, one that waits for its retry, one in doubt.
  await aos.emit(Work, { n: 1 }, { to: [Porter, "p"], source: "one" });
  await rest(aos);
  await advance(aos, 60_000);
  await aos.emit(Work, { n: 2 }, { to: [Porter, "p"], source: "two" });
  await aos.emit(Pay, { n: 3 }, { to: [Porter, "p"], source: "three" });
  await rest(aos);
  await aos.kernel.move("porter/p", "pause");
  await aos.emit(Put, { key: "late", value: "mail" }, { to: [Porter, "p"], source: "four" });
  await rest(aos);
  assert.deepEqual(calls, ["once1", "once2", "bank3"]);
}

/** What must hold of a laden agent wherever it was brought. */
async function assertLaden(aos: AgentOperatingSystem, address: string): Promise<void> {
  const id = address.split("/")[1] ?? "";
  const { kernel } = aos;
  assert.equal((await kernel.agent(address)).state, "paused");
  assert.deepEqual(await stateOf(aos, address), { a: "ü\u{1F600}", timer: "set" });
  const journal = await kernel.journal(address);
  assert.deepEqual(
    journal.map(({ turn }) => turn),
    journal.map((_, at) => at + 1),
  );
  assert.match(journal.at(-1)?.note ?? "", /^imported from default\/porter\/p \(export .*, signed by sha256:/);
  assert.deepEqual((await kernel.timeline.stateAt(address, 2)).state, { a: "ü\u{1F600}" });
  const mail = await kernel.mailbox(address);
  assert.equal(mail.length, 4, JSON.stringify(mail));
  const [dead] = (await kernel.deadLetters({ agent: address })).items;
  assert.ok(dead);
  const [doubtful] = await kernel.effects({ agent: address, state: "in-doubt" });
  assert.ok(doubtful);
  // Whoever sends again what it sent there gets the first answer here, if it sends to the same address.
  const [again] = await aos.emit(Put, { key: "a", value: "ü\u{1F600}" }, { to: [Porter, id], key: "first" });
  assert.equal(again?.duplicate === true, address === "porter/p");
  [isBroken, isBankDown] = [false, false];
  await kernel.move(address, "resume");
  await kernel.redrive(dead.id);
  await kernel.resolveEffect(doubtful.id, { outcome: "done", output: 33 });
  await advance(aos, 60_000);
  await advance(aos, 2 * 3_600_000);
  await rest(aos);
  // Effects that were called there are answered from the memo, and the timer rings once.
  assert.deepEqual(calls, ["once1", "once2", "bank3"]);
  assert.deepEqual(await stateOf(aos, address), { a: "ü\u{1F600}", timer: "set", late: "mail", paid: "33", worked: "2", rang: "1" });
  assert.deepEqual(await kernel.mailbox(address), []);
  await aos.kernel.publish("default", "news.x", { name: "ring", data: {} });
  await rest(aos);
  assert.equal(((await stateOf(aos, address)) as Record<string, string>)["rang"], "2");
  // What the others beside it have in doubt is theirs.
  const found = (await kernel.examine()).filter(({ code }) => code !== "EFFECTS_IN_DOUBT");
  assert.deepEqual(found, []);
}

test("a copy brings everything into another data folder, survives a crash there, and leaves its source alone", async (t) => {
  const [from, to] = [folder(t), folder(t)];
  const source = await onDisk(t, from);
  await source.loadAll([Porter]);
  await laden(source);
  const { text } = await source.transfers.export("porter/p");
  const target = await onDisk(t, to);
  await target.loadAll([Porter]);
  const { fingerprint } = source.transfers;
  await refused("EXPORT_UNTRUSTED", target.transfers.import(bytes(text)));
  await refused("EXPORT_UNTRUSTED", target.transfers.import(bytes(text), { trust: target.transfers.fingerprint }));
  const made = await target.transfers.import(bytes(text), { trust: fingerprint, by: "me" });
  assert.deepEqual([made.agent, made.from, made.mode, made.signer], ["porter/p", "porter/p", "copy", fingerprint]);
  await refused("AGENT_EXISTS", target.transfers.import(bytes(text), { trust: fingerprint }));
  // A late caller gets the reply that the command had there.
  assert.equal(await target.call(Porter, "p", "tally", {}, { key: "tally" }), 2);
  const crashed = await onDisk(t, afterCrash(t, to));
  await crashed.loadAll([Porter]);
  await assertLaden(target, "porter/p");
  calls.length = 0;
  calls.push("once1", "once2", "bank3");
  await assertLaden(crashed, "porter/p");
  assert.deepEqual(await stateOf(source, "porter/p"), { a: "ü\u{1F600}", timer: "set" });
  assert.equal((await source.kernel.mailbox("porter/p")).length, 4);
});

test("a copy beside its source has ids of its own, so that neither settles what is the other's", async (t) => {
  const aos = await scene(t);
  await aos.loadAll([Porter]);
  await laden(aos);
  const { text } = await aos.transfers.export("porter/p");
  await refused("AGENT_EXISTS", aos.transfers.import(bytes(text)));
  await refused("ADDRESS_INVALID", aos.transfers.import(bytes(text), { as: "other/p" }));
  await refused("ADDRESS_INVALID", aos.transfers.import(bytes(text), { as: "porter/a b" }));
  const racing = await Promise.allSettled([1, 2].map(() => aos.transfers.import(bytes(text), { as: "porter/q" })));
  assert.equal(racing.filter(({ status }) => status === "fulfilled").length, 1);
  await aos.transfers.import(bytes(text), { as: "porter/r" });
  const ids = async (address: string): Promise<string[]> => [
    ...(await aos.kernel.mailbox(address)).map(({ id }) => id),
    ...(await aos.kernel.deadLetters({ agent: address })).items.map(({ id }) => id),
    ...(await aos.kernel.effects({ agent: address })).map(({ id }) => id),
  ];
  const all = [...(await ids("porter/p")), ...(await ids("porter/q")), ...(await ids("porter/r"))];
  assert.equal(all.length, 24);
  assert.equal(new Set(all).size, all.length);
  await assertLaden(aos, "porter/q");
});

test("a move terminates its source only where the file has all of it, and is imported once, after that", async (t) => {
  const [from, to] = [folder(t), folder(t)];
  const aos = await onDisk(t, from);
  await aos.loadAll([Porter]);
  await laden(aos);
  const target = await onDisk(t, to);
  await target.loadAll([Porter]);
  const trust = aos.transfers.fingerprint;
  const early = (await aos.transfers.export("porter/p", { isMove: true })).text;
  const line = (text: string): string => text.slice(0, text.indexOf("\n"));
  await refused("EXPORT_UNRELEASED", target.transfers.import(bytes(early), { trust }));
  await refused("EXPORT_UNTRUSTED", target.transfers.release("porter/p", line(early)));
  await refused("EXPORT_INVALID", aos.transfers.release("porter/other", line(early)));
  await refused("EXPORT_INVALID", aos.transfers.release("porter/p", line((await aos.transfers.export("porter/p")).text)));
  // What was acknowledged since is not in the file.
  await aos.emit(Put, { key: "late", value: "mail" }, { to: [Porter, "p"], source: "five" });
  await refused("EXPORT_STALE", aos.transfers.release("porter/p", line(early)));
  assert.equal((await aos.kernel.agent("porter/p")).state, "paused");
  const { text } = await aos.transfers.export("porter/p", { isMove: true });
  await aos.kernel.move("porter/p", "resume");
  await refused("EXPORT_STALE", aos.transfers.release("porter/p", line(text)));
  await aos.kernel.move("porter/p", "pause");
  await refused("EXPORT_STALE", aos.transfers.release("porter/p", line(text)));
});

test("a moved agent keeps its ids and leaves nothing behind but a tombstone", async (t) => {
  const [from, to] = [folder(t), folder(t)];
  const aos = await onDisk(t, from);
  await aos.loadAll([Porter]);
  await laden(aos);
  const target = await onDisk(t, to);
  await target.loadAll([Porter]);
  const trust = aos.transfers.fingerprint;
  const { text, header } = await aos.transfers.export("porter/p", { isMove: true });
  const line = text.slice(0, text.indexOf("\n"));
  const before = (await aos.kernel.mailbox("porter/p")).map(({ id }) => id);
  const release = await aos.transfers.release("porter/p", line);
  // Whoever was cut off before it kept the answer asks again, also after a crash.
  assert.equal(await aos.transfers.release("porter/p", line), release);
  const crashed = await onDisk(t, afterCrash(t, from));
  await crashed.loadAll([Porter]);
  assert.equal(await crashed.transfers.release("porter/p", line), release);
  assert.equal((await crashed.kernel.agent("porter/p")).state, "terminated");
  assert.match((await aos.kernel.journal("porter/p")).at(-1)?.note ?? "", new RegExp(`moved by export ${header.id}`));
  await refused("AGENT_TERMINATED", aos.transfers.export("porter/p", { isMove: true }));
  await refused("AGENT_TERMINATED", aos.emit(Put, { key: "a", value: "b" }, { to: [Porter, "p"] }));
  await refused("LIFECYCLE_ILLEGAL", aos.kernel.move("porter/p", "resume"));
  assert.deepEqual(await aos.kernel.mailbox("porter/p"), []);
  assert.deepEqual((await aos.kernel.deadLetters({ agent: "porter/p" })).items, []);
  assert.deepEqual(await aos.kernel.effects({ agent: "porter/p" }), []);
  assert.deepEqual(
    (await aos.kernel.examine()).map(({ code }) => code),
    [],
  );

  const whole = bytes(text + release);
  const made = await target.transfers.import(whole, { trust });
  assert.equal(made.mode, "move");
  assert.deepEqual(
    (await target.kernel.mailbox("porter/p")).map(({ id }) => id),
    before,
  );
  await refused("EXPORT_IMPORTED", target.transfers.import(whole, { trust, as: "porter/twice" }));
  await assertLaden(target, "porter/p");
  // It may come home, under another address, since its old one stays taken.
  await refused("AGENT_EXISTS", aos.transfers.import(whole));
  await aos.transfers.import(whole, { as: "porter/home" });
  await refused("EXPORT_IMPORTED", aos.transfers.import(whole, { as: "porter/again" }));
});

test("no byte of a file can be changed, left out or added", async (t) => {
  const aos = await scene(t);
  await aos.loadAll([Porter]);
  await laden(aos);
  const { text } = await aos.transfers.export("porter/p", { isMove: true });
  const file = bytes(text + (await aos.transfers.release("porter/p", text.slice(0, text.indexOf("\n")))));
  const codes = new Set(["EXPORT_INVALID", "EXPORT_TOO_NEW", "EXPORT_UNTRUSTED", "EXPORT_UNRELEASED"]);
  const isRefused = async (changed: Uint8Array): Promise<void> => {
    await assert.rejects(
      aos.transfers.import(changed, { as: "porter/x" }),
      (thrown) => thrown instanceof AosError && codes.has(thrown.code),
    );
    assert.equal(await aos.kernel.has("porter/x"), false);
  };
  const first = text.indexOf("\n");
  const place = fc.oneof(fc.nat(file.length - 1), fc.nat(first), fc.integer({ min: text.length, max: file.length - 1 }));
  await fc.assert(
    fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const changed = file.slice();
      changed[at] = (changed[at] ?? 0) ^ by;
      await isRefused(changed);
      await isRefused(file.slice(0, at));
      await isRefused(new Uint8Array([...file.slice(0, at), by, ...file.slice(at)]));
    }),
    { numRuns: 150 },
  );
  for (const odd of ["", "\n", "{}", "[]\n\n", "null\n", '{"format":"aos-export/1"}\n{}\n']) await isRefused(bytes(odd));
  await refused("EXPORT_TOO_LARGE", aos.transfers.import(new Uint8Array((64 << 20) + 1)));
  await aos.transfers.import(file, { as: "porter/x" });
});

class Frugal extends PurposeDrivenAgent.define({
  type: "frugal",
  purpose: "Spend what it has, and no more for being copied",
  state: state(1, z.object({ turns: z.number() }), { initial: () => ({ turns: 0 }) }),
  on: { ring: Ring },
  budget: { turns: { day: 2 } },
}) {
  readonly handlers = this.handle({ ring: (ctx) => void ctx.state.turns++ });
}

test("what an agent spent of its budget is spent by its copy as well, and the state kept before a migration comes along", async (t) => {
  const aos = await scene(t);
  await aos.loadAll([Frugal]);
  await aos.register(Frugal, "f");
  const ring = async (id: string): Promise<void> => {
    await aos.emit(Ring, {}, { to: [Frugal, id] });
    await rest(aos);
  };
  await ring("f");
  await aos.transfers.import(bytes((await aos.transfers.export("frugal/f")).text), { as: "frugal/g" });
  await aos.kernel.move("frugal/g", "resume");
  for (let times = 0; times < 3; times++) await ring("g");
  assert.deepEqual(await stateOf(aos, "frugal/g"), { turns: 2 });

  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.loadAll([AgedBefore]);
  await before.register(AgedBefore, "a");
  await before.shutdown();
  const after = await onDisk(t, dir);
  await after.loadAll([Aged]);
  await after.emit(Older, {}, { to: "aged/a" });
  await rest(after);
  await after.transfers.import(bytes((await after.transfers.export("aged/a")).text), { as: "aged/b" });
  await after.kernel.rollbackUpgrade("aged");
  assert.deepEqual([await stateOf(after, "aged/a"), await stateOf(after, "aged/b")], [{ years: 1 }, { years: 1 }]);
});

test("the signing key stays in the data folder, for its owner's eyes, and in no export", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.loadAll([Porter]);
  await aos.register(Porter, "p");
  const { text } = await aos.transfers.export("porter/p");
  const pem = readFileSync(join(dir, "signing.key"), "utf8");
  assert.equal(statSync(join(dir, "signing.key")).mode & 0o777, 0o600);
  assert.ok(!text.includes(pem.split("\n")[1] ?? "?"));
  const { fingerprint } = aos.transfers;
  await aos.shutdown();
  const again = await onDisk(t, dir);
  assert.equal(again.transfers.fingerprint, fingerprint);
});

test("an agent whose code is not loaded is imported too, and one of an older version is migrated", async (t) => {
  const source = await scene(t);
  await source.loadAll([Porter, AgedBefore]);
  await source.register(Porter, "p");
  await source.register(AgedBefore, "a");
  await source.emit(Older, {}, { to: "aged/a" });
  await rest(source);
  const target = await scene(t);
  await target.loadAll([Aged]);
  const trust = source.transfers.fingerprint;
  for (const address of ["porter/p", "aged/a"])
    await target.transfers.import(bytes((await source.transfers.export(address)).text), { trust });
  assert.equal((await target.kernel.agent("porter/p")).state, "paused");
  await target.kernel.move("porter/p", "resume");
  assert.equal((await target.kernel.agent("porter/p")).state, "code-missing");
  await target.kernel.move("aged/a", "resume");
  await target.emit(Older, {}, { to: "aged/a" });
  await rest(target);
  assert.deepEqual(await stateOf(target, "aged/a"), { days: 3 * 365 });
  // The versions of the past are told here as they were there.
  const past = await target.kernel.timeline.stateAt("aged/a", 2);
  assert.deepEqual([past.version, past.state], [1, { years: 2 }]);
});
