/** Simulates one seed in a process of its own and prints the hash: for comparing two processes. */
import { simulateKernel } from "../../../src/testing/index.ts";

const [seed = "1", steps = "300"] = process.argv.slice(2);
const { hash, violation } = await simulateKernel({ seed: Number(seed), steps: Number(steps) });
console.log(violation === undefined ? hash : `${violation.invariant}: ${violation.message}`);
