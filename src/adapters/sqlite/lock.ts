import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { AosError, isAosError } from "../../kernel/index.ts";
import { isBusy } from "./faults.ts";

/** The ownership of a data folder, until it is released or its process ends. */
export interface Lock extends Disposable {
  release(): void;
}

/** How long a dying owner is waited for. */
const WAIT_MS = 1_500;
const STEP_MS = 50;

/**
 * Takes a data folder for this process. The operating system lets go of it when the process ends, however it ends;
 * `owner.json` beside it only names the owner.
 * @throws AosError DATA_LOCKED with the owner's pid where another process has it for longer than `waitMs`, 1,500 where left out.
 */
export async function lockFolder(dir: string, waitMs = WAIT_MS): Promise<Lock> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const owner = join(dir, "owner.json");
  for (let waited = 0; ; waited += STEP_MS) {
    const db = tryLock(join(dir, "lock.db"));
    if (db !== undefined) {
      writeFileSync(owner, `${JSON.stringify({ pid: process.pid })}\n`);
      const release = (): void => {
        if (!db.isOpen) return;
        rmSync(owner, { force: true });
        db.close();
      };
      return { release, [Symbol.dispose]: release };
    }
    if (waited >= waitMs) {
      const pid = readPid(owner);
      const who = pid === undefined ? "another process" : `process ${pid}`;
      throw new AosError("DATA_LOCKED", `${who} owns ${dir}: stop it first, or choose another data folder`, { details: { pid, dir } });
    }
    await sleep(STEP_MS);
  }
}

/** Who owns a data folder now: undefined where nobody does; without a pid where the owner did not say. */
export async function lockedBy(dir: string): Promise<{ readonly pid: number | undefined } | undefined> {
  try {
    (await lockFolder(dir)).release();
    return undefined;
  } catch (thrown) {
    if (!isAosError(thrown, "DATA_LOCKED")) throw thrown;
    return { pid: readPid(join(dir, "owner.json")) };
  }
}

function tryLock(path: string): DatabaseSync | undefined {
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    return db;
  } catch (thrown) {
    db.close();
    if (isBusy(thrown)) return undefined;
    throw new AosError("STORE_FAILED", `cannot lock ${path}`, { cause: thrown });
  }
}

function readPid(owner: string): number | undefined {
  try {
    const { pid }: { pid?: unknown } = JSON.parse(readFileSync(owner, "utf8"));
    return typeof pid === "number" ? pid : undefined;
  } catch {
    return undefined;
  }
}
