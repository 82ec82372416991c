// Runs the steps of `npm test` one after the other, later ones though an earlier one failed.
//   --only unit,crash   only these steps        --long   the full counts (AOS_TEST_SCALE=full), with ten times the budget
// The last line is `N passed, N failed`: tests, and one for each step that is a tool. Exit code 1 where anything failed.
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CAPABILITIES_ENV, probeAll, required, skipReason } from "../test/support/capabilities.ts";
import { runStep, stopStep } from "./run-step.mjs";
import { STEPS } from "./test-steps.mjs";

/** @import { Capability } from "../test/support/capabilities.ts" */
/** @import { StepResult } from "./run-step.mjs" */

const LONG_FACTOR = 10;
const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

const { values } = parseArgs({
  options: { only: { type: "string" }, long: { type: "boolean", default: false } },
});
if (values.long) process.env["AOS_TEST_SCALE"] = "full";
const factor = process.env["AOS_TEST_SCALE"] === "full" ? LONG_FACTOR : 1;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    stopStep();
    process.exit(1);
  });
}

const capabilities = probeAll();
process.env[CAPABILITIES_ENV] = JSON.stringify(capabilities);
const problems = [...unclaimed(), ...requiredButMissing(capabilities)];
for (const problem of problems) console.log(`FAILED set-up: ${problem}`);

let passed = 0;
let failed = problems.length;
/** @type {StepResult["skips"]} */
const skips = [];
for (const step of chosenSteps()) {
  const budget = step.budgetSeconds * factor;
  process.stdout.write(`${step.name.padEnd(13)} budget ${`${budget} s`.padStart(6)}   `);
  const result = await runStep(step, budget);
  passed += result.passed;
  failed += result.failed;
  skips.push(...result.skips);
  const over = result.seconds > budget ? "   OVER BUDGET" : "";
  const skipped = result.skips.length === 0 ? "" : `, ${result.skips.length} skipped`;
  console.log(`used ${result.seconds.toFixed(1).padStart(6)} s   ${result.passed} passed, ${result.failed} failed${skipped}${over}`);
  if (result.failed > 0) {
    console.log(`${result.output.trimEnd()}\nFAILED ${step.name}: ${result.why}`);
  }
}
failed += reportSkips();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function chosenSteps() {
  if (values.only === undefined) return STEPS;
  const names = values.only.split(",");
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`no step is called ${unknown.join(", ")}; there are ${STEPS.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  return STEPS.filter(({ name }) => names.includes(name));
}

/** Test files that no step would run. */
function unclaimed() {
  const claimed = new Set(STEPS.flatMap(({ files }) => globSync(files ?? [])));
  const all = globSync(["{src,test,bench,examples,scripts,bin}/**/*.test.*"]);
  return all.filter((file) => !claimed.has(file)).map((file) => `no step of scripts/test-steps.mjs runs ${file}`);
}

/** @param {readonly Capability[]} table */
function requiredButMissing(table) {
  return required().flatMap((name) => {
    const found = table.find((capability) => capability.name === name);
    if (found === undefined) return [`AOS_REQUIRE names ${name}, which no capability is called`];
    return found.missing === null ? [] : [`AOS_REQUIRE names ${name}, but it is missing: ${found.missing}`];
  });
}

/** Prints the capability table and every skip; returns how many skips count as failures. */
function reportSkips() {
  console.log("\ncapability    here   used for");
  for (const { name, purpose, missing } of capabilities) {
    const tests = skips.filter(({ why }) => why === skipReason(name, missing)).length;
    const here = missing === null ? "yes" : "NO ";
    const note = missing === null ? "" : `   (${missing}; ${tests} tests skipped)`;
    console.log(`${name.padEnd(13)} ${here}    ${purpose}${note}`);
  }
  for (const { name, file, why } of skips) console.log(`skipped: ${name} [${file}]: ${why}`);
  const isStrict = process.env["CI"] !== undefined || process.env["AOS_REQUIRE"] !== undefined;
  const unexpected = skips.filter(({ why }) => !capabilities.some(({ name, missing }) => why === skipReason(name, missing)));
  if (!isStrict) return 0;
  for (const { name, file } of unexpected) {
    console.log(`FAILED skip: "${name}" [${file}] was skipped for a reason that is no capability`);
  }
  return unexpected.length;
}
