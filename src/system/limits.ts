import { AosError, checkRetryPolicy, type Limits, LIMITS, type RetryPolicy } from "../kernel/index.ts";
import type { AosSettings } from "../services/config/index.ts";

const HOUR_MS = 3_600_000;
/** The most that one row takes for a replay. */
const REPLAY_BYTES = 64 << 10;
const DAY_MS = 24 * HOUR_MS;

/** The policy in force where a contract has none. */
function retryOf(config: AosSettings): RetryPolicy {
  const [delayMs, maxDelayMs] = [config.get("retry.delayMs"), config.get("retry.maxDelayMs")];
  if (maxDelayMs < delayMs) {
    throw new AosError("CONFIG_INVALID", `retry.maxDelayMs is ${maxDelayMs} ms, less than retry.delayMs with ${delayMs} ms; set both`, {
      details: { key: "retry.maxDelayMs" },
    });
  }
  const policy = {
    attempts: config.get("retry.attempts"),
    backoff: "exponential",
    delayMs,
    factor: config.get("retry.factor"),
    maxDelayMs,
    jitter: "full",
  } as const;
  return checkRetryPolicy(policy);
}

/** The kernel's limits as the configuration sets them. */
export function limitsOf(config: AosSettings): Limits {
  return {
    ...LIMITS,
    payloadBytes: config.get("limits.payloadBytes"),
    stateBytes: config.get("limits.stateBytes"),
    messagesPerTurn: config.get("limits.messagesPerTurn"),
    effectsPerTurn: config.get("limits.effectsPerTurn"),
    mailboxDepth: config.get("limits.mailboxDepth"),
    chainDepth: config.get("limits.chainDepth"),
    chainTurns: config.get("limits.chainTurns"),
    fanOut: config.get("limits.fanOut"),
    concurrency: config.get("turn.concurrency"),
    turnDeadlineMs: config.get("turn.deadlineMs"),
    stuckTurns: config.get("turn.stuckMax"),
    processCrashes: config.get("turn.crashesMax"),
    askDeadlineMs: config.get("ask.deadlineMs"),
    ageingMs: config.get("mailbox.ageingMs"),
    retry: retryOf(config),
    cacheBytes: config.get("cache.bytes"),
    fullCopyEvery: config.get("journal.fullCopyEvery"),
    commitBatch: config.get("commit.maxBatch"),
    dedupeMs: config.get("dedupe.hours") * HOUR_MS,
    dedupePerAgent: config.get("dedupe.perAgent"),
    journalBytes: config.get("journal.bytesPerAgent"),
    journalMs: config.get("journal.days") * DAY_MS,
    topicMs: config.get("topics.days") * DAY_MS,
    replayBytes: config.get("journal.payloads") ? REPLAY_BYTES : 0,
    upgradeKeepMs: config.get("upgrade.keepDays") * DAY_MS,
    replyMs: config.get("command.replyHours") * HOUR_MS,
  };
}
