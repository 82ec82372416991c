/** The store for PostgreSQL keeps the contract of `Store` on a real server. */
import { PostgresStore } from "../../src/adapters/postgres/index.ts";
import { storeConformance } from "../../src/testing/index.ts";
import { testDatabase } from "../support/postgres-server.ts";

storeConformance(async () => {
  const database = await testDatabase();
  return {
    store: new PostgresStore({ url: database.url }),
    reopen: async () => new PostgresStore({ url: database.url }),
    close: async () => database.drop(),
  };
}, "PostgreSQL");
