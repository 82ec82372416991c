/** What docs/transfer.md shows is run as it stands. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../support/checkout.ts";
import { folder } from "../support/scene.ts";

const BIN = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = readFileSync(new URL("../../docs/transfer.md", import.meta.url), "utf8");
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

test("every command of docs/transfer.md does what the page says, and bad input is told", async (t) => {
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
  const up = async (dir: string): Promise<void> => {
    const system = spawn(process.execPath, [BIN, "up", "--dir", dir, "--port", "0", "--agents", "./agents.ts", "--json"], {
      cwd: place,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => system.kill("SIGKILL"));
    await once(createInterface(system.stdout), "line");
  };
  await Promise.all([up(".aos"), up("other")]);
  await said(`aos send note/main written '{"text":"one"}' --wait`);

  const blocks = [...PAGE.matchAll(/^```sh\n([^`]*)^```/gm)].map(([, block]) => (block ?? "").trim().split("\n"));
  const [copy = [], move = [], trust = []] = blocks;
  assert.deepEqual(
    blocks.map((lines) => lines.length),
    [3, 2, 1],
  );
  assert.match(await said(copy[0] ?? ""), /note\.aosx: default\/note\/main by copy, signed by sha256:[0-9a-f]{64}/);
  assert.equal(statSync(join(place, "note.aosx")).mode & 0o777, 0o600);
  assert.match(await said(copy[1] ?? ""), /^note\/second: imported from note\/main by copy, paused at turn 3/);
  await said(copy[2] ?? "");
  await said(`aos send note/second written '{"text":"two"}' --wait`);
  assert.match(await said(move[0] ?? ""), /by move[^\n]*\nits source is terminated/);
  assert.match(await said(move[1] ?? ""), /^note\/third: imported from note\/second by move/);
  assert.deepEqual(JSON.parse(await said("aos state get note/third")), { lines: ["one", "two"] });

  const { signer } = JSON.parse(await said("aos export note/main other.aosx --json")) as { signer: string };
  const line = (trust[0] ?? "").replace(/sha256:\S+/, signer);
  const made = JSON.parse(await said(`${line} --as note/guest --dir other --json`)) as { agent: string; signer: string };
  assert.deepEqual([made.agent, made.signer], ["note/guest", signer]);
  for (const [wrong, code, error] of [
    ["aos import other.aosx --as note/x --dir other", 4, "EXPORT_UNTRUSTED"],
    ["aos import other.aosx", 5, "AGENT_EXISTS"],
    ["aos import second.aosx --as note/fourth", 5, "EXPORT_IMPORTED"],
    ["aos import agents.ts", 1, "EXPORT_INVALID"],
    ["aos import nothing.aosx", 3, "NOT_FOUND"],
    ["aos export note/main note.aosx", 5, "FILE_EXISTS"],
    ["aos export note/main note.aosx --move", 5, "FILE_EXISTS"],
    ["aos export note/nobody n.aosx", 3, "AGENT_NOT_FOUND"],
    ["aos export note/second n.aosx", 4, "AGENT_TERMINATED"],
  ] as const) {
    const ended = await sh(`${wrong} --json`);
    assert.deepEqual([(JSON.parse(ended.stderr) as { code: string }).code, ended.code], [error, code], `${wrong}: ${ended.stderr}`);
  }
});
