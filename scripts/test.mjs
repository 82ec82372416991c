// What `npm test` runs under any Node from 20: set-up, then `run-tests.mjs` under the packaged Node.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nodePath, ownNode } from "../bin/install.mjs";
import { setup } from "./setup.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * @param {string} why
 * @returns {never}
 */
function fail(why) {
  console.error(`FAILED set-up: ${why}`);
  console.log("0 passed, 1 failed");
  process.exit(1);
}

await setup().catch((error) => fail(error instanceof Error ? error.message : String(error)));
if (ownNode.isEnough) {
  await import("./run-tests.mjs");
} else {
  const script = fileURLToPath(new URL("./run-tests.mjs", import.meta.url));
  const node = nodePath(root) ?? fail("the packaged Node is missing; remove node_modules");
  const child = spawn(node, [script, ...process.argv.slice(2)], { stdio: "inherit" });
  /** @type {readonly NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM"];
  for (const signal of signals) process.on(signal, () => child.kill("SIGTERM"));
  child.once("close", (code) => {
    process.exitCode = code ?? 1;
  });
}
