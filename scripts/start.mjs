// What `npm start` runs: set-up, then the boardroom, until it is stopped.
import { fileURLToPath } from "node:url";
import { setup } from "./setup.mjs";

const UP = ["up", "--dir", ".aos-boardroom", "--agents", "examples/boardroom/agents.ts"];

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
try {
  await setup();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
// In this process: one launcher less between the terminal and AOS.
process.argv.splice(1, 1, fileURLToPath(new URL("../bin/aos.js", import.meta.url)), ...UP);
await import("../bin/aos.js");
