/**
 * The composition root: layered configuration flows in, a running system flows out. It is the only place that knows
 * which adapter implements which port, and it never holds logic of its own beyond wiring.
 */
export { type AgentsFile, type FirstBoot, loadAgentsFile, type Webhook, type WebhookArrival, type WebhookRequest } from "./agents-file.ts";
export { AgentOperatingSystem, type BootOptions, type EmitOptions, type PlainEvent, type Target } from "./aos.ts";
export { Backups, type BackupStatus, type TakeBackup } from "./backups.ts";
export { type CliEnvironment, cliEnvironment } from "./cli-environment.ts";
export { InjectedClock, SystemClock } from "./clock.ts";
export { type Diagnosis, diagnose, diagnoseStopped } from "./doctor.ts";
export { SystemEntropy, systemHasher } from "./entropy.ts";
export { MessageBus, type TopicHandler, type TopicMessage } from "./message-bus.ts";
export { loadSettings, type SettingsSources } from "./settings.ts";
export { restore, type Restored, type RestoreOptions } from "./restore.ts";
export { openServing, type Serving, type ServingOptions } from "./serving.ts";
export { openStopped, type Stopped } from "./stopped.ts";
export { planWith, replayWith, type SnapshotSource } from "./upgrade-plan.ts";
export { type ImportInto, Transfers } from "./transfers.ts";
export { verdictPath } from "./watchdog.ts";
export {
  BoundedQueue,
  Bulkhead,
  CircuitBreaker,
  Idempotency,
  type IdempotencyGiven,
  RateLimit,
  retry,
  StateMachine,
  timeout,
} from "./reliability.ts";
export { VERSION } from "./version.ts";
