import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { errorsDoc } from "../support/errors-doc.ts";

const FILE = "docs/errors.md";

test("docs/errors.md lists exactly the codes of the table, with their status, meaning and retryability", () => {
  if (process.env["AOS_UPDATE_DOCS"] === "1") writeFileSync(FILE, errorsDoc());
  assert.equal(readFileSync(FILE, "utf8"), errorsDoc());
});
