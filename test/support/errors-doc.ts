/** Renders the table of error codes as `docs/errors.md` shows it. */
import { ERROR_CODES } from "../../src/kernel/errors.ts";

const HEAD = `# Errors

Every error that AOS answers with has a code of this table: over HTTP in the field \`code\` of an RFC 9457 problem document, on the
command line in its message and exit code, in TypeScript as \`AosError.code\`. A code is never reused for another meaning.
*Again?* says whether the same call may succeed later; one occurrence may say otherwise in its \`retryable\` field.

The table is written from \`src/kernel/errors.ts\` by \`AOS_UPDATE_DOCS=1 npm test -- --only docs\`; a test holds the two equal.

| Code | HTTP | Again? | Meaning |
| --- | --- | --- | --- |
`;

/** The text of `docs/errors.md`. */
export function errorsDoc(): string {
  const rows = Object.entries(ERROR_CODES)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { status, retryable, meaning }]) =>
        `| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} | ${meaning.replaceAll("|", "\\|")} |\n`,
    );
  return HEAD + rows.join("");
}
