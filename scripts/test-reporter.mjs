// A node:test reporter that writes one JSON object: the counts, what failed, and what was skipped and why.

const WHY_LENGTH_MAX = 240;

/**
 * @typedef {object} Report
 * @property {number} passed
 * @property {number} failed counts what was cancelled, too
 * @property {{ name: string, file: string, why: string }[]} failures
 * @property {{ name: string, file: string, why: string }[]} skips
 */

/**
 * @param {AsyncIterable<import("node:test/reporters").TestEvent>} source
 * @returns {AsyncGenerator<string>}
 */
export default async function* report(source) {
  /** @type {Report} */
  const summary = { passed: 0, failed: 0, failures: [], skips: [] };
  for await (const event of source) {
    if (event.type === "test:fail" && !isParent(event.data.details.error)) {
      summary.failures.push(entry(event.data, cause(event.data.details.error)));
    }
    if (event.type === "test:pass" && event.data.skip !== undefined) {
      summary.skips.push(entry(event.data, String(event.data.skip)));
    }
    if (event.type === "test:summary" && event.data.file === undefined) {
      const { counts } = event.data;
      summary.passed = counts.passed;
      summary.failed = counts.tests - counts.passed - counts.skipped - counts.todo;
    }
  }
  yield JSON.stringify(summary);
}

/**
 * @param {{ name: string, file?: string | undefined }} data
 * @param {string} why
 */
function entry({ name, file }, why) {
  return { name, file: file ?? "", why };
}

/**
 * Whether a test failed only because one inside it did.
 * @param {Error} error
 */
function isParent(error) {
  return "failureType" in error && error.failureType === "subtestsFailed";
}

/**
 * The reason of a failure in one line.
 * @param {Error} error
 */
function cause(error) {
  const inner = error.cause instanceof Error ? error.cause : error;
  return inner.message.replaceAll(/\s+/g, " ").trim().slice(0, WHY_LENGTH_MAX);
}
