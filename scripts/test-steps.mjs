// The steps of `npm test`, in order, with the seconds that each may use on two cores; 600 in all.

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {number} budgetSeconds
 * @property {readonly string[]} [tool] a command of `node_modules/.bin` with its arguments
 * @property {string} [advice] what mends a failure of the tool
 * @property {readonly string[]} [files] globs of node:test files
 * @property {boolean} [isShared] whether the files run in one process: quick, for tests that touch nothing global
 * @property {boolean} [mayBeEmpty] whether there need not be a file yet
 */

/** @type {readonly Step[]} */
export const STEPS = [
  { name: "types", budgetSeconds: 20, tool: ["tsc"] },
  { name: "lint", budgetSeconds: 15, tool: ["oxlint", "--format=unix"] },
  { name: "format", budgetSeconds: 5, tool: ["oxfmt", "--check"], advice: "npm run format" },
  { name: "dead-code", budgetSeconds: 10, tool: ["knip"] },
  {
    name: "architecture",
    budgetSeconds: 5,
    files: ["test/architecture.test.ts"],
    isShared: true,
  },
  {
    name: "unit",
    budgetSeconds: 90,
    files: ["src/**/*.test.ts", "bench/**/*.test.ts", "examples/**/*.test.ts"],
  },
  {
    name: "conformance",
    budgetSeconds: 20,
    files: ["test/conformance/**/*.test.ts"],
  },
  { name: "postgres", budgetSeconds: 40, files: ["test/postgres/**/*.test.ts"] },
  { name: "storage", budgetSeconds: 25, files: ["test/storage/**/*.test.ts"] },
  {
    // Fresh seeds of the simulator, and the bugs that are planted for it to find.
    name: "simulation",
    budgetSeconds: 80,
    files: ["test/simulation/**/*.test.ts"],
  },
  { name: "crash", budgetSeconds: 90, files: ["test/crash/**/*.test.ts"] },
  // The reference workload under system calls that kill and fail, and a disk that forgets.
  { name: "laboratory", budgetSeconds: 100, files: ["test/laboratory/**/*.test.ts"] },
  { name: "end-to-end", budgetSeconds: 75, files: ["test/end-to-end/**/*.test.ts"] },
  { name: "docs", budgetSeconds: 25, files: ["test/docs/**/*.test.ts"] },
];
