/**
 * What goes over the wire: CloudEvents, problem documents, and the shapes of requests and answers. In: JSON as a peer
 * sent it, the kernel's values and errors. Out: checked values, or every fault with its path; JSON Schemas for the
 * description of the API. It never opens a connection, never calls the kernel, and never trusts what it reads.
 */
export { Batch, CloudEvent, CloudEventBatch } from "./cloud-event-schema.ts";
export { type EventFacts, readBinaryEvent, readEvent, readShorthand, toArrival } from "./cloud-event.ts";
export { isJsonType, JSON_DEPTH_MAX, mediaTypeOf, parseJson } from "./json-text.ts";
export { Problem, type ProblemDocument, problemOf, retryAfterSeconds } from "./problem.ts";
export {
  AgentFilter,
  ClockAdvance,
  CommandWait,
  Count,
  DeadLetterFilter,
  EffectFilter,
  Fresh,
  JournalPage,
  Nothing,
  OutcomeWait,
  PublishQuery,
  QueryInput,
  RedriveFilter,
  RegisterAgent,
  Reason,
  ResolveEffect,
  ScheduleFilter,
  Selection,
  StreamFrom,
} from "./requests.ts";
export { jsonSchema, type WireSchema } from "./schema.ts";
export {
  AckAnswer,
  AgentAnswer,
  AgentsPage,
  AnyJson,
  ClockAnswer,
  CommandAnswer,
  CountsAnswer,
  DeadLetterAnswer,
  DeadLettersPage,
  EffectAnswer,
  EffectsAnswer,
  Health,
  IngestAnswer,
  MailAnswer,
  MovedAnswer,
  PublishedAnswer,
  Readiness,
  RecordAnswer,
  RecordsAnswer,
  RedrivenAllAnswer,
  RedrivenAnswer,
  RegisteredAnswer,
  ReplyAnswer,
  SchedulesAnswer,
  StateAnswer,
  TimesAnswer,
  TypesAnswer,
} from "./answers.ts";
export { agentRow, deadLetterRow, effectRow, mailRow, moment, recordRow, scheduleRow } from "./rows.ts";
export { ExportAgent, ImportChoice, ImportedAnswer, ReleaseAgent, ReleasedAnswer } from "./transfers.ts";
export { DiffAnswer, DiffTurns, ForkAgent, ForkedAnswer, PastStateAnswer, pastStateRow, RewindAgent, RewoundAnswer } from "./timeline.ts";
export {
  ApplyUpgrade,
  ContractsAnswer,
  RampAnswer,
  rampRow,
  ReplayableAnswer,
  RolledBackAnswer,
  SnapshotFilter,
  SnapshotsPage,
  TurnsFilter,
  UpgradeFilter,
  upgradeRow,
  UpgradesAnswer,
} from "./upgrades.ts";
export { BackupAnswer, BackupRequest, DiagnosisAnswer, MendedAnswer, StorageAnswer, storageRow } from "./upkeep.ts";
