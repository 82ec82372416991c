import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What a running system writes into its data folder, so that it can be found. */
export interface RunFile {
  readonly url: string;
  readonly pid: number;
  readonly startedAt: string | number;
}

/** Reads `run.json`; undefined where there is none, it is unreadable, or its process is gone. */
export function readRunFile(dir: string): RunFile | undefined {
  try {
    const run: Partial<RunFile> = JSON.parse(readFileSync(join(dir, "run.json"), "utf8"));
    if (typeof run.url !== "string" || typeof run.pid !== "number" || !isAlive(run.pid)) return undefined;
    return { url: run.url, pid: run.pid, startedAt: run.startedAt ?? "" };
  } catch {
    return undefined;
  }
}

/** Reads the credential of whoever may read the data folder. */
export function readOperatorToken(dir: string): string | undefined {
  try {
    return readFileSync(join(dir, "operator.token"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Whether a folder holds the data of a system. */
export function isDataFolder(dir: string): boolean {
  return existsSync(join(dir, "aos.db"));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // Alive, but another user's.
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}
