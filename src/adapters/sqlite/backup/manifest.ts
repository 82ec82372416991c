import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { AosError } from "../../../kernel/index.ts";

/** What a backup says of itself. It stands behind the database, so that a file that was cut off has none. */
export interface BackupManifest {
  readonly format: 1;
  /** The version of AOS that wrote it. */
  readonly version: string;
  /** The version of the database's schema. */
  readonly schema: number;
  /** The incarnation of the system that it is a copy of. */
  readonly incarnation: string;
  /** When it was taken, RFC 3339. */
  readonly at: string;
  /** Bytes of the database, which is the beginning of the file. */
  readonly bytes: number;
  /** SHA-256 of those bytes, in hexadecimal. */
  readonly sha256: string;
  /** Rows by table. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Stands between the database and its manifest. */
const MARK = "\naos-backup ";
const MANIFEST_BYTES_MAX = 16_384;

/** The end of a backup. */
export function encodeManifest(manifest: BackupManifest): string {
  return `${MARK}${JSON.stringify(manifest)}\n`;
}

/**
 * Reads the manifest of a backup and holds it against the file's length; the digest is not looked at.
 * @throws AosError NOT_FOUND, BACKUP_INVALID.
 */
export function readManifest(file: string): BackupManifest {
  const { tail, size } = readTail(file);
  const at = tail.lastIndexOf(MARK);
  const manifest = at < 0 || !tail.endsWith("\n") ? undefined : parse(tail.slice(at + MARK.length));
  if (manifest === undefined) throw invalid(file, "it is no backup of AOS, or it was cut off");
  if (manifest.format !== 1) throw invalid(file, `it has format ${String(manifest.format)}, and this AOS knows format 1`);
  if (manifest.bytes + Buffer.byteLength(tail.slice(at)) !== size) throw invalid(file, "its length is not the one that its manifest tells");
  return manifest;
}

/** The error for a file that is not a whole backup. */
export function invalid(file: string, why: string): AosError {
  return new AosError("BACKUP_INVALID", `${file} cannot be restored: ${why}; take another backup`, { details: { file, why } });
}

function readTail(file: string): { readonly tail: string; readonly size: number } {
  let opened: number;
  try {
    opened = openSync(file, "r");
  } catch (cause) {
    throw new AosError("NOT_FOUND", `there is no backup ${file} that can be read`, { cause, details: { file } });
  }
  try {
    const stat = fstatSync(opened);
    if (!stat.isFile()) throw invalid(file, "it is not a file");
    const { size } = stat;
    const length = Math.min(size, MANIFEST_BYTES_MAX);
    const bytes = Buffer.alloc(length);
    readSync(opened, bytes, 0, length, size - length);
    return { tail: bytes.toString("latin1"), size };
  } finally {
    closeSync(opened);
  }
}

function parse(text: string): BackupManifest | undefined {
  try {
    const value: BackupManifest = JSON.parse(text);
    return Number.isInteger(value.bytes) && /^[0-9a-f]{64}$/.test(value.sha256) && typeof value.counts === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}
