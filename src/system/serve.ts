import { AosError } from "../kernel/index.ts";

/** How a system is served; what is left out comes from the configuration. */
export interface ServeOptions {
  readonly dir?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  /** Agents files or packages. */
  readonly agents?: readonly string[] | undefined;
  readonly store?: string | undefined;
  /** This process's name. */
  readonly node?: string | undefined;
  readonly configFile?: string | undefined;
  readonly isSupervised?: boolean | undefined;
  /** Told what people should know. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A system that serves. */
export interface Served {
  readonly url: string;
  /** The key made at the first start of a data folder. */
  readonly apiKey?: string | undefined;
  /** Drains, then stops. */
  close(): Promise<void>;
}

/**
 * Boots a system and serves it over HTTP.
 * @throws AosError UNAVAILABLE.
 */
export function serve(_options: ServeOptions): Promise<Served> {
  return Promise.reject(new AosError("UNAVAILABLE", "this build cannot serve"));
}
