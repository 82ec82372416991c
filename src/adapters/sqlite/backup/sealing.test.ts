import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { connect } from "../connection.ts";
import { prepareSchema, SCHEMA_VERSION } from "../schema.ts";
import { readManifest } from "./manifest.ts";
import { seal } from "./sealing.ts";
import { unpackBackup } from "./unpacking.ts";

/** A sealed copy of a new database, after a change to it. */
function sealed(t: TestContext, change = ""): { readonly path: string; readonly to: string } {
  const dir = mkdtempSync(join(tmpdir(), "aos-sealed-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "copy");
  const db = connect({ path });
  prepareSchema(db, path);
  db.exec(`INSERT INTO facts VALUES ('incarnation', '{"id":"one"}'); ${change}`);
  db.close();
  seal({ path, version: "1.2.3", at: "2026-01-01T00:00:00.000Z" });
  return { path, to: join(dir, "to") };
}

test("a sealed copy says what it is, and is a database still", (t) => {
  const { path, to } = sealed(t);
  const manifest = unpackBackup(path, to);
  assert.deepEqual(manifest, readManifest(path));
  assert.deepEqual(
    [manifest.version, manifest.schema, manifest.incarnation, manifest.counts["facts"]],
    ["1.2.3", SCHEMA_VERSION, "one", 1],
  );
  assert.equal(readFileSync(to).length, manifest.bytes);
  using db = new DatabaseSync(path, { readOnly: true });
  assert.equal(db.prepare("SELECT count(*) AS number FROM facts").get()?.["number"], 1);
});

test("a backup of a newer schema is refused before anything of it is written", (t) => {
  const { path, to } = sealed(t, "PRAGMA user_version = 999");
  assert.throws(() => unpackBackup(path, to), { code: "DATA_TOO_NEW" });
  assert.equal(existsSync(to), false);
});

test("a manifest that does not tell what its database holds is refused, whatever its digest", (t) => {
  for (const [from, into] of [
    ['"facts":1', '"facts":2'],
    [`"schema":${SCHEMA_VERSION}`, '"schema":0'],
    ['"format":1', '"format":2'],
  ] as const) {
    const { path, to } = sealed(t);
    writeFileSync(path, readFileSync(path).toString("latin1").replace(from, into), "latin1");
    assert.throws(() => unpackBackup(path, to), { code: "BACKUP_INVALID" }, into);
    assert.equal(existsSync(to), false);
  }
});

test("a copy that is not sound gets no manifest", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "aos-sealed-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { path } = sealed(t);
  const bytes = readFileSync(path).subarray(0, readManifest(path).bytes);
  bytes.fill(0xa5, 4_096, 8_192);
  const broken = join(dir, "broken");
  writeFileSync(broken, bytes);
  assert.throws(() => seal({ path: broken, version: "1", at: "now" }));
  assert.throws(() => readManifest(broken), { code: "BACKUP_INVALID" });
});
