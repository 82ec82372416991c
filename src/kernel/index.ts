/**
 * The kernel: durable mailboxes, atomic turns, journaled effects, timers, supervision. Contracts and mail flow in,
 * commits to the store and published journal rows flow out. It imports no package and never touches a clock, a disk,
 * a network or randomness by itself.
 */
export { type Calendar } from "./time/calendar.ts";
export { type Cancel, type Clock, type Entropy, type Hasher, steadyTime } from "./clock.ts";
export { type Duration, DURATION_MAX_MS, formatDuration, parseDuration } from "./time/duration.ts";
export {
  AosError,
  type AosErrorCode,
  type AosErrorOptions,
  ERROR_CODES,
  type ErrorCode,
  isAosError,
  refuse,
  toAosError,
} from "./errors.ts";
export type { Ledger, LedgerEntry, LedgerOp, LedgerRow } from "./store/ledger.ts";
export { checkRetryPolicy, isRetryWorthwhile, RETRY_DELAY_MS_MAX, retryDelay, type RetryPolicy } from "./retry.ts";
export { type DueLimits, dueOccurrences, type DueTicks } from "./time/misfire.ts";
export {
  cron,
  type CronOptions,
  type CronSchedule,
  every,
  type EveryOptions,
  type EverySchedule,
  jitterOf,
  type MissedPolicy,
  nextOccurrence,
  type OverlapDecision,
  overlapDecision,
  type OverlapPolicy,
  preview,
  type ScheduleOptions,
  type ScheduleSpec,
  validateSchedule,
} from "./time/schedule.ts";
export { DEFAULT_TENANT, formatAddress, fullAddress, parseAddress, shortAddress, tenantOf, TYPE_PATTERN, typeOf } from "./address.ts";
export {
  anything,
  type Fault,
  type Input,
  type Output,
  type SchemaIssue,
  type StandardResult,
  type StandardSchema,
  validate,
} from "./contract/schema.ts";
export {
  command,
  type CommandType,
  effect,
  type EffectCall,
  type EffectSpec,
  type EffectType,
  event,
  type EventType,
  query,
  type QueryType,
  type Reconciled,
  type Repeat,
  state,
  type StateType,
} from "./contract/messages.ts";
export type { Budget, Contract, Period, Subscription, Supervision } from "./contract/contract.ts";
export type {
  AgentClass,
  AgentRef,
  Decision,
  EventHandler,
  Handlers,
  ReceivedEvent,
  Self,
  SendOptions,
  Tick,
  TurnContext,
} from "./contract/context.ts";
export { type Defined, PurposeDrivenAgent } from "./contract/agent.ts";
export type {
  AgentFilter,
  AgentListing,
  AgentRow,
  AgentStatus,
  Commit,
  DeadRow,
  DedupeChunk,
  DedupeRow,
  EffectRow,
  EffectState,
  JournalRow,
  JournalWrite,
  MailChange,
  MailRow,
  MaybePromise,
  NewAgent,
  Opened,
  Orphans,
  ReplyRow,
  Retention,
  Store,
  StoreSize,
  SubscriptionRow,
  TurnWrite,
} from "./store/store.ts";
export { type Incarnation, incarnationOf, reincarnate } from "./store/incarnation.ts";
export { type Finding, FINDING_CODES, type FindingCode, type FindingCodeName, finding } from "./health/findings.ts";
export type { Growth, StorageClass, StorageReport } from "./health/storage.ts";
export { checkLedgerOp, StoreLedger } from "./store/store-ledger.ts";
export { applyDelta, encodeBoth, encodeDelta, encodeFull, isFull, stateBefore } from "./turn/delta.ts";
export { type Limits, LIMITS } from "./limits.ts";
export type { Cause, EffectNote, ErrorNote, Outcome, RecordKind, TurnRecord } from "./turn/record.ts";
export type { Ack, Arrival } from "./mail/intake.ts";
export type { LoadableAgent } from "./agents/types.ts";
export type {
  AgentInfo,
  AgentSelection,
  AgentState,
  CommandResult,
  DeadLetterInfo,
  EffectInfo,
  KernelApi,
  KernelStats,
  MailInfo,
  Move,
  Page,
  Registration,
  Resolution,
  ScheduleInfo,
} from "./api.ts";
export type { KernelOptions } from "./assembly.ts";
export type { Forked, ForkOptions, Rewound, StateAt, StateDiff, TimelineApi } from "./timeline/timeline.ts";
export type { AgentContent } from "./transfer/content.ts";
export type { Imported, ImportOptions, TransferApi } from "./transfer/transfer.ts";
export type { PatchOp } from "./timeline/json-patch.ts";
export type { UpgradeMark } from "./agents/entry.ts";
export type { RolledBack, UpgradeStatus } from "./upgrade/ramper.ts";
export type { Ramp, RampOptions } from "./upgrade/ramp.ts";
export type { JsonDifference } from "./replay/differences.ts";
export { type AgentJournal, journalLines, readJournals } from "./replay/journal-file.ts";
export { replayJournals, type ReplayDifference, type ReplayResult } from "./replay/replay.ts";
export { type LoadedType, TypeRegistry } from "./agents/types.ts";
export { planUpgrade, type PlanCheck, type PlanGroup, type PlanReport } from "./upgrade/plan.ts";
export type { AgentSnapshot, SnapshotSelection } from "./upgrade/snapshot.ts";
export type { ContractChange } from "./upgrade/contract-changes.ts";
export { Kernel } from "./kernel.ts";
export type { KernelEvent, Platform } from "./core.ts";
export { BREAKER_POLICY, type BreakerPolicy, type BreakerState } from "./effects/breakers.ts";
export type { Outside, OutsideCall } from "./effects/effect-call.ts";
export type { GateCall, Guard } from "./effects/gate.ts";
export { canonicalJson, utf8Length } from "./json.ts";
export { PRIORITY_DEFAULT, PRIORITY_MAX } from "./mail/envelope.ts";
export { readRecord } from "./turn/record.ts";
export { type ParkCondition, ParkSignal } from "./turn/attempt.ts";
export { TOPIC_MESSAGE } from "./mail/topics.ts";
