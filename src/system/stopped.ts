import type { KernelApi } from "../kernel/index.ts";
import { AgentOperatingSystem } from "./aos.ts";
import type { TakeBackup } from "./backups.ts";

/** A data folder that no process serves, opened to be read. */
export interface Stopped {
  readonly api: KernelApi;
  readonly backup: TakeBackup;
  close(): Promise<void>;
}

/**
 * Opens a stopped data folder without running what waits in it; what the next start must know stays as it is.
 * @throws AosError DATA_LOCKED, DATA_TOO_NEW, STORE_FAILED.
 */
export async function openStopped(dir: string): Promise<Stopped> {
  const aos = await AgentOperatingSystem.boot({ dir, isDormant: true });
  return { api: aos.kernel, backup: aos.backup, close: () => aos.shutdown() };
}
