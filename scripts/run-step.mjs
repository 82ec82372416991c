// Runs one step of `npm test`: a tool, or node:test files whose report it reads.
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** @import { Report } from "./test-reporter.mjs" */
/** @import { Step } from "./test-steps.mjs" */
/**
 * @typedef {object} StepResult
 * @property {number} passed
 * @property {number} failed
 * @property {Report["skips"]} skips
 * @property {string} why the first failure in one line
 * @property {string} output everything the step printed
 * @property {number} seconds
 */
/** @typedef {{ status: number | null, output: string, seconds: number, isKilled: boolean }} Ran */

/** A step that takes this many times its budget hangs: it is ended. */
const HANG_FACTOR = 3;
/** @type {number | undefined} */
let running;

/**
 * Runs a step.
 * @param {Step} step
 * @param {number} budgetSeconds
 * @returns {Promise<StepResult>}
 */
export async function runStep(step, budgetSeconds) {
  if (step.tool !== undefined) return toolResult(await run(step.tool, budgetSeconds), step.advice);
  const files = globSync(step.files ?? []).toSorted();
  if (files.length === 0) {
    const failed = step.mayBeEmpty ? 0 : 1;
    return { passed: 0, failed, skips: [], why: "it has no test files", output: "", seconds: 0 };
  }
  const folder = mkdtempSync(join(tmpdir(), "aos-test-"));
  try {
    const file = join(folder, "report.json");
    const ran = await run(testCommand(step, files, file), budgetSeconds);
    return testResult(ran, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends the step that runs, with all its processes. */
export function stopStep() {
  if (running !== undefined) process.kill(-running, "SIGKILL");
}

/**
 * @param {Step} step
 * @param {readonly string[]} files
 * @param {string} report
 */
function testCommand(step, files, report) {
  return [
    "node",
    "--test",
    "--conditions=aosjs-source",
    ...(step.isShared ? ["--test-isolation=none"] : ["--test-concurrency=2"]),
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=./scripts/test-reporter.mjs",
    `--test-reporter-destination=${report}`,
    ...files,
  ];
}

/**
 * @param {readonly string[]} command
 * @param {number} budgetSeconds
 * @returns {Promise<Ran>}
 */
function run([file = "", ...args], budgetSeconds) {
  const begun = performance.now();
  const path = `${join(process.cwd(), "node_modules/.bin")}${delimiter}${process.env["PATH"]}`;
  // A group of its own, so that a step that hangs ends with everything it started.
  const child = spawn(file, args, {
    detached: true,
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child.pid;
  let output = "";
  let isKilled = false;
  const timer = setTimeout(
    () => {
      isKilled = true;
      stopStep();
    },
    budgetSeconds * HANG_FACTOR * 1000,
  );
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => (output += text));
  }
  return new Promise((resolve) => {
    /** @param {number | null} status */
    const end = (status) => {
      clearTimeout(timer);
      running = undefined;
      // Some tools colour their output under CI, though nothing here is a terminal.
      output = stripVTControlCharacters(output);
      resolve({ status, output, seconds: (performance.now() - begun) / 1000, isKilled });
    };
    child.once("error", (error) => {
      output += error.message;
      end(1);
    });
    child.once("close", end);
  });
}

/**
 * @param {Ran} ran
 * @param {string} [advice]
 * @returns {StepResult}
 */
function toolResult(ran, advice) {
  const isGood = ran.status === 0;
  const lines = ran.output.split("\n").filter((line) => line.trim() !== "");
  // Tools put the fault first, some below a heading that names no file.
  const first = lines.find((line) => /\.[cm]?[jt]s|\.json|\.md/.test(line)) ?? lines[0];
  const told = (first ?? "it said nothing").trim();
  return {
    passed: isGood ? 1 : 0,
    failed: isGood ? 0 : 1,
    skips: [],
    why: ran.isKilled ? `ended after ${ran.seconds.toFixed(0)} s` : `${told}${advice === undefined ? "" : `; run \`${advice}\``}`,
    output: ran.output,
    seconds: ran.seconds,
  };
}

/**
 * @param {Ran} ran
 * @param {string} file
 * @returns {StepResult}
 */
function testResult(ran, file) {
  const report = readReport(file);
  const lines = ran.output.split("\n").filter((line) => line.trim() !== "");
  const first = report.failures[0];
  const told =
    first === undefined
      ? (lines.at(-1) ?? "the test runner said nothing")
      : `"${first.name}" [${relative(process.cwd(), first.file)}]: ${first.why}`;
  const isGood = ran.status === 0 && report.failed === 0;
  return {
    passed: report.passed,
    failed: isGood ? 0 : Math.max(1, report.failed),
    skips: report.skips.map((skip) => ({ ...skip, file: relative(process.cwd(), skip.file) })),
    why: ran.isKilled ? `ended after ${ran.seconds.toFixed(0)} s, for it hung; ${told}` : told,
    output: ran.output,
    seconds: ran.seconds,
  };
}

/**
 * @param {string} file
 * @returns {Report}
 */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // The runner died before it wrote one: its exit status says so.
    return { passed: 0, failed: 1, failures: [], skips: [] };
  }
}
