// Preloaded: replaces text of sources as they are loaded. AOS_PATCHES is a list of {file, from, to}; whatever does not apply ends
// the process, so that a patch cannot outlive the code that it is for.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/** @typedef {{ readonly file: string, readonly from: string, readonly to: string }} Patch */

const root = new URL("../../../", import.meta.url);
/** @type {readonly Patch[]} */
const patches = JSON.parse(process.env["AOS_PATCHES"] ?? "[]");
/** @type {Set<Patch>} */
const applied = new Set();

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const own = patches.filter(({ file }) => url === new URL(file, root).href);
    if (own.length === 0) return loaded;
    let source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source ?? undefined);
    for (const patch of own) {
      const times = source.split(patch.from).length - 1;
      if (times !== 1) fail(`${fileURLToPath(url)} holds what is to be replaced ${times} times:\n${patch.from}`);
      source = source.replace(patch.from, () => patch.to);
      applied.add(patch);
    }
    return { ...loaded, source };
  },
});

process.on("exit", () => {
  const missing = patches.filter((patch) => !applied.has(patch));
  if (missing.length > 0) fail(`${missing.map(({ file }) => file).join(", ")} was never loaded`);
});

/** @param {string} why */
function fail(why) {
  console.error(`PATCH ${why}`);
  process.exit(70);
}
