/** Mail that waits while its contract changes is brought up to date from the version that it was accepted in. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { type AgentOperatingSystem, event, PurposeDrivenAgent, state } from "../index.ts";
import { afterCrash, folder, onDisk, rest } from "../../test/support/scene.ts";

const schemas = [z.object({ name: z.string() }), z.object({ first: z.string() }), z.object({ first: z.string(), age: z.number() })];
const upcast = {
  1: (old: { name: string }) => {
    if (old.name === "BOOM") throw new Error("no such name");
    return { first: `${old.name}!` };
  },
  2: (old: { first: string }) => ({ ...old, age: old.first.length }),
};

function code(version: 1 | 2 | 3) {
  const Named = event("named", schemas[version - 1] ?? z.object({}), { version, upcast });
  return class Person extends PurposeDrivenAgent.define({
    type: "person",
    purpose: "Be named",
    state: state(1, z.object({ seen: z.array(z.unknown()) }), { initial: () => ({ seen: [] }) }),
    on: { named: Named },
    topics: [{ topic: "names", event: Named }],
  }) {
    readonly handlers = this.handle({ named: (ctx, e) => void ctx.state.seen.push(e.data) });
  };
}

async function paused(t: TestContext, dir: string, version: 1 | 2 | 3): Promise<AgentOperatingSystem> {
  const aos = await onDisk(t, dir);
  await aos.register(code(version), "a");
  await aos.kernel.move("person/a", "pause");
  return aos;
}

async function seen(t: TestContext, dir: string, version: 1 | 2 | 3): Promise<unknown> {
  const aos = await onDisk(t, afterCrash(t, dir));
  await aos.load(code(version));
  await aos.kernel.move("person/a", "resume");
  await rest(aos);
  assert.deepEqual((await aos.kernel.deadLetters({})).items, []);
  return (await aos.kernel.state("person/a")).state;
}

const send = (aos: AgentOperatingSystem, data: unknown): Promise<unknown> => aos.processEvent({ type: "named", data, to: "person/a" });

test("mail of before the first change, without a version, is of version 1", async (t) => {
  const dir = folder(t);
  await send(await paused(t, dir, 1), { name: "ann" });
  assert.deepEqual(await seen(t, dir, 3), { seen: [{ first: "ann!", age: 4 }] });
});

test("mail that names no version is of the version that its agent accepted then, sent or published", async (t) => {
  const dir = folder(t);
  const aos = await paused(t, dir, 2);
  await send(aos, { first: "ann" });
  await aos.kernel.publish("default", "names", { name: "named", data: { first: "bo" }, source: "test" });
  assert.deepEqual(await seen(t, dir, 3), {
    seen: [
      { first: "ann", age: 3 },
      { first: "bo", age: 2 },
    ],
  });
});

test("an agent without code accepts mail, of the version that its code accepted last, and handles it when code comes", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(code(2), "a");
  await before.shutdown();
  const without = await onDisk(t, dir);
  assert.equal((await without.kernel.agent("person/a")).state, "code-missing");
  await send(without, { first: "ann" });
  const { state: shown, mailbox } = await without.kernel.agent("person/a");
  assert.deepEqual([shown, mailbox], ["code-missing", 1]);
  assert.deepEqual(await seen(t, dir, 3), { seen: [{ first: "ann", age: 3 }] });
});

test("mail that an upcast cannot take is a dead letter, and later mail goes on", async (t) => {
  const dir = folder(t);
  const aos = await paused(t, dir, 1);
  for (const name of ["ann", "BOOM", "bo"]) await send(aos, { name });
  const newer = await onDisk(t, afterCrash(t, dir));
  await newer.load(code(2));
  await newer.kernel.move("person/a", "resume");
  await rest(newer);
  assert.deepEqual((await newer.kernel.state("person/a")).state, { seen: [{ first: "ann!" }, { first: "bo!" }] });
  const [letter] = (await newer.kernel.deadLetters({})).items;
  assert.deepEqual([letter?.reason, letter?.data], ["SCHEMA_MISMATCH", { name: "BOOM" }]);
});

test("a sender may name an older version, and gets it checked at once", async (t) => {
  const dir = folder(t);
  const aos = await onDisk(t, dir);
  await aos.register(code(3), "a");
  const arrival = { target: "default/person/a", kind: "event" as const, name: "named" };
  await aos.kernel.accept({ ...arrival, data: { name: "ann" }, version: 1 });
  await assert.rejects(aos.kernel.accept({ ...arrival, data: { name: "ann" }, version: 2 }), { code: "PAYLOAD_INVALID" });
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("person/a")).state, { seen: [{ first: "ann!", age: 4 }] });
});
