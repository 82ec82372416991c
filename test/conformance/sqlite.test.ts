/** The embedded store keeps the contract of `Store`, in memory and on disk. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "../../src/adapters/sqlite/index.ts";
import { storeConformance } from "../../src/testing/index.ts";

storeConformance(
  async () => ({
    store: new SqliteStore({ path: ":memory:" }),
    reopen: async () => new SqliteStore({ path: ":memory:" }),
    close: async () => undefined,
  }),
  "SQLite in memory",
  "in memory",
);

storeConformance(async () => {
  const dir = mkdtempSync(join(tmpdir(), "aos-conformance-"));
  const path = join(dir, "aos.db");
  return {
    store: new SqliteStore({ path }),
    reopen: async () => new SqliteStore({ path }),
    close: async () => rmSync(dir, { recursive: true, force: true }),
  };
}, "SQLite on disk");
