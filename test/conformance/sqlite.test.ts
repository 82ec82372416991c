/** The embedded store keeps the contract of `Store`, in memory and on disk. */
import { SqliteStore } from "../../src/adapters/sqlite/index.ts";
import { storeConformance } from "../../src/testing/index.ts";
import { onDisk } from "./support/on-disk.ts";

storeConformance(
  async () => ({
    store: new SqliteStore({ path: ":memory:" }),
    reopen: async () => new SqliteStore({ path: ":memory:" }),
    close: async () => undefined,
  }),
  "SQLite in memory",
  "in memory",
);

storeConformance(() => onDisk((path) => new SqliteStore({ path })), "SQLite on disk");
