/** docs/simulation.md finds the bug that it says it finds, and its remedy holds. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { INVARIANTS } from "../../src/testing/index.ts";
import { run } from "../support/checkout.ts";
import { folder } from "../support/scene.ts";

const PAGE = readFileSync(new URL("../../docs/simulation.md", import.meta.url), "utf8");
const PRELOAD = new URL("../../bin/register.mjs?preload=src", import.meta.url).href;
const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

function codeOf(title: string): string {
  const found = [...PAGE.matchAll(/```ts\n\/\/ (.*)\n([\s\S]*?)```/g)].find(([, first]) => first === title);
  assert.ok(found?.[2] !== undefined, title);
  return found[2];
}

test("the example's test finds the planted bug, and passes once the agent is as the page mends it", async (t) => {
  const place = folder(t);
  const agent = codeOf("buyer.ts");
  writeFileSync(join(place, "buyer.test.ts"), codeOf("buyer.test.ts"));
  const verdict = async (source: string) => {
    writeFileSync(join(place, "buyer.ts"), source);
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    return run(process.execPath, [`--import=${PRELOAD}`, "--conditions=aosjs-source", "--test", "buyer.test.ts"], { cwd: place, env });
  };
  const found = await verdict(agent);
  assert.equal(found.code, 1);
  assert.match(found.stdout, /no more is bought than the limit/);
  assert.match(found.stdout, /message: '1\d\d\d were spent'/);
  const mended = agent.replace(/ {2}#spent = 0;\n[\s\S]*?\n {2}\}\);\n/, () => codeOf("instead, in buyer.ts"));
  assert.notEqual(mended, agent);
  const held = await verdict(mended);
  assert.equal(held.code, 0, held.stdout);
});

test("every command of the page does what it says", async () => {
  const lines = [...PAGE.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.trim().split("\n"));
  assert.ok(lines.length > 1);
  for (const line of lines) {
    assert.match(line, /^aos sim /);
    const { code, stderr } = await run(process.execPath, ["--conditions=aosjs-source", MAIN, ...line.split(" ").slice(1)]);
    assert.equal(code, 0, `${line}: ${stderr}`);
  }
});

test("the invariants that the page names are there", () => {
  const named = /among them: ([\s\S]*?)\n\n/.exec(PAGE)?.[1] ?? "";
  const names = [...named.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
  assert.ok(names.length > 10);
  const missing = names.filter((name) => !(name in INVARIANTS));
  assert.deepEqual(missing, []);
});
