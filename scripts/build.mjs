// Builds `dist` from `src` beside the old one and swaps it in, so that no one ever sees half a build.
// `--if-stale` (npm's `prepare`): only where the sources changed, and type errors are left to `npm test`.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtStamp, isDistFresh } from "../bin/install.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Builds `dist`.
 * @param {{ ifStale?: boolean }} [options]
 * @returns {{ problem?: string, output?: string }} the problem in one line, where there is one; `dist` is new all the same if
 * the compiler could write it
 */
export function build({ ifStale = false } = {}) {
  if (!existsSync(join(root, "src/index.ts"))) return { problem: "dist not built: no src/index.ts" };
  if (ifStale && isDistFresh(root)) return {};
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  if (!existsSync(compiler)) return { problem: "dist not built: typescript is not installed" };
  const next = join(root, `dist.${process.pid}`);
  const old = join(root, `dist.${process.pid}.old`);
  const begun = new Date();
  try {
    const result = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", next], { cwd: root, encoding: "utf8" });
    const output = `${result.stdout}${result.stderr}`;
    if (!existsSync(join(next, "index.js"))) {
      return { problem: `dist not built: ${firstLine(output)}`, output };
    }
    cpSync(join(root, "src"), next, { recursive: true, filter: (path) => !path.endsWith(".ts") });
    writeFileSync(join(next, ".built"), "");
    if (existsSync(join(root, "dist"))) renameSync(join(root, "dist"), old);
    renameSync(next, join(root, "dist"));
    utimesSync(builtStamp(root), begun, begun);
    return result.status === 0 ? {} : { problem: `type errors: ${firstLine(output)}`, output };
  } finally {
    rmSync(next, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

/** @param {string} output */
function firstLine(output) {
  return output.trim().split("\n")[0] ?? "";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const ifStale = process.argv.includes("--if-stale");
  const { problem, output } = build({ ifStale });
  if (problem !== undefined) {
    if (!ifStale && output !== undefined) console.error(output.trimEnd());
    console.error(`build: ${problem}`);
    if (!ifStale) process.exitCode = 1;
  }
}
