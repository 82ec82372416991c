import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type BackupManifest, lockFolder, SqliteStore, syncFolder, unpackBackup } from "../adapters/sqlite/index.ts";
import { AosError, type Incarnation, reincarnate } from "../kernel/index.ts";
import { SystemClock } from "./clock.ts";
import { SystemEntropy } from "./entropy.ts";

/** Stands in a data folder while a restore must not be taken for finished. */
const MARKER = "restore.json";
/** Where a restore prepares the data, within the folder. */
const STAGING = "restoring";
const DATA = "aos.db";
/** What a replaced database is called. */
const KEPT = "aos.db.before-restore";
/** Names that say nothing of whether a folder holds data. */
const OF_NOBODY = ["lock.db", "lock.db-journal", "owner.json"];

/** What a restore is told. */
export interface RestoreOptions {
  /** Whether data that is there is replaced; the old database stays beside as `aos.db.before-restore`. */
  readonly replace?: boolean | undefined;
  readonly onProgress?: ((progress: { readonly bytesDone: number; readonly bytesTotal: number }) => void) | undefined;
}

/** What a restore did. */
export interface Restored {
  readonly dir: string;
  readonly backup: BackupManifest;
  readonly incarnation: Incarnation;
  readonly agents: number;
  /** Agents that wait, paused, for somebody to resume them. */
  readonly paused: number;
}

/**
 * Makes a data folder of a backup. It is a new incarnation: every agent is fenced by a higher epoch, and those that ran are paused until
 * somebody resumes them. Cut off at any moment it leaves the folder as it was, or with a marker by which a start is refused.
 * @throws AosError NOT_FOUND, BACKUP_INVALID, DATA_TOO_NEW, FOLDER_NOT_EMPTY, DATA_LOCKED, DISK_FULL, STORE_FAILED.
 */
export async function restore(file: string, dir: string, { replace = false, onProgress }: RestoreOptions = {}): Promise<Restored> {
  const isNew = !existsSync(dir);
  if (!isNew && !statSync(dir).isDirectory())
    throw new AosError("USAGE", `${dir} is not a folder; a data folder is one`, { details: { dir } });
  if (!replace) refuseData(dir);
  const lock = await lockFolder(dir);
  const wasCut = existsSync(join(dir, MARKER));
  try {
    if (!replace) refuseData(dir);
    if (!existsSync(join(dir, DATA))) mark(dir, file);
    const staged = await stage(file, dir, onProgress);
    swap(dir, file, wasCut);
    return { dir, ...staged };
  } catch (thrown) {
    // What fails in order takes its traces along; the marker stays where it was before, or where old data stands aside by now.
    rmSync(join(dir, STAGING), { recursive: true, force: true });
    const isAside = existsSync(join(dir, KEPT)) && !existsSync(join(dir, DATA));
    if (!wasCut && !isAside) rmSync(join(dir, MARKER), { force: true });
    throw thrown;
  } finally {
    lock.release();
    if (isNew && !existsSync(join(dir, DATA)) && !existsSync(join(dir, MARKER))) rmSync(dir, { recursive: true, force: true });
  }
}

/** @throws AosError RESTORE_UNFINISHED where a restore into the folder was cut off. */
export function refuseUnfinished(dir: string): void {
  const path = join(dir, MARKER);
  if (!existsSync(path)) return;
  const file = backupOf(path) ?? "FILE";
  throw new AosError(
    "RESTORE_UNFINISHED",
    `a restore into ${dir} was cut off: run \`aos restore ${file} --dir ${dir} --replace\` again, nothing starts before that`,
    { details: { dir, file } },
  );
}

function refuseData(dir: string): void {
  if (!existsSync(dir)) return;
  if (existsSync(join(dir, MARKER)) && !existsSync(join(dir, KEPT))) return;
  const found = readdirSync(dir).filter((name) => !OF_NOBODY.includes(name));
  if (found.length === 0) return;
  throw new AosError("FOLDER_NOT_EMPTY", `${dir} is not empty: choose another folder, or replace what it holds with --replace`, {
    details: { dir, found: found.slice(0, 10) },
  });
}

async function stage(file: string, dir: string, onProgress: RestoreOptions["onProgress"]): Promise<Omit<Restored, "dir">> {
  const staging = join(dir, STAGING);
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { mode: 0o700 });
  const path = join(staging, DATA);
  const backup = unpackBackup(file, path, (bytesDone, bytesTotal) => onProgress?.({ bytesDone, bytesTotal }));
  const clock = new SystemClock();
  const store = new SqliteStore({ path });
  try {
    const opened = await store.open();
    const told = await reincarnate({ store, clock, entropy: new SystemEntropy(clock) }, opened, backup);
    return { backup, ...told };
  } finally {
    // Not in order: what was in flight when the backup was taken died with it.
    await store.close(false);
  }
}

/** From here on the old data is no longer what a start would find. */
function swap(dir: string, file: string, wasCut: boolean): void {
  const [data, kept, staged] = [join(dir, DATA), join(dir, KEPT), join(dir, STAGING, DATA)];
  syncFolder(join(dir, STAGING));
  mark(dir, file);
  if (existsSync(data)) {
    // After a cut the old database stands aside already, and this one is of the restore that was cut.
    if (wasCut && existsSync(kept)) for (const end of ["", "-wal"]) rmSync(data + end, { force: true });
    else
      for (const end of ["", "-wal"]) {
        rmSync(kept + end, { force: true });
        if (existsSync(data + end)) renameSync(data + end, kept + end);
      }
    rmSync(`${data}-shm`, { force: true });
  } else rmSync(`${data}-wal`, { force: true });
  renameSync(staged, data);
  for (const name of ["operator.token", "run.json", "blocked.json"]) rmSync(join(dir, name), { force: true });
  syncFolder(dir);
  rmSync(join(dir, STAGING), { recursive: true, force: true });
  rmSync(join(dir, MARKER), { force: true });
  syncFolder(dir);
}

function mark(dir: string, file: string): void {
  const path = join(dir, MARKER);
  writeFileSync(`${path}.new`, `${JSON.stringify({ file: resolve(file), pid: process.pid })}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  syncFolder(dir);
}

function backupOf(marker: string): string | undefined {
  try {
    const { file }: { readonly file?: unknown } = JSON.parse(readFileSync(marker, "utf8"));
    return typeof file === "string" ? file : undefined;
  } catch {
    return undefined;
  }
}
