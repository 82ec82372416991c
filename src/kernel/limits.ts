import type { RetryPolicy } from "./retry.ts";

/** Every bound that the kernel keeps, with its default in `LIMITS`. */
export interface Limits {
  /** UTF-8 bytes of one payload. */
  readonly payloadBytes: number;
  /** UTF-8 bytes of one state. */
  readonly stateBytes: number;
  /** Messages, timers and decisions that one turn may leave. */
  readonly messagesPerTurn: number;
  readonly effectsPerTurn: number;
  /** Mail that waits for one agent. */
  readonly mailboxDepth: number;
  /** Hops of one causal chain. */
  readonly chainDepth: number;
  /** Turns of one causal chain. */
  readonly chainTurns: number;
  /** Turns in flight at once. */
  readonly concurrency: number;
  /** Milliseconds without progress until an attempt is aborted. */
  readonly turnDeadlineMs: number;
  readonly askDeadlineMs: number;
  /** Milliseconds in one lane for which waiting mail rises one priority. */
  readonly ageingMs: number;
  readonly retry: RetryPolicy;
  /** UTF-8 bytes of agents held in memory. */
  readonly cacheBytes: number;
  readonly fullCopyEvery: number;
  readonly commitBatch: number;
  /** Receivers of one broadcast, publication or routed event. */
  readonly fanOut: number;
  readonly dedupeMs: number;
  /** Dedupe keys that are kept for each agent, at least. */
  readonly dedupePerAgent: number;
  readonly journalMs: number;
  /** UTF-8 bytes of journal that one agent keeps, beyond what deduplication needs. */
  readonly journalBytes: number;
  readonly replyMs: number;
  /** UTF-8 bytes of payload, calls and messages that a turn keeps in its journal row so that it can be replayed; 0 for none. */
  readonly replayBytes: number;
  /** How long an old state is kept after its migration, at least. */
  readonly upgradeKeepMs: number;
  /** How long a publication waits for a subscriber that does not take it, unless its sender says otherwise. */
  readonly topicMs: number;
  /** Longest time that an agent may stay blocked without progress until it is quarantined: aborts in a row. */
  readonly stuckTurns: number;
  /** Crashes of the whole process in the same agent until it is quarantined. */
  readonly processCrashes: number;
}

/** The limits in force where the configuration says nothing. */
export const LIMITS: Limits = {
  payloadBytes: 1 << 20,
  stateBytes: 1 << 20,
  messagesPerTurn: 1_000,
  effectsPerTurn: 100,
  mailboxDepth: 10_000,
  chainDepth: 64,
  chainTurns: 10_000,
  concurrency: 256,
  turnDeadlineMs: 30_000,
  askDeadlineMs: 5_000,
  ageingMs: 30_000,
  retry: { attempts: 5, backoff: "exponential", delayMs: 200, factor: 4, maxDelayMs: 300_000, jitter: "full" },
  cacheBytes: 64 << 20,
  fullCopyEvery: 64,
  commitBatch: 1_024,
  fanOut: 10_000,
  dedupeMs: 24 * 3_600_000,
  dedupePerAgent: 10_000,
  journalMs: 30 * 24 * 3_600_000,
  journalBytes: 256 << 10,
  replyMs: 24 * 3_600_000,
  replayBytes: 0,
  upgradeKeepMs: 7 * 24 * 3_600_000,
  topicMs: 7 * 24 * 3_600_000,
  stuckTurns: 3,
  processCrashes: 3,
};
