import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { durationMs, readAddress, readDuration, readInteger, readJson } from "./arguments.ts";

const noStdin = { read: () => Promise.reject(new Error("stdin was read")) };

test("an address is TYPE/ID, with a tenant in front where one is named", () => {
  assert.equal(readAddress("cfo/main"), "cfo/main");
  assert.equal(readAddress("acme/cfo/main"), "acme/cfo/main");
  for (const wrong of ["cfo", "Cfo/main", "cfo/", "/main", "a/b/c/d", "cfo/ma in"]) {
    assert.throws(() => readAddress(wrong), { code: "USAGE" }, wrong);
  }
});

test("a whole number outside its range is refused", () => {
  const read = readInteger("--priority", 0, 9);
  assert.equal(read("9"), 9);
  for (const wrong of ["10", "-1", "1.5", "", "x"]) assert.throws(() => read(wrong), { code: "USAGE" });
});

test("a duration stays as it is written and has a length", () => {
  assert.equal(readDuration("1h30m"), "1h30m");
  assert.equal(durationMs("1h30m"), 5_400_000);
  assert.equal(durationMs("250ms"), 250);
  for (const wrong of ["5", "5 m", "m", "-5m", ""]) assert.throws(() => readDuration(wrong), { code: "USAGE" });
});

test("a JSON argument is text, a file or stdin", async () => {
  assert.deepEqual(await readJson('{"a":1}', "DATA", noStdin), { a: 1 });
  assert.equal(await readJson(undefined, "DATA", noStdin), undefined);
  assert.deepEqual(await readJson("-", "DATA", { read: () => Promise.resolve("[2]") }), [2]);
  const folder = mkdtempSync(join(tmpdir(), "aos-cli-"));
  try {
    writeFileSync(join(folder, "data.json"), '{"b":2}\n');
    assert.deepEqual(await readJson(`@${join(folder, "data.json")}`, "DATA", noStdin), { b: 2 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is not JSON is refused with its position", async () => {
  await assert.rejects(readJson("{a:1}", "DATA", noStdin), {
    code: "USAGE",
    message: 'DATA is not JSON: unexpected "a" at position 1',
  });
  await assert.rejects(readJson('{\n "a": 1,\n}', "DATA", noStdin), /position 11 \(line 3, column 1\)/);
  await assert.rejects(readJson("[1", "DATA", noStdin), /it ends too early at position 2/);
  await assert.rejects(readJson("@/no/such/file.json", "DATA", noStdin), { code: "USAGE" });
});
