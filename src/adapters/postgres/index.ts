/**
 * The store for PostgreSQL: the kernel's `Store` port over the npm package `pg`, which only who uses it installs. In
 * flow units of writing and reads; out flow rows, once the server has synced them. Nothing else imports `pg`. It never
 * decides what a unit means, never acknowledges what was not committed, and never writes once another owner took the
 * data over.
 */
export { PostgresStore, type PostgresStoreOptions } from "./postgres-store.ts";
