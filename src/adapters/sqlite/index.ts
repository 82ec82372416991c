/**
 * The embedded store: the kernel's `Store` port on Node's own SQLite, and the lock that makes one process the owner of
 * a data folder. In flow units of writing and reads; out flow rows, once they are durable. Nothing else imports
 * `node:sqlite`. It never decides what a unit means, never reads a clock, and never acknowledges what was not synced.
 */
export type { BackupManifest } from "./backup/manifest.ts";
export { unpackBackup } from "./backup/unpacking.ts";
export { type BackupOptions, type BackupProgress, partialPath, syncFolder } from "./backup/writing.ts";
export { type Lock, lockedBy, lockFolder } from "./lock.ts";
export { memoryDatabase } from "./connection.ts";
export { SqliteStore, type SqliteStoreOptions, type StoreNotice } from "./sqlite-store.ts";
export { peekSchema, SCHEMA_VERSION } from "./schema.ts";
