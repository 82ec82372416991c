/**
 * Layered configuration: defaults < file < environment < caller. In flow a table of keys and what each layer holds, already read by the composition
 * root; out flow typed values that know where they came from, or all faults at once. It never opens a file or reads the process environment
 * itself, and never shows a secret.
 */
export { AOSConfig, type AosConfigOptions } from "./aos-config.ts";
export { formatBytes, parseBytes } from "./bytes.ts";
export { type Config, type ConfigLayers, type ConfigRow, loadConfig } from "./config.ts";
export {
  type AnyKey,
  bytes,
  choice,
  type ConfigKey,
  type ConfigType,
  duration,
  flag,
  type InputOf,
  integer,
  list,
  secret,
  text,
  type ValueOf,
} from "./key.ts";
export { AOS_KEYS, type AosSettings, type AosTable, loadAosConfig } from "./keys.ts";
export type { ConfigFault, ConfigSource } from "./layers.ts";
export { type AnySchema, type ConfigSchema, type ConfigTable, defineConfig } from "./schema.ts";
export { redactConnection, Secret, type SecretFile, type SecretReaders } from "./secret.ts";
