// What `npm run bench` runs: set-up, then `bench/main.ts` under the packaged Node, with the arguments given.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nodePath } from "../bin/install.mjs";
import { SERVER_FLAGS } from "../bin/launch.mjs";
import { setup } from "./setup.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

await setup();
const node = nodePath(root) ?? process.execPath;
const child = spawn(node, [...SERVER_FLAGS, "--expose-gc", "bench/main.ts", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
child.once("close", (code) => {
  process.exitCode = code ?? 1;
});
