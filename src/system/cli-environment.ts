/** What only the process environment tells the command line; the rest it takes as options. */
export interface CliEnvironment {
  /** Whether a launcher started this process and starts it again when it ends. */
  readonly isSupervised: boolean;
}

/** Reads the part of the environment that is no configuration. */
export function cliEnvironment(): CliEnvironment {
  return { isSupervised: process.env["AOS_LAUNCHER"] === "1" };
}
