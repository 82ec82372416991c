import { problemError } from "./problem.ts";
import type { Transport } from "./transport.ts";
import type { Moment } from "./wire.ts";

/** What a backup says of itself. */
export interface BackupManifest {
  readonly version: string;
  readonly schema: number;
  readonly incarnation: string;
  readonly at: string;
  /** Bytes of the database in it. */
  readonly bytes: number;
  readonly sha256: string;
  /** Rows by table. */
  readonly counts: Readonly<Record<string, number>>;
}

/** How a backup stands. */
export interface BackupStatus {
  readonly file: string;
  readonly state: "running" | "done" | "failed";
  readonly progress?: { readonly step: "copying" | "checking"; readonly pagesDone: number; readonly pagesTotal: number } | undefined;
  readonly manifest?: BackupManifest | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** What the doctor found wrong. */
export interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: readonly {
    readonly code: string;
    readonly detail: string;
    /** The command that mends it, or begins to. */
    readonly mend: string;
    readonly count: number;
  }[];
}

/** What a store holds, how it grows, and where that leads. */
export interface StorageReport {
  readonly at: Moment;
  readonly classes: readonly {
    readonly name: string;
    readonly bytes: number;
    /** What bounds it, for people. */
    readonly limit: string;
    readonly capBytes?: number | undefined;
  }[];
  readonly bytes: number;
  readonly diskFreeBytes?: number | undefined;
  /** Absent while there is less than an hour of history. */
  readonly growth?:
    | { readonly bytesPerDay: number; readonly journalBytesPerDay: number; readonly since: Moment; readonly samples: number }
    | undefined;
  readonly forecast: { readonly diskFullAt?: Moment | undefined; readonly journalCapAt?: Moment | undefined };
}

const POLL_MS = 200;
const FAILED_STATUS = 503;

/** What whoever keeps a system asks of it: all of it concerns every tenant, and needs a fleet operator's credential. */
export class UpkeepClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Begins a backup to an absolute path on the system's machine. */
  startBackup(file: string, replace = false): Promise<BackupStatus> {
    return this.#transport.json({ method: "POST", path: "/api/backups", body: { file, replace } });
  }

  /** How the backup stands that was begun last. */
  lastBackup(): Promise<BackupStatus> {
    return this.#transport.json({ path: "/api/backups/last" });
  }

  /** What the store holds by class, what bounds it, how it grows and where that leads. */
  storage(): Promise<StorageReport> {
    return this.#transport.json({ path: "/api/storage" });
  }

  /** Looks for what is wrong with the system and its data folder. */
  diagnose(): Promise<Diagnosis> {
    return this.#transport.json({ path: "/api/doctor", timeoutMs: 0 });
  }

  /** Drops mail, effects and subscriptions that belong to nobody. */
  mend(): Promise<Readonly<Record<string, number>>> {
    return this.#transport.json({ method: "POST", path: "/api/doctor/mend", timeoutMs: 0 });
  }

  /**
   * Takes a backup and waits until it is whole and checked.
   * @throws ProblemError with what it failed with.
   */
  async backup(
    file: string,
    options: { readonly replace?: boolean; readonly onProgress?: (status: BackupStatus) => void } = {},
  ): Promise<BackupManifest> {
    let status = await this.startBackup(file, options.replace);
    while (status.state === "running") {
      options.onProgress?.(status);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      status = await this.lastBackup();
      if (status.file !== file) throw problemError("UNAVAILABLE", FAILED_STATUS, `the system forgot the backup ${file}; take it again`);
    }
    if (status.manifest !== undefined) return status.manifest;
    const { code, message } = status.error ?? { code: "INTERNAL", message: `the backup ${file} failed` };
    throw problemError(code, FAILED_STATUS, message);
  }
}
