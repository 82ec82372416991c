import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { backup, type DatabaseSync } from "node:sqlite";
import { AosError } from "../../../kernel/index.ts";
import { isFull, storeError } from "../faults.ts";
import type { BackupManifest } from "./manifest.ts";
import { sealAside } from "./sealing.ts";

/** Pages that one step copies; turns wait for no more than one step. Measured: 1 MiB takes 2 to 4 ms. */
const STEP_PAGES = 256;

/** How a backup is taken. */
export interface BackupOptions {
  /** Whether a file that is there is replaced. */
  readonly replace?: boolean | undefined;
  /** Told how far copying has come. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
}

/** How far a backup has come. */
export interface BackupProgress {
  /** Pages are copied first, then all of the copy is checked. */
  readonly step: "copying" | "checking";
  readonly pagesDone: number;
  readonly pagesTotal: number;
}

/** Where an unfinished backup stands. */
export function partialPath(file: string): string {
  return `${file}.partial`;
}

/**
 * Copies an open database while it is written to, checks the copy, and only then gives it its name. What is committed meanwhile is
 * in the copy too.
 * @throws AosError FILE_EXISTS, USAGE where the folder is missing, DISK_FULL, STORE_FAILED, SHUTTING_DOWN.
 */
export async function writeBackup(
  db: DatabaseSync,
  file: string,
  { replace = false, onProgress = () => undefined }: BackupOptions,
  about: { readonly version: string; readonly at: string; readonly isCurrent: () => boolean },
): Promise<BackupManifest> {
  const partial = partialPath(file);
  prepare(file, partial, replace);
  try {
    let pagesTotal = 0;
    const say = (step: BackupProgress["step"], pagesDone: number): void => onProgress({ step, pagesDone, pagesTotal });
    await backup(db, partial, {
      rate: STEP_PAGES,
      progress: ({ totalPages, remainingPages }) => {
        pagesTotal = totalPages;
        say("copying", totalPages - remainingPages);
      },
    });
    // Closing a database ends its backups as if they were done.
    if (!about.isCurrent()) throw new AosError("SHUTTING_DOWN", `the store was closed before the backup ${file} was whole; take it again`);
    say("checking", pagesTotal);
    const manifest = await sealAside({ path: partial, version: about.version, at: about.at });
    renameSync(partial, file);
    syncFolder(dirname(file));
    return manifest;
  } catch (thrown) {
    rmSync(partial, { force: true });
    rmSync(`${partial}-journal`, { force: true });
    throw backupError(thrown, file);
  }
}

function prepare(file: string, partial: string, replace: boolean): void {
  const folder = statSync(dirname(file), { throwIfNoEntry: false });
  if (folder?.isDirectory() !== true)
    throw new AosError("USAGE", `there is no folder ${dirname(file)}; make it, or choose another place for the backup`, {
      details: { file },
    });
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new AosError("USAGE", `${file} is a folder; a backup is a file`, { details: { file } });
  if (existsSync(file) && !replace)
    throw new AosError("FILE_EXISTS", `${file} exists; choose another name, or say that it may be replaced`, { details: { file } });
  try {
    rmSync(partial, { force: true });
    // What SQLite makes would be for everybody to read.
    closeSync(openSync(partial, "wx", 0o600));
  } catch (thrown) {
    throw backupError(thrown, file);
  }
}

function backupError(thrown: unknown, file: string): AosError {
  if (isFull(thrown)) {
    return new AosError("DISK_FULL", `no space is left for the backup ${file}: free some, or choose another disk; nothing is left of it`, {
      cause: thrown,
      details: { file },
    });
  }
  return storeError(thrown, `writing the backup ${file}`);
}

/** Makes a new or removed name durable. */
export function syncFolder(dir: string): void {
  const folder = openSync(dir, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
