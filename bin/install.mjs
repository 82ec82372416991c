// What kind of copy of AOS this is, whether its build is current, and which Node runs it.
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const NEEDED = 24;

/** The running Node, measured against the one AOS needs. */
export const ownNode = {
  needed: NEEDED,
  isEnough: Number(process.versions.node.split(".")[0]) >= NEEDED,
};

/**
 * Whether the copy is a repository rather than an installed package: only a repository has the scripts.
 * @param {string} root
 */
export function isCheckout(root) {
  return existsSync(join(root, "scripts/setup.mjs"));
}

/**
 * The Node that runs AOS: this one where it is recent enough, or else the npm package `node`; undefined where neither is.
 * @param {string} root
 * @returns {string | undefined}
 */
export function nodePath(root) {
  if (ownNode.isEnough) return process.execPath;
  try {
    const manifest = createRequire(join(root, "package.json")).resolve("node/package.json");
    const path = join(dirname(manifest), "bin", process.platform === "win32" ? "node.exe" : "node");
    return existsSync(path) ? path : undefined;
  } catch {
    // Not installed: the caller says what to do.
    return undefined;
  }
}

/**
 * Whether `dist` was built after the last change in `src`. Folders count too, so that a removed file is noticed; tests do not.
 * @param {string} root
 */
export function isDistFresh(root) {
  const stamp = statSync(builtStamp(root), { throwIfNoEntry: false });
  return stamp !== undefined && stamp.mtimeMs > lastChange(join(root, "src"));
}

/**
 * The file whose time says when the build in `dist` was begun.
 * @param {string} root
 */
export function builtStamp(root) {
  return join(root, "dist/.built");
}

/**
 * @param {string} folder
 * @returns {number} epoch ms
 */
function lastChange(folder) {
  let last = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) last = Math.max(last, lastChange(path));
    else if (!entry.name.endsWith(".test.ts")) last = Math.max(last, statSync(path).mtimeMs);
  }
  return last;
}
