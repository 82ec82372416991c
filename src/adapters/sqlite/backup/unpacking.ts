import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { AosError } from "../../../kernel/index.ts";
import { isFull, storeError } from "../faults.ts";
import { SCHEMA_VERSION } from "../schema.ts";
import { type BackupManifest, invalid, readManifest } from "./manifest.ts";
import { digest, examineCopy } from "./sealing.ts";

/**
 * Writes the database of a backup to a new file, after its digest, its own rules and its counts were found in order.
 * @throws AosError NOT_FOUND, BACKUP_INVALID, DATA_TOO_NEW, DISK_FULL, STORE_FAILED; then the file is gone again.
 */
export function unpackBackup(
  file: string,
  to: string,
  onProgress: (done: number, total: number) => void = () => undefined,
): BackupManifest {
  const manifest = readManifest(file);
  if (manifest.schema > SCHEMA_VERSION) {
    throw new AosError(
      "DATA_TOO_NEW",
      `${file} has schema version ${manifest.schema}, and this AOS knows versions up to ${SCHEMA_VERSION}`,
      {
        details: { found: manifest.schema, supported: SCHEMA_VERSION },
      },
    );
  }
  try {
    copy(file, to, manifest, onProgress);
    examine(file, to, manifest);
    return manifest;
  } catch (thrown) {
    rmSync(to, { force: true });
    if (isFull(thrown)) throw new AosError("DISK_FULL", `no space is left for ${to}: free some; nothing was restored`, { cause: thrown });
    throw storeError(thrown, `restoring ${file}`);
  }
}

function copy(file: string, to: string, { bytes, sha256 }: BackupManifest, onProgress: (done: number, total: number) => void): void {
  const target = openSync(to, "wx", 0o600);
  try {
    let done = 0;
    const found = digest(file, bytes, (piece) => {
      for (let at = 0; at < piece.length;) at += writeSync(target, piece, at);
      done += piece.length;
      onProgress(done, bytes);
    });
    if (found !== sha256) throw invalid(file, "its bytes do not have the digest of its manifest");
    fsyncSync(target);
  } finally {
    closeSync(target);
  }
}

function examine(file: string, to: string, manifest: BackupManifest): void {
  const db = new DatabaseSync(to);
  try {
    const { counts, schema } = examineCopy(db);
    if (schema !== manifest.schema) throw invalid(file, `its schema has version ${schema}, and its manifest says ${manifest.schema}`);
    for (const [table, count] of Object.entries(manifest.counts)) {
      if (counts[table] !== count) throw invalid(file, `it holds ${counts[table] ?? 0} rows of ${table}, and its manifest says ${count}`);
    }
  } catch (thrown) {
    throw thrown instanceof AosError ? thrown : invalid(file, thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    db.close();
  }
}
