import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Checkout, run } from "../support/checkout.ts";

/** A checkout with one package, which lies beside it: npm installs it without a network. */
function project(): Checkout {
  const checkout = new Checkout({ isInstalled: false });
  checkout.write("dep/package.json", JSON.stringify({ name: "dep", version: "1.0.0" }));
  const manifest = { name: "small", version: "1.0.0", dependencies: { dep: "file:dep" } };
  checkout.write("package.json", JSON.stringify(manifest));
  writeLock(checkout, "small");
  return checkout;
}

function writeLock(checkout: Checkout, name: string): void {
  const root = { name, version: "1.0.0", dependencies: { dep: "file:dep" } };
  const packages = {
    "": root,
    dep: { version: "1.0.0" },
    "node_modules/dep": { resolved: "dep", link: true },
  };
  const lock = { name, version: "1.0.0", lockfileVersion: 3, requires: true, packages };
  writeFileSync(join(checkout.path, "package-lock.json"), JSON.stringify(lock));
}

const setup = (checkout: Checkout) =>
  run(process.execPath, ["scripts/setup.mjs"], {
    cwd: checkout.path,
    env: { ...process.env, npm_config_offline: "true" },
  });
const installs = (stderr: string): number => stderr.match(/npm ci, because/g)?.length ?? 0;

test("set-up installs where nothing is installed, once, and says why", async () => {
  using checkout = project();
  const first = await setup(checkout);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /^setup: npm ci, because there is no node_modules$/m);
  assert.equal(first.stdout, "");
  assert.ok(existsSync(join(checkout.path, "node_modules/dep/package.json")));
  assert.equal(installs((await setup(checkout)).stderr), 0);
});

test("set-up repairs what is partly installed", async () => {
  using checkout = project();
  await setup(checkout);
  rmSync(join(checkout.path, "node_modules/dep"));
  const lost = await setup(checkout);
  assert.match(lost.stderr, /because node_modules\/dep is missing/);
  rmSync(join(checkout.path, "node_modules/.package-lock.json"));
  rmSync(join(checkout.path, "node_modules/.aos-setup"));
  const broken = await setup(checkout);
  assert.match(broken.stderr, /because the last install did not finish/);
  assert.ok(existsSync(join(checkout.path, "node_modules/dep/package.json")));
});

test("set-up leaves packages alone that belong to another checkout", async () => {
  using checkout = project();
  using owner = project();
  await setup(owner);
  symlinkSync(join(owner.path, "node_modules"), join(checkout.path, "node_modules"));
  rmSync(join(owner.path, "node_modules/dep"));
  const { code, stderr } = await setup(checkout);
  assert.equal(code, 0);
  assert.match(stderr, /left node_modules as it is.* though node_modules\/dep is missing/);
  assert.equal(installs(stderr), 0);
});

test("set-up installs again when the lockfile changed", async () => {
  using checkout = project();
  await setup(checkout);
  const file = join(checkout.path, "package-lock.json");
  const lock: { packages: Record<string, object> } = JSON.parse(readFileSync(file, "utf8"));
  checkout.write("more/package.json", JSON.stringify({ name: "more", version: "1.0.0" }));
  const manifest = { name: "small", version: "1.0.0", dependencies: { more: "file:more" } };
  checkout.write("package.json", JSON.stringify(manifest));
  lock.packages = {
    "": manifest,
    more: { version: "1.0.0" },
    "node_modules/more": { resolved: "more", link: true },
  };
  writeFileSync(file, JSON.stringify(lock));
  const { stderr } = await setup(checkout);
  assert.equal(installs(stderr), 1, stderr);
  assert.ok(existsSync(join(checkout.path, "node_modules/more/package.json")));
  assert.ok(!existsSync(join(checkout.path, "node_modules/dep")));
});

test("of several set-ups at once one installs and the others wait for it", async () => {
  using checkout = project();
  const all = await Promise.all([setup(checkout), setup(checkout), setup(checkout)]);
  assert.deepEqual(
    all.map(({ code }) => code),
    [0, 0, 0],
  );
  assert.equal(installs(all.map(({ stderr }) => stderr).join("\n")), 1);
  assert.ok(!existsSync(join(checkout.path, ".aos-setup.lock")));
});

test("a lock left by a dead process does not stop a set-up", async () => {
  using checkout = project();
  const dead = await run(process.execPath, ["-p", "process.pid"]);
  checkout.write(".aos-setup.lock", dead.stdout.trim());
  const { code, stderr } = await setup(checkout);
  assert.equal(code, 0, stderr);
  assert.equal(installs(stderr), 1);
});

test("a failed install is told in one line and fails", async () => {
  using checkout = project();
  checkout.write("package.json", JSON.stringify({ name: "small", dependencies: { other: "1" } }));
  const { code, stderr } = await setup(checkout);
  assert.equal(code, 1);
  assert.match(stderr, /^setup: npm ci failed with exit code 1; its output is above$/m);
});
