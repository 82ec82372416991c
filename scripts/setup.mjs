// Makes a checkout ready: `npm ci` where the packages do not match the lockfile, then a current `dist`.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, linkSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDistFresh } from "../bin/install.mjs";
import { build as buildDist } from "./build.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const lockfile = join(root, "package-lock.json");
const stamp = join(root, "node_modules/.aos-setup");
const lock = join(root, ".aos-setup.lock");
const LOCK_WAIT_MAX_MS = 10 * 60_000;
const LOCK_POLL_MS = 200;

/**
 * Installs and builds where needed; does nothing, quickly, where not. Everything it says goes to stderr.
 * @param {{ build?: boolean }} [options] `build: false` leaves `dist` as it is
 */
export async function setup({ build = true } = {}) {
  const reason = whyInstall();
  if (reason !== undefined && isBorrowed()) {
    console.error(`setup: left node_modules as it is, for it is a link elsewhere, though ${reason}`);
  } else if (reason !== undefined) {
    await withLock(async () => {
      // Another process may have installed while this one waited.
      const why = whyInstall();
      if (why === undefined) return;
      console.error(`setup: npm ci, because ${why}`);
      await install();
      writeFileSync(stamp, lockHash());
    });
  }
  if (!build || isDistFresh(root)) return;
  await withLock(async () => {
    const { problem } = buildDist({ ifStale: true });
    if (problem !== undefined) console.error(`setup: ${problem}`);
  });
}

/** Whether the packages belong to another checkout: npm would empty the folder behind the link. */
function isBorrowed() {
  return lstatSync(join(root, "node_modules"), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

/**
 * The reason to install, in words; undefined where the packages are complete and match the lockfile.
 * @returns {string | undefined}
 */
function whyInstall() {
  if (!existsSync(join(root, "node_modules"))) return "there is no node_modules";
  const wanted = packages(lockfile);
  const missing = Object.keys(wanted).find((path) => {
    if (path === "" || wanted[path]?.optional) return false;
    return !existsSync(join(root, path));
  });
  if (missing !== undefined) return `${missing} is missing`;
  if ("node_modules/node" in wanted && !existsSync(join(root, "node_modules/.bin/node"))) {
    return "the packaged Node is missing";
  }
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash()) return undefined;
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return "the last install did not finish";
  const found = packages(installed);
  const differs = Object.keys(wanted).find((path) => path !== "" && path in found && wanted[path]?.integrity !== found[path]?.integrity);
  const extra = Object.keys(found).find((path) => !(path in wanted));
  if (differs !== undefined || extra !== undefined) {
    return `package-lock.json changed (${differs ?? extra})`;
  }
  writeFileSync(stamp, lockHash());
  return undefined;
}

/**
 * @param {string} file a lockfile, or npm's record of what it installed
 * @returns {Record<string, { integrity?: string, optional?: boolean }>}
 */
function packages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
}

function lockHash() {
  return createHash("sha256").update(readFileSync(lockfile)).digest("hex");
}

/** Runs npm with its output on stderr, for stdout may be read by a machine. */
async function install() {
  const npm = process.env["npm_execpath"]?.endsWith("npm-cli.js")
    ? { file: process.execPath, first: [process.env["npm_execpath"]] }
    : { file: process.platform === "win32" ? "npm.cmd" : "npm", first: [] };
  const args = ["ci", "--include=dev", "--prefer-offline", "--no-audit", "--no-fund"];
  const child = spawn(npm.file, [...npm.first, ...args], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`setup: npm ci failed with exit code ${code}; its output is above`);
}

/**
 * Holds the lock of this checkout while `run` runs. A lock whose owner is dead is taken over.
 * @param {() => Promise<void>} run
 */
async function withLock(run) {
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    let owner = tryLock(mine);
    if (owner !== undefined) console.error(`setup: waiting for the set-up of process ${owner}`);
    for (let waited = 0; owner !== undefined; waited += LOCK_POLL_MS) {
      if (waited > LOCK_WAIT_MAX_MS) {
        throw new Error(`setup: process ${owner} has held ${lock} for too long; end it, or remove the file`);
      }
      await sleep(LOCK_POLL_MS);
      owner = tryLock(mine);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    await run();
  } finally {
    rmSync(lock, { force: true });
  }
}

/**
 * Linking a file that already names its owner is atomic: there is never a lock without an owner.
 * @param {string} mine
 * @returns {number | undefined} the process that holds the lock; undefined where this one does now
 */
function tryLock(mine) {
  try {
    linkSync(mine, lock);
    return undefined;
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  const owner = lockOwner();
  if (owner !== undefined && isAlive(owner)) return owner;
  if (owner !== undefined) removeLockOf(owner, `${mine}.stale`);
  return tryLock(mine);
}

/**
 * @param {number} owner a dead process
 * @param {string} stale where to move its lock
 */
function removeLockOf(owner, stale) {
  try {
    renameSync(lock, stale);
    // Another process was quicker, and what was moved away is its living lock: put it back.
    if (Number(readFileSync(stale, "utf8")) !== owner) linkSync(stale, lock);
  } catch (error) {
    if (!hasCode(error, "ENOENT") && !hasCode(error, "EEXIST")) throw error;
  } finally {
    rmSync(stale, { force: true });
  }
}

/** @returns {number | undefined} undefined where the lock was released meanwhile */
function lockOwner() {
  try {
    return Number(readFileSync(lock, "utf8"));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function hasCode(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
