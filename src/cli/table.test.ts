import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "./table.ts";

test("columns are aligned, and what is absent is a dash", () => {
  const rows = [
    { name: "a", count: 1 },
    { name: "longer", count: undefined },
  ];
  assert.deepEqual(
    table(rows, [
      ["NAME", ({ name }) => name],
      ["COUNT", ({ count }) => count],
    ]),
    ["NAME    COUNT", "a       1", "longer  -"],
  );
});

test("control characters in data cannot move the terminal's cursor", () => {
  const [, line] = table([{ name: "evil\u001b[2Jname\r\n" }], [["NAME", ({ name }) => name]]);
  assert.equal(line, "evil [2Jname");
});
