import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { need, withTmpfs } from "../support/capabilities.ts";
import { run } from "../support/checkout.ts";

test("a size-limited mount is really full, and is seen only by what runs in it", { skip: need("tmpfs") }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "aos-full-"));
  try {
    const fill = `
      try { require("node:fs").writeFileSync(process.argv[1], Buffer.alloc(2 ** 21)); }
      catch (error) { console.log(error.code); }
    `;
    const [command = "", ...args] = withTmpfs(folder, 1);
    const inside = await run(command, [...args, process.execPath, "-e", fill, join(folder, "big")]);
    assert.equal(inside.stdout, "ENOSPC\n", inside.stderr);
    const outside = await run(process.execPath, ["-e", fill, join(folder, "big")]);
    assert.equal(outside.stdout, "", outside.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
