/**
 * Where the system runs. In flow the environment's name, the feature flags of the configuration and a snapshot of variables; out flow answers to
 * code that depends on them, or an error that names the variable to set. It never reads the process environment itself and never changes it.
 */
export { type EnvironmentOptions, EnvironmentService } from "./environment.ts";
