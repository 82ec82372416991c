import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "./connection.ts";
import { IdleCheckpoint } from "./idle-checkpoint.ts";

test("a long log is emptied once nothing is written any more, and a short one is left", async () => {
  const dir = mkdtempSync(join(tmpdir(), "aos-idle-"));
  const path = join(dir, "aos.db");
  const db = connect({ path });
  const faults: unknown[] = [];
  const idle = new IdleCheckpoint(db, path, (thrown) => faults.push(thrown), {
    idleMs: 5,
    logBytes: 40_000,
  });
  const size = (): number => statSync(`${path}-wal`).size;
  try {
    db.exec("CREATE TABLE t (x)");
    idle.written();
    await sleep(50);
    assert.ok(size() > 0);
    db.prepare("INSERT INTO t VALUES (?)").run("x".repeat(60_000));
    idle.written();
    for (let tries = 0; size() > 0 && tries < 1_000; tries++) await sleep(5);
    assert.equal(size(), 0);
    assert.deepEqual(faults, []);
  } finally {
    idle.stop();
    db.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
