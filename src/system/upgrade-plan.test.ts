/** What new code would do to stored agents is told before it does it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { AgentOperatingSystem } from "../index.ts";
import type { PlanReport } from "../kernel/index.ts";
import { folder, rest, scene } from "../../test/support/scene.ts";
import { planWith } from "./upgrade-plan.ts";
import { loadAgentsFile } from "./agents-file.ts";

// The files lie outside of any package, so that they name what they import by its place.
const HEAD = `import { effect, event, PurposeDrivenAgent, state } from "${import.meta.resolve("../index.ts")}";
import { z } from "${import.meta.resolve("zod")}";
`;
const OLD = `${HEAD}
const Named = event("named", z.object({ name: z.string() }));
const Gone = event("gone", z.object({}));
const Look = effect("look", { input: z.object({}), output: z.object({ n: z.number() }), repeat: "safe", run: () => ({ n: 4 }) });
export class Person extends PurposeDrivenAgent.define({
  type: "person", purpose: "Be", config: z.object({ lang: z.string().default("en") }), uses: [Look],
  state: state(1, z.object({ name: z.string(), looks: z.number() }), { initial: () => ({ name: "", looks: 0 }) }), on: { named: Named, gone: Gone },
}) {
  readonly handlers = this.handle({
    named: async (ctx, e) => { ctx.state.name = e.data.name; ctx.state.looks += (await ctx.effect(Look, {})).n; },
    gone: () => undefined,
  });
}
export class Quiet extends PurposeDrivenAgent.define({
  type: "quiet", purpose: "Be", state: state(1, z.object({}), { initial: () => ({}) }), on: { gone: Gone },
}) { readonly handlers = this.handle({ gone: () => undefined }); }
`;
const NEW = `${HEAD}
const Named = event("named", z.object({ first: z.string() }), { version: 2, upcast: { 1: (old) => ({ first: old.name }) } });
const Look = effect("look", { input: z.object({}), output: z.object({ n: z.number() }), repeat: "key", run: () => { throw new Error("must not run"); } });
export class Person extends PurposeDrivenAgent.define({
  type: "person", purpose: "Be", config: z.object({ lang: z.enum(["en", "de"]).default("en") }), uses: [Look],
  state: state(2, z.object({ first: z.string().max(5), looks: z.number() }), {
    initial: () => ({ first: "", looks: 0 }),
    migrate: { 1: (old) => { if (old.name === "BOOM") throw new Error("no such name"); return { first: old.name, looks: old.name === "dice" ? Math.random() : old.looks }; } },
  }),
  on: { named: Named },
}) {
  readonly handlers = this.handle({
    named: async (ctx, e) => { ctx.state.first = e.data.first; ctx.state.looks += (await ctx.effect(Look, {})).n * (e.data.first === "bob" ? 2 : 1); },
  });
}
`;

async function stored(t: TestContext): Promise<{ readonly aos: AgentOperatingSystem; readonly dir: string }> {
  const dir = folder(t);
  writeFileSync(join(dir, "old.ts"), OLD);
  writeFileSync(join(dir, "new.ts"), NEW);
  const aos = await scene(t, { journal: { payloads: true } });
  await aos.loadAll((await loadAgentsFile(join(dir, "old.ts"))).agents);
  const names = { ann: "ann", bob: "bob", long: "Maximilian", longer: "Wilhelmina", boom: "BOOM", dice: "dice", french: "eve" };
  for (const [id, name] of Object.entries(names)) {
    await aos.kernel.register("person", { id, config: id === "french" ? { lang: "fr" } : {} });
    for (const each of ["x", name]) await aos.processEvent({ type: "named", data: { name: each }, to: `person/${id}` });
  }
  await rest(aos);
  await aos.kernel.register("quiet", { id: "main" });
  await aos.kernel.move("person/ann", "pause");
  await aos.processEvent({ type: "gone", data: {}, to: "person/ann" });
  return { aos, dir };
}

function planOf(aos: AgentOperatingSystem, file: string, limit = 3): Promise<PlanReport> {
  return planWith(
    [file],
    { contracts: () => aos.kernel.storedContracts(), snapshots: (cursor) => aos.kernel.snapshots({ cursor, limit, turns: 5 }) },
    { stateBytes: 1 << 20 },
  );
}

test("a plan says which agents would fail and why, with their paths, and changes nothing", async (t) => {
  const { aos, dir } = await stored(t);
  const before = await aos.kernel.journal("person/bob");
  const report = await planOf(aos, join(dir, "new.ts"));
  const lines = report.groups.map(
    ({ check, code, path, count, agents, message }) => `${check} ${code} ${path ?? "-"} ${count} ${agents.join(",")} ${message}`,
  );
  const has = (pattern: RegExp): void =>
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${String(pattern)}\n${lines.join("\n")}`,
    );
  has(/^state MIGRATION_FAILED \/first 2 person\/long,person\/longer /);
  has(/^state MIGRATION_FAILED - 1 person\/boom the migration from version 1 threw: no such name/);
  has(/^config PAYLOAD_INVALID \/lang 1 person\/french /);
  has(/^mail SCHEMA_MISMATCH - 1 person\/ann queued event gone would be a dead letter/);
  has(/^pure MIGRATION_FAILED - 1 person\/dice /);
  has(/^code CODE_MISSING - 1 quiet\/main /);
  has(/^replay DIFFERENT \/looks 2 person\/bob,person\/dice a replayed turn leaves another state/);
  assert.deepEqual([report.agents, report.migrated, report.failing], [8, 7, 5]);
  assert.ok(report.replay.replayed >= 7 && report.replay.differing >= 1);
  assert.deepEqual(
    report.contracts.map(({ part, change }) => `${part} ${change}`),
    ["events named/version: 1 → 2", "events gone is gone", 'effects look/repeat: "safe" → "key"', "stateVersion 1 → 2"],
  );
  assert.deepEqual(await aos.kernel.journal("person/bob"), before);
  assert.equal((await aos.kernel.agent("person/bob")).stateVersion, 1);
});

test("code that changes nothing has an empty plan, and an empty system too", async (t) => {
  const { aos, dir } = await stored(t);
  const report = await planOf(aos, join(dir, "old.ts"), 500);
  assert.deepEqual([report.groups, report.contracts, report.failing, report.migrated], [[], [], 0, 0]);
  assert.equal(report.replay.differing, 0);
  const empty = await scene(t);
  assert.deepEqual((await planOf(empty, join(dir, "old.ts"))).agents, 0);
});
