import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { Checkout, ended, run, start } from "../support/checkout.ts";

/** Says where it came from, and does what its arguments say. */
const MAIN = `
import { pathToFileURL } from "node:url";
import { origin } from "../index.ts";
const args: string[] = process.argv.slice(2);
const agents = args.indexOf("--agents");
if (agents >= 0) await import(pathToFileURL(args[agents + 1] ?? "").href);
if (args.includes("--serve")) {
  const alive = setInterval(() => {}, 60_000);
  process.once("SIGTERM", () => { console.log("drained"); clearInterval(alive); });
}
console.log(JSON.stringify({ origin, args, pid: process.pid, isSupervised: process.env["AOS_LAUNCHER"] === "1" }));
if (args.includes("--fail")) process.exit(5);
if (args.includes("--restart")) process.exit(86);
if (args.includes("--killed")) process.kill(process.pid, "SIGKILL");
if (args.includes("--wedged")) process.send?.({ type: "restart-wanted" }, () => process.kill(process.pid, "SIGKILL"));
`;
const INDEX = `export const origin: string = import.meta.url.includes("/src/") ? "src" : "dist";\n`;

const checkout = new Checkout({ isInstalled: true });
after(() => {
  checkout[Symbol.dispose]();
});
checkout.write("src/index.ts", INDEX);
checkout.write("src/testing/index.ts", INDEX);
checkout.write("src/cli/main.ts", MAIN);
const bin = join(checkout.path, "bin/aos.js");
const aos = (...args: string[]) => run(process.execPath, [bin, ...args]);

interface Hello {
  readonly origin: string;
  readonly args: readonly string[];
  readonly pid: number;
  readonly isSupervised: boolean;
}

function hellos(stdout: string): readonly Hello[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Hello => JSON.parse(line));
}

test("without a build the launcher runs the sources, and hands on arguments and exit code", async () => {
  const { code, stdout } = await aos("ps", "--fail", "a b");
  assert.equal(code, 5);
  const [hello] = hellos(stdout);
  assert.equal(hello?.origin, "src");
  assert.deepEqual(hello.args, ["ps", "--fail", "a b"]);
  assert.equal(hello.isSupervised, false);
});

test("an agents file outside the checkout gets this copy of aosjs, its subpaths, and zod", async () => {
  const folder = mkdtempSync(join(tmpdir(), "aos-agents-"));
  try {
    const file = join(folder, "agents.ts");
    const lines = [
      `import { origin } from "aosjs";`,
      `import * as testing from "aosjs/testing";`,
      `import { z } from "zod";`,
      `const seen: string[] = [origin, testing.origin, typeof z.object];`,
      `console.log("agents saw", seen.join(" "));`,
    ];
    writeFileSync(file, lines.join("\n"));
    for (const command of ["ps", "up"]) {
      const { stdout, stderr } = await aos(command, "--agents", file);
      assert.match(stdout, /^agents saw src src function$/m);
      if (command === "up") assert.equal(stderr, "");
    }
    const required = join(folder, "agents.cts");
    writeFileSync(required, `const { origin } = require("aosjs"); console.log("saw", origin, typeof require("zod").z.object);`);
    assert.match((await aos("ps", "--agents", required)).stdout, /^saw src function$/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("exit code 86 restarts the system, at most five times within a minute", async () => {
  const { code, stdout, stderr } = await aos("up", "--restart");
  assert.equal(code, 86);
  assert.equal(hellos(stdout).length, 6);
  assert.equal(new Set(hellos(stdout).map(({ pid }) => pid)).size, 6);
  assert.match(stderr, /giving up/);
});

test("a system killed after it asked for a restart is started again; one killed otherwise is not", async () => {
  const wedged = await aos("up", "--wedged");
  assert.equal(hellos(wedged.stdout).length, 6);
  const killed = await aos("up", "--killed");
  assert.equal(hellos(killed.stdout).length, 1);
  assert.equal(killed.signal, "SIGKILL");
});

test("only `up` is restarted", async () => {
  const { code, stdout } = await aos("ps", "--restart");
  assert.equal(code, 86);
  assert.equal(hellos(stdout).length, 1);
});

test("SIGTERM reaches the system, which drains; the launcher then exits with 0", async () => {
  const child = start(process.execPath, [bin, "up", "--serve"]);
  const end = ended(child);
  assert.ok(child.stdout);
  await once(createInterface(child.stdout), "line");
  child.kill("SIGTERM");
  const { code, stdout } = await end;
  assert.equal(code, 0);
  assert.match(stdout, /drained/);
});

test("when the launcher is killed the system dies with it", async () => {
  const child = start(process.execPath, [bin, "up", "--serve"]);
  const end = ended(child);
  assert.ok(child.stdout);
  const [line] = await once(createInterface(child.stdout), "line");
  const [hello] = hellos(String(line));
  assert.notEqual(hello?.pid, child.pid);
  child.kill("SIGKILL");
  // The system holds the pipes: they close when it is gone.
  assert.equal((await end).signal, "SIGKILL");
});

test("a build is run while it is newer than the sources, and no longer", async () => {
  const built = await run(process.execPath, ["scripts/build.mjs"], { cwd: checkout.path });
  assert.equal(built.stderr, "");
  assert.equal(built.code, 0);
  assert.equal(hellos((await aos("ps")).stdout)[0]?.origin, "dist");
  assert.equal(hellos((await aos("up")).stdout)[0]?.origin, "dist");
  const later = new Date(Date.now() + 5000);
  utimesSync(join(checkout.path, "src/cli/main.ts"), later, later);
  assert.equal(hellos((await aos("ps")).stdout)[0]?.origin, "src");
});
