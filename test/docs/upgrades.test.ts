/** What docs/upgrades.md shows is run as it stands, on a folder that an older version of the code left. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../support/checkout.ts";
import { folder } from "../support/scene.ts";

const BIN = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ZOD = realpathSync(join(ROOT, "node_modules", "zod"));
const PAGE = readFileSync(new URL("../../docs/upgrades.md", import.meta.url), "utf8");
const agents = (version: 1 | 2, broken = false): string => `
import { event, PurposeDrivenAgent, state } from "aosjs";
import { z } from "zod";
const Written = event("written", z.object({ text: z.string() }));
export class Note extends PurposeDrivenAgent.define({
  type: "note", purpose: "Keep notes",
  state: ${
    version === 1
      ? 'state(1, z.object({ text: z.string() }), { initial: () => ({ text: "" }) })'
      : `state(2, z.object({ lines: z.array(z.string()) }), { initial: () => ({ lines: [] }), migrate: { 1: (old) => { ${broken ? 'throw new Error("not yet")' : 'return { lines: old.text === "" ? [] : old.text.split(";") }'}; } } })`
  },
  on: { written: Written },
}) {
  readonly handlers = this.handle({
    written: (ctx, e) => { ${version === 1 ? 'ctx.state.text += (ctx.state.text === "" ? "" : ";") + e.data.text' : "ctx.state.lines.push(e.data.text)"}; },
  });
}
export const register = [{ agent: Note, id: "main" }];
`;

/** A folder with the agents in all their versions, and what the page's commands need. */
function stage(t: TestContext): {
  readonly place: string;
  readonly up: (file: string) => Promise<void>;
  readonly down: () => Promise<void>;
  readonly sh: (line: string) => ReturnType<typeof run>;
  readonly all: (lines: readonly string[]) => Promise<string>;
} {
  const place = folder(t);
  writeFileSync(join(place, "old-agents.ts"), agents(1));
  writeFileSync(join(place, "new-agents.ts"), agents(2));
  writeFileSync(join(place, "broken-agents.ts"), agents(2, true));
  const shims = join(place, "bin");
  mkdirSync(shims);
  writeFileSync(join(shims, "aos"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  chmodSync(join(shims, "aos"), 0o755);
  const env = {
    ...process.env,
    AOS_JOURNAL_PAYLOADS: "true",
    AOS_UPGRADE_MODE: "held",
    PATH: `${shims}${delimiter}${process.env["PATH"] ?? ""}`,
  };
  let running: ChildProcess | undefined;
  t.after(() => running?.kill("SIGKILL"));
  const down = async (): Promise<void> => {
    const child = running;
    running = undefined;
    if (child === undefined) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  const up = async (file: string): Promise<void> => {
    await down();
    running = spawn("sh", ["-c", `exec aos up --dir .aos --agents ./${file} --port 0`], {
      cwd: place,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    assert.ok(running.stdout);
    await once(createInterface(running.stdout), "line");
  };
  const sh = (line: string): ReturnType<typeof run> => run("sh", ["-c", line], { cwd: place, env });
  const all = async (lines: readonly string[]): Promise<string> => {
    let out = "";
    for (const line of lines) {
      const { code, stdout, stderr } = await sh(line);
      assert.equal(code, 0, `${line}: ${stderr} ${stdout}`);
      out += stdout;
    }
    return out;
  };
  return { place, up, down, sh, all };
}

test("every command of docs/upgrades.md does what the page says, from the old code to the new and back", async (t) => {
  const { place, up, down, sh, all } = stage(t);
  const shown = [...PAGE.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block.trim().split("\n"));
  assert.equal(shown.length, 4);
  const [plan = [], apply = [], rollback = [], replay = []] = shown;

  await up("old-agents.ts");
  for (const text of ["a", "b", "c"]) await all([`aos send note/main written '{"text":"${text}"}' --wait`]);
  assert.match(await all(plan), /1 agents: 1 would be migrated, 0 would fail/, "beside the running system");
  await all(replay.slice(0, 1));
  const journal = replay[1]?.replace("new-agents", "old-agents") ?? "";
  assert.match(await all([journal]), /turns replayed, 0 differences/);
  const differs = await sh(journal.replace("old-agents", "broken-agents"));
  assert.equal(differs.code, 1);
  assert.match(differs.stdout, /note\/main turn \d+ {2}failure/);
  assert.match(await all(replay), /turns replayed, 0 differences/);
  await down();

  assert.match(await all(plan), /1 would be migrated, 0 would fail/, "of the stopped folder");
  const bad = await sh("aos upgrade plan --agents ./broken-agents.ts --dir .aos --json");
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /not yet/);

  await up("new-agents.ts");
  await all([`aos send note/main written '{"text":"d"}'`]);
  const waiting = await all(["aos ps"]);
  assert.match(waiting, /waits for its upgrade from version 1 to 2/);
  assert.match(await all(apply), /note +2 /);
  for (let round = 0; round < 100 && !/done/.test(await all(["aos upgrade apply --status"])); round++)
    await new Promise((next) => setTimeout(next, 100));
  assert.deepEqual(JSON.parse(await all(["aos state get note/main"])), { lines: ["a", "b", "c", "d"] });

  const suite = /```ts\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? "";
  writeFileSync(join(place, "suite.ts"), suite);
  mkdirSync(join(place, "node_modules"));
  for (const name of ["aosjs", "zod"]) symlinkSync(name === "zod" ? ZOD : ROOT, join(place, "node_modules", name), "dir");
  await all([`"${process.execPath}" --conditions=aosjs-source suite.ts`]);

  assert.match(await all(rollback), /"rolledBack":1/);
  await up("old-agents.ts");
  assert.deepEqual(JSON.parse(await all(["aos state get note/main"])), { text: "a;b;c" });
});
