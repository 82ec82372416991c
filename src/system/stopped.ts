import { AosError, type KernelApi } from "../kernel/index.ts";

/** A data folder that no process serves, opened to be read. */
export interface Stopped {
  readonly api: KernelApi;
  close(): Promise<void>;
}

/**
 * Opens a stopped data folder without running what waits in it.
 * @throws AosError UNAVAILABLE.
 */
export function openStopped(dir: string): Promise<Stopped> {
  return Promise.reject(new AosError("UNAVAILABLE", `${dir} cannot be read while it is stopped`));
}
