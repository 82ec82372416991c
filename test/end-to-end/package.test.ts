import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Checkout, run } from "../support/checkout.ts";

const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));
const INDEX = `export const origin: string = import.meta.url.includes("/src/") ? "src" : "dist";\n`;
const AGENT = `import { origin } from "aosjs";\nconst seen: string = origin;\nconsole.log(seen);\n`;

const checkout = new Checkout({ isInstalled: true });
const elsewhere = mkdtempSync(join(tmpdir(), "aos-elsewhere-"));
after(() => {
  checkout[Symbol.dispose]();
  rmSync(elsewhere, { recursive: true });
});
checkout.write("src/index.ts", INDEX);
checkout.write("src/index.test.ts", "");
checkout.write("src/testing/index.ts", INDEX);
checkout.write("src/client/index.ts", INDEX);
checkout.write("src/cli/main.ts", `console.log("cli", process.argv.slice(2).join(" "));\n`);

/** Packs the checkout and unpacks it where another project would have it. */
async function install(): Promise<readonly string[]> {
  const packed = await run("npm", ["pack", "--silent", "--offline", "--pack-destination", elsewhere], {
    cwd: checkout.path,
  });
  assert.equal(packed.code, 0, packed.stderr);
  const tarball = packed.stdout.trim().split("\n").at(-1) ?? "";
  const target = join(elsewhere, "node_modules/aosjs");
  mkdirSync(target, { recursive: true });
  const unpacked = await run("tar", ["-xvzf", join(elsewhere, tarball), "--strip-components=1"], {
    cwd: target,
  });
  assert.equal(unpacked.code, 0, unpacked.stderr);
  // What npm would fetch is at hand already.
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(readFileSync(join(target, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    const link = join(elsewhere, "node_modules", name);
    mkdirSync(join(link, ".."), { recursive: true });
    symlinkSync(join(MODULES, name), link);
  }
  return unpacked.stdout.split("\n").map((line) => line.replace(/^package\//, ""));
}

test("in a fresh checkout npm's `prepare` builds dist, and an example runs with plain node", async () => {
  const prepared = await run("npm", ["run", "prepare", "--silent"], { cwd: checkout.path });
  assert.equal(prepared.code, 0, prepared.stderr);
  const example = checkout.write("examples/first-agent.ts", AGENT);
  const { code, stdout, stderr } = await run(process.execPath, [example]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.equal(stdout, "dist\n");
});

test("the packed package works in another project: imports, command and contents", async () => {
  const files = await install();
  for (const wanted of ["bin/aos.js", "dist/index.js", "dist/index.d.ts", "src/index.ts"]) {
    assert.ok(files.includes(wanted), `${wanted} is packed`);
  }
  const odd = files.filter((file) => /^(?:test|scripts|\.)|\.test\.|\.built/.test(file));
  assert.deepEqual(odd, []);
  writeFileSync(join(elsewhere, "agent.mts"), AGENT);
  const imported = await run(process.execPath, ["agent.mts"], { cwd: elsewhere });
  assert.equal(imported.stdout, "dist\n", imported.stderr);
  const called = await run(process.execPath, ["node_modules/aosjs/bin/aos.js", "ps", "--json"], {
    cwd: elsewhere,
  });
  assert.equal(called.stdout, "cli ps --json\n", called.stderr);
});

test("publint finds no fault in the package's manifest", async () => {
  const { code, stdout } = await run(join(MODULES, ".bin/publint"), ["run", "--strict"], {
    cwd: checkout.path,
  });
  assert.equal(code, 0, stdout);
});
