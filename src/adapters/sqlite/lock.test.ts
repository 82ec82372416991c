import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockFolder } from "./index.ts";

const HOLD = `
  const { lockFolder } = await import(process.argv[1]);
  await lockFolder(process.argv[2]);
  console.log("locked");
  setInterval(() => {}, 1000);`;

test("a folder has one owner at a time, named to whoever comes second, and is free when the owner dies", async () => {
  const dir = mkdtempSync(join(tmpdir(), "aos-lock-"));
  const owner = spawn(process.execPath, ["--input-type=module", "-e", HOLD, new URL("lock.ts", import.meta.url).href, dir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(owner.stdout, "data");
    await assert.rejects(lockFolder(dir), {
      code: "DATA_LOCKED",
      details: { pid: owner.pid, dir },
    });
    owner.kill("SIGKILL");
    using lock = await lockFolder(dir);
    assert.match(readFileSync(join(dir, "owner.json"), "utf8"), new RegExp(`${process.pid}`));
    lock.release();
  } finally {
    owner.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  }
});

test("a released folder can be taken again, whatever its owner file says", async () => {
  const dir = mkdtempSync(join(tmpdir(), "aos-lock-"));
  try {
    const first = await lockFolder(dir);
    first.release();
    first.release();
    writeFileSync(join(dir, "owner.json"), "half of a");
    const second = await lockFolder(dir);
    await assert.rejects(lockFolder(dir, 0), { code: "DATA_LOCKED" });
    second.release();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
