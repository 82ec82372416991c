import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { FINDING_CODES } from "../../src/kernel/health/findings.ts";

const FILE = "docs/operations.md";
const TABLE = /(?<=<!-- findings -->\n)[\s\S]*?(?=<!-- \/findings -->)/;

function table(): string {
  const rows = Object.entries(FINDING_CODES).map(([code, { meaning, mend }]) => `| \`${code}\` | ${meaning} | \`${mend}\` |\n`);
  return `| Code | Meaning | Mended by |\n| --- | --- | --- |\n${rows.toSorted().join("")}`;
}

test("docs/operations.md lists exactly the codes that the doctor finds, with what mends each", () => {
  const page = readFileSync(FILE, "utf8");
  if (process.env["AOS_UPDATE_DOCS"] === "1") writeFileSync(FILE, page.replace(TABLE, table()));
  assert.equal(TABLE.exec(readFileSync(FILE, "utf8"))?.[0], table());
});
