/** What docs/operations.md shows is run as it stands. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../support/checkout.ts";
import { folder } from "../support/scene.ts";

const BIN = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const PAGE = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
const AGENTS = `
import { event, PurposeDrivenAgent, state } from "aosjs";
import { z } from "zod";
const Added = event("added", z.object({ by: z.number() }));
class Counter extends PurposeDrivenAgent.define({
  type: "counter", purpose: "Count", state: state(1, z.object({ count: z.number() }), { initial: () => ({ count: 0 }) }), on: { added: Added },
}) {
  readonly handlers = this.handle({ added: (ctx, e) => { ctx.state.count += e.data.by; } });
}
export const register = [{ agent: Counter, id: "main" }];
`;

test("every command of docs/operations.md does what the page says, in its order", async (t) => {
  const place = folder(t);
  writeFileSync(join(place, "my-agents.ts"), AGENTS);
  const shims = join(place, "bin");
  mkdirSync(shims);
  writeFileSync(join(shims, "aos"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  chmodSync(join(shims, "aos"), 0o755);
  const env = { ...process.env, PATH: `${shims}${delimiter}${process.env["PATH"] ?? ""}` };
  const running: ChildProcess[] = [];
  t.after(() => running.forEach((child) => child.kill("SIGKILL")));
  const up = async (line: string): Promise<void> => {
    const child = spawn("sh", ["-c", `exec ${line}`], { cwd: place, env, stdio: ["ignore", "pipe", "pipe"] });
    running.push(child);
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`${line} ended`)));
    await Promise.race([once(createInterface(child.stdout), "line"), ended]);
    ended.catch(() => undefined);
  };
  await up("aos up --dir .aos --agents ./my-agents.ts --port 0");
  const blocks = [...PAGE.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block.trim().split("\n"));
  assert.ok(blocks.length > 1);
  for (const line of blocks.flat()) {
    if (line.startsWith("aos up ")) await up(line);
    else {
      const { code, stderr } = await run("sh", ["-c", line], { cwd: place, env });
      assert.equal(code, 0, `${line}: ${stderr}`);
    }
  }
});
