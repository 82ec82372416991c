import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Checkout, run } from "../support/checkout.ts";

const SUPPORT = fileURLToPath(new URL("../support", import.meta.url));
const STEPS = `export const STEPS = [
  { name: "types", budgetSeconds: 9, tool: ["node", "tool.mjs"] },
  { name: "unit", budgetSeconds: 20, files: ["test/unit/*.test.mjs"], isShared: true },
  { name: "crash", budgetSeconds: 20, files: ["test/crash/*.test.mjs"], mayBeEmpty: true },
];\n`;
const TESTS = `import assert from "node:assert/strict"; import { test } from "node:test";\n`;
const GOOD = `${TESTS}test("one", () => {}); test("two", () => {});\n`;

const checkout = new Checkout({ isInstalled: true });
after(() => {
  checkout[Symbol.dispose]();
});
cpSync(SUPPORT, join(checkout.path, "test/support"), { recursive: true });
checkout.write("scripts/test-steps.mjs", STEPS);
const tool = (code: number, says: string): string =>
  checkout.write("tool.mjs", `console.log(${JSON.stringify(says)}); process.exitCode = ${code};\n`);
const unit = (content: string): string => checkout.write("test/unit/a.test.mjs", content);

async function npmTest(args: readonly string[] = [], env: Record<string, string> = {}) {
  const { NODE_TEST_CONTEXT: _, AOS_TEST_CAPABILITIES: __, AOS_REQUIRE: ___, CI: ____, ...rest } = process.env;
  const { code, stdout } = await run(process.execPath, ["scripts/test.mjs", ...args], {
    cwd: checkout.path,
    env: { ...rest, ...env },
  });
  return { code, stdout, last: stdout.trimEnd().split("\n").at(-1) };
}

test("the last line counts tests and tools, and each step shows its budget and what it used", async () => {
  tool(0, "fine");
  unit(GOOD);
  const { code, stdout, last } = await npmTest();
  assert.equal(last, "3 passed, 0 failed", stdout);
  assert.equal(code, 0);
  assert.match(stdout, /^unit +budget +20 s +used +\d+\.\d s +2 passed, 0 failed$/m);
  assert.doesNotMatch(stdout, /fine/);
});

test("a failing step says which and why in one line below its output, and later steps still run", async () => {
  tool(1, "checking\nsrc/a.ts(1,2): error TS1: it is wrong");
  unit(`${TESTS}test("sums", () => { assert.equal(1, 2, "one is not two"); }); test("two", () => {});`);
  const { code, stdout, last } = await npmTest();
  assert.equal(code, 1);
  assert.equal(last, "1 passed, 2 failed", stdout);
  assert.match(stdout, /^FAILED types: src\/a\.ts\(1,2\): error TS1: it is wrong$/m);
  assert.match(stdout, /^FAILED unit: "sums" \[test\/unit\/a\.test\.mjs\]: one is not two 1 !== 2$/m);
});

test("a test file that cannot be loaded fails its step", async () => {
  tool(0, "");
  unit(`import "./nowhere.mjs";\n`);
  const { code, stdout } = await npmTest(["--only", "unit"]);
  assert.equal(code, 1);
  assert.match(stdout, /^FAILED unit: .*nowhere\.mjs/m);
});

test("a skip is told aloud; for a reason that is no capability it fails under CI", async () => {
  tool(0, "");
  unit(`${TESTS}test("one", () => {}); test("lazy", { skip: "not today" }, () => {});`);
  const local = await npmTest(["--only", "unit"]);
  assert.equal(local.code, 0, local.stdout);
  assert.match(local.stdout, /^skipped: lazy \[test\/unit\/a\.test\.mjs\]: not today$/m);
  const ci = await npmTest(["--only", "unit"], { CI: "true" });
  assert.equal(ci.last, "1 passed, 1 failed", ci.stdout);
});

test("a missing capability skips aloud, and fails where AOS_REQUIRE names it", async () => {
  tool(0, "");
  const support = `import { need } from "../support/capabilities.ts";\n`;
  unit(`${TESTS}${support}test("traced", { skip: need("strace") }, () => {}); test("one", () => {});`);
  // Only Node is on this PATH, so that strace is missing everywhere.
  const PATH = dirname(process.execPath);
  const local = await npmTest(["--only", "unit"], { PATH, CI: "true" });
  assert.equal(local.last, "1 passed, 0 failed", local.stdout);
  assert.match(local.stdout, /^strace +NO .*\(not installed; 1 tests skipped\)$/m);
  const required = await npmTest(["--only", "unit"], { PATH, AOS_REQUIRE: "strace" });
  assert.equal(required.code, 1);
  assert.match(required.stdout, /^FAILED set-up: AOS_REQUIRE names strace, but it is missing: not installed$/m);
});

test("a test file that no step runs fails the set-up, and so does a step without files", async () => {
  tool(0, "");
  unit(GOOD);
  const stray = checkout.write("src/stray.test.ts", "");
  const { last, stdout } = await npmTest();
  rmSync(stray);
  assert.equal(last, "3 passed, 1 failed");
  assert.match(stdout, /no step of scripts\/test-steps\.mjs runs src\/stray\.test\.ts/);
  rmSync(join(checkout.path, "test/unit"), { recursive: true });
  assert.match((await npmTest()).stdout, /^FAILED unit: it has no test files$/m);
});

test("a step that hangs is ended, with what it started, and fails", async () => {
  const hang = `setInterval(() => {}, 60_000)`;
  const spawner = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(hang)}], { stdio: "inherit" })`;
  const step = { name: "types", budgetSeconds: 0.2, tool: ["node", "-e", spawner] };
  checkout.write("scripts/test-steps.mjs", `export const STEPS = ${JSON.stringify([step])};\n`);
  const { code, stdout, last } = await npmTest();
  checkout.write("scripts/test-steps.mjs", STEPS);
  assert.equal(code, 1);
  assert.equal(last, "0 passed, 1 failed");
  assert.match(stdout, /^FAILED types: ended after \d+ s$/m);
});

test("--only with an unknown step is a usage error that lists the steps", async () => {
  assert.equal((await npmTest(["--only", "nonsense"])).code, 2);
});
