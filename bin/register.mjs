// Loaded before AOS: an agents file anywhere on the machine finds this copy of `aosjs`, and `zod` where it has none of its own.
import { readFileSync } from "node:fs";
import { createRequire, enableCompileCache, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";

const PRELOADED = "preload";
const manifestUrl = new URL("../package.json", import.meta.url);
/** @type {{ name: string, exports: Record<string, string | Record<string, string>> }} */
const manifest = JSON.parse(readFileSync(manifestUrl, "utf8"));

/**
 * Maps `aosjs` and `aosjs/*` to this copy through the package's own `exports`.
 * @param {{ isSource: boolean }} options whether to run `src` (by type stripping) rather than `dist`
 */
export function register({ isSource }) {
  // A fifth less time to start; NODE_DISABLE_COMPILE_CACHE=1 turns it off.
  enableCompileCache();
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const target = ownTarget(specifier, isSource);
      if (target !== undefined) return { url: target, shortCircuit: true };
      if (specifier !== "zod" && !specifier.startsWith("zod/")) {
        return nextResolve(specifier, context);
      }
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        if (context.conditions?.includes("require")) {
          const path = createRequire(manifestUrl).resolve(specifier);
          return { url: pathToFileURL(path).href, shortCircuit: true };
        }
        return nextResolve(specifier, { ...context, parentURL: manifestUrl.href });
      }
    },
  });
}

/**
 * Ends this process when the launcher that started it is gone, so that a killed launcher leaves no orphan that owns the data
 * folder. The channel never keeps the process alive.
 */
export function dieWithLauncher() {
  if (!isMainThread || process.channel === undefined) return;
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  process.channel.unref();
}

/**
 * @param {string} specifier
 * @param {boolean} isSource
 * @returns {string | undefined} a URL
 */
function ownTarget(specifier, isSource) {
  if (specifier !== manifest.name && !specifier.startsWith(`${manifest.name}/`)) return undefined;
  const entry = manifest.exports[`.${specifier.slice(manifest.name.length)}`];
  const path =
    typeof entry === "object" && isSource
      ? (entry["aosjs-source"] ?? entry["default"])
      : typeof entry === "object"
        ? entry["default"]
        : entry;
  return path === undefined ? undefined : new URL(path, manifestUrl).href;
}

/** @param {unknown} error */
function isNotFound(error) {
  return error instanceof Error && "code" in error && (error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND");
}

const query = new URL(import.meta.url).searchParams;
if (query.has(PRELOADED)) {
  register({ isSource: query.get(PRELOADED) === "src" });
  if (process.env["AOS_LAUNCHER"] === "1") dieWithLauncher();
}
