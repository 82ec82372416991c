import { resolve } from "node:path";
import type { BackupManifest, BackupOptions, BackupProgress } from "../adapters/sqlite/index.ts";
import { AosError, toAosError } from "../kernel/index.ts";

/** How the backup of a running system stands. */
export interface BackupStatus {
  readonly file: string;
  readonly state: "running" | "done" | "failed";
  readonly progress?: BackupProgress | undefined;
  /** Of a backup that is done. */
  readonly manifest?: BackupManifest | undefined;
  /** Of a backup that failed. */
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** Takes a backup, and resolves once it has its name. */
export type TakeBackup = (file: string, options?: BackupOptions) => Promise<BackupManifest>;

/** The newest backup that was asked for while the system runs: whoever asks need not wait on a connection. */
export class Backups {
  readonly #take: TakeBackup;
  #last: BackupStatus | undefined;

  constructor(take: TakeBackup) {
    this.#take = take;
  }

  get last(): BackupStatus | undefined {
    return this.#last;
  }

  /**
   * Begins a backup; what refuses it at once is thrown.
   * @throws AosError BACKUP_RUNNING, FILE_EXISTS, USAGE.
   */
  async start(file: string, replace: boolean): Promise<BackupStatus> {
    if (this.#last?.state === "running")
      throw new AosError("BACKUP_RUNNING", `the backup ${this.#last.file} is being taken; wait until it has ended`, {
        details: { file: this.#last.file },
      });
    if (resolve(file) !== file) throw new AosError("USAGE", `${file} is no absolute path on the system's machine`, { details: { file } });
    const status: BackupStatus = { file, state: "running" };
    this.#last = status;
    let failure: AosError | undefined;
    const ended = this.#take(file, { replace, onProgress: (progress) => void (this.#last = { ...status, progress }) }).then(
      (manifest) => (this.#last = { file, state: "done", manifest }),
      (thrown: unknown) => {
        failure = toAosError(thrown);
        const { code, message } = failure;
        return (this.#last = { file, state: "failed", error: { code, message } });
      },
    );
    // A refusal is known before anything is copied.
    await Promise.race([ended, new Promise((yes) => setImmediate(yes))]);
    if (failure !== undefined) throw failure;
    return this.#last;
  }
}
