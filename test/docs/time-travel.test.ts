/** What docs/time-travel.md shows is run as it stands. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../support/checkout.ts";
import { folder } from "../support/scene.ts";

const BIN = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = readFileSync(new URL("../../docs/time-travel.md", import.meta.url), "utf8");
const AGENTS = `
import { event, PurposeDrivenAgent, state } from "aosjs";
import { z } from "zod";
const Written = event("written", z.object({ text: z.string() }));
export class Note extends PurposeDrivenAgent.define({
  type: "note", purpose: "Keep notes",
  state: state(1, z.object({ lines: z.array(z.string()) }), { initial: () => ({ lines: [] }) }),
  on: { written: Written },
}) {
  readonly handlers = this.handle({ written: (ctx, e) => { ctx.state.lines.push(e.data.text); } });
}
export const register = [{ agent: Note, id: "main" }];
`;

test("every command of docs/time-travel.md does what the page says, also of a stopped folder where it only reads", async (t) => {
  const place = folder(t);
  writeFileSync(join(place, "agents.ts"), AGENTS);
  const shims = join(place, "bin");
  mkdirSync(shims);
  mkdirSync(join(place, "node_modules"));
  symlinkSync(realpathSync(join(ROOT, "node_modules", "zod")), join(place, "node_modules", "zod"));
  writeFileSync(join(shims, "aos"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  chmodSync(join(shims, "aos"), 0o755);
  const env = { ...process.env, PATH: `${shims}${delimiter}${process.env["PATH"] ?? ""}` };
  const sh = (line: string): ReturnType<typeof run> => run("sh", ["-c", line], { cwd: place, env });
  const said = async (line: string): Promise<string> => {
    const ended = await sh(line);
    assert.equal(ended.code, 0, `${line}: ${ended.stderr}`);
    return ended.stdout;
  };
  const system = spawn(process.execPath, [BIN, "up", "--dir", ".aos", "--port", "0", "--agents", "./agents.ts", "--json"], {
    cwd: place,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => system.kill("SIGKILL"));
  await once(createInterface(system.stdout), "line");
  for (const text of ["one", "two", "three"]) await said(`aos send note/main written '{"text":"${text}"}' --wait`);

  const blocks = [...PAGE.matchAll(/^```sh\n([^`]*)^```/gm)].map(([, block]) => (block ?? "").trim().split("\n"));
  const [look = [], back = [], fork = [], resume = []] = blocks;
  assert.deepEqual(
    blocks.map((lines) => lines.length),
    [3, 2, 2, 1],
  );
  const looked = await Promise.all(look.map(said));
  assert.equal(looked[0]?.trim().split("\n").length, 4);
  assert.deepEqual(JSON.parse(looked[1] ?? ""), { lines: ["one"] });
  assert.equal(looked[2]?.trim(), '+ /lines/1 "two"\n+ /lines/2 "three"');
  assert.deepEqual(JSON.parse(await said(back[0] ?? "")), { agent: "note/main", to: 2, from: 4, turn: 5 });
  assert.match(await said(back[1] ?? ""), /"kind":"rewind".*"note":"rewound to turn 2: a wrong import"/);
  assert.deepEqual(JSON.parse(await said(fork[0] ?? "")), { agent: "note/what-if", from: "note/main", turn: 2 });
  assert.match(await said(fork[1] ?? ""), /note\/what-if +sleeping/);
  assert.match(await said(resume[0] ?? ""), /"address":"note\/what-if"/);
  for (const [line, code, error] of [
    ["aos rewind note/main 99", 3, "TURN_NOT_FOUND"],
    ["aos fork note/main what-if", 5, "AGENT_EXISTS"],
    ["aos diff note/nobody 1 2", 3, "AGENT_NOT_FOUND"],
    ["aos diff note/main 0 2", 2, "USAGE"],
  ] as const) {
    const ended = await sh(`${line} --json`);
    assert.deepEqual([ended.code, (JSON.parse(ended.stderr) as { code: string }).code], [code, error], `${line}: ${ended.stderr}`);
  }
  system.kill("SIGTERM");
  await once(system, "close");
  assert.deepEqual(JSON.parse(await said("aos state get note/main --at 4 --dir .aos")), { lines: ["one", "two", "three"] });
  assert.equal((JSON.parse(await said("aos diff note/main 4 5 --json --dir .aos")) as { patch: unknown[] }).patch.length, 2);
});
