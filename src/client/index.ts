/**
 * The typed client of a running system, for Node and browsers: it needs `fetch` and nothing else. Method calls flow in, HTTP requests
 * with a credential flow out; answers and problem documents come back as values and `ProblemError`. It never opens a data folder, and
 * never tries again on its own, but for a stream that goes on where it broke.
 */
export { AosClient, type FollowOptions, type SendOptions } from "./client.ts";
export { faultsOf, type Problem, problemError, ProblemError, type ProblemFault } from "./problem.ts";
export { type PastState, type StateChange, TimelineClient } from "./timeline.ts";
export { type ImportedAgent, TransfersClient } from "./transfers.ts";
export { type TypeUpgrade, type UpgradeRamp, UpgradesClient } from "./upgrades.ts";
export { type BackupManifest, type BackupStatus, type Diagnosis, type StorageReport, UpkeepClient } from "./upkeep.ts";
export type { ClientOptions } from "./transport.ts";
export type {
  Ack,
  Agent,
  AgentChoice,
  AgentMove,
  AgentState,
  AgentType,
  Cause,
  DeadLetter,
  Effect,
  EffectResolution,
  Moment,
  Outcome,
  Page,
  Published,
  RoutedAck,
  Schedule,
  TurnRecord,
} from "./wire.ts";
