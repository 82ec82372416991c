import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compact } from "./compaction.ts";
import { connect } from "./connection.ts";

const PAGE = 4_096;

test("free pages go back to the disk step by step, down to what is left for the next writes", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "aos-compact-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const db = connect({ path: join(dir, "a.db") });
  t.after(() => db.close());
  const pages = (): number => Number(db.prepare("PRAGMA page_count").get()?.["page_count"]);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB); BEGIN");
  const insert = db.prepare("INSERT INTO t VALUES (?, zeroblob(?))");
  for (let id = 0; id < 12_000; id++) insert.run(id, PAGE - 200);
  db.exec("COMMIT");
  const full = pages();
  assert.equal(compact(db), false);
  db.exec("DELETE FROM t WHERE id >= 100");
  assert.equal(compact(db), true);
  assert.equal(pages(), full - 256);
  while (compact(db));
  assert.ok(pages() < 8_192 + 400, String(pages()));
  assert.equal(db.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
});
