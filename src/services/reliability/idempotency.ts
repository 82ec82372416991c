import { AosError, isAosError, toAosError } from "../../kernel/index.ts";
import type { Clock, Entropy, Ledger } from "../../kernel/index.ts";
import { WAIT_MS_MAX, wholeIn } from "./checks.ts";
import { ExecutionLease } from "./execution-lease.ts";
import { IDEMPOTENCY_CLASS, isExpired, parseRecord, readRecord } from "./idempotency-record.ts";
import { restoreError, storeError, writeRecord } from "./idempotency-record.ts";
import type { IdempotencyRecord, Versioned } from "./idempotency-record.ts";
import { toJsonText } from "./json-result.ts";
import { sleep, untilAborted } from "./waiting.ts";

/** What an idempotency guard needs. */
export interface IdempotencyOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Names this holder of leases. */
  readonly entropy: Pick<Entropy, "uuid">;
  /** After so long without a sign of life, in ms, an execution counts as interrupted: 100 ms to 1 day; 30 s where left out. */
  readonly leaseMs?: number | undefined;
}

/** How one key is to be treated. */
export interface IdempotentRun {
  /** How long the outcome is kept, in ms: 1 to 366 days; 24 h where left out. */
  readonly ttlMs?: number | undefined;
  /** What the key stands for, such as a hash of the payload: up to 1,000 characters. */
  readonly fingerprint?: string | undefined;
  /** What follows when an execution began and was never seen to end; `fail` where left out. */
  readonly onInterrupted?: "rerun" | "fail" | undefined;
  /** Ends this caller's wait with its reason; the execution goes on for the others. */
  readonly signal?: AbortSignal | undefined;
}

/** What an idempotent execution is told. */
export interface IdempotentCall {
  readonly key: string;
  /** Aborts when another process has taken the key over, because this one lost its lease. */
  readonly signal: AbortSignal;
}

/** The largest result that is kept, in UTF-8 bytes of JSON. */
export const RESULT_BYTES_MAX = 64 * 1024;

const FINGERPRINT_MAX = 1_000;
/** How long a waiting process goes without looking whether another one has finished, in ms. */
const LOOK_MS = 250;

type Fn<T> = (call: IdempotentCall) => T | Promise<T>;

/** What the ledger said of a key: an outcome, a reason to wait, or leave to begin. */
type Verdict =
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "begin"; readonly version: number };

type Outcome = { readonly ok: true; readonly result: string | undefined } | { readonly ok: false; readonly error: unknown };

/**
 * Runs what a key names once and gives every caller the same outcome: those who call at the same time, those who come
 * later, and those who come after a restart, until the time to live has passed. Results come back through JSON.
 * A final error is an outcome too; a retryable error, and one that does not say, is thrown to whoever waited and the
 * next call executes again.
 */
export class Idempotency {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #owner: string;
  readonly #leaseMs: number;
  readonly #running = new Map<string, { readonly fingerprint: string | undefined; readonly outcome: Promise<Outcome> }>();

  constructor(options: IdempotencyOptions) {
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#owner = options.entropy.uuid();
    this.#leaseMs = wholeIn("idempotency: leaseMs", options.leaseMs ?? 30_000, 100, 86_400_000);
  }

  /**
   * Runs `fn` under the key (1–200 characters), or returns what it came to before. Who joins an execution under way in
   * this process takes its options, save the fingerprint, which must be equal, and the signal, which is the caller's.
   * @throws AosError IDEMPOTENCY_CONFLICT for another fingerprint, EFFECT_IN_DOUBT for an interrupted execution that may
   * not run again, NOT_JSON or PAYLOAD_TOO_LARGE for a result that cannot be kept, and whatever `fn` throws.
   */
  async run<T>(key: string, fn: Fn<T>, run: IdempotentRun = {}): Promise<T> {
    checkRun(run);
    run.signal?.throwIfAborted();
    let running = this.#running.get(key);
    if (running === undefined) {
      const outcome = this.#settle(key, fn, run).finally(() => this.#running.delete(key));
      running = { fingerprint: run.fingerprint, outcome };
      this.#running.set(key, running);
    } else if (running.fingerprint !== run.fingerprint) throw conflict(key);
    const outcome = await untilAborted(running.outcome, run.signal);
    if (!outcome.ok) throw outcome.error;
    const result: T = outcome.result === undefined ? undefined : JSON.parse(outcome.result);
    return result;
  }

  /**
   * Settles an execution that is in doubt: it happened with this result, or it did not happen and may run again.
   * @throws AosError NOT_FOUND where nothing is in doubt under the key, LEDGER_CONFLICT where it was settled meanwhile.
   */
  async resolve(
    key: string,
    verdict: { readonly happened: true; readonly result?: unknown } | { readonly happened: false },
    ttlMs = 86_400_000,
  ): Promise<void> {
    wholeIn("idempotency: ttlMs", ttlMs, 1, WAIT_MS_MAX);
    const { version, record } = await readRecord(this.#ledger, key);
    const now = this.#clock.now();
    if (record?.state !== "started" || record.leaseUntil > now)
      throw new AosError("NOT_FOUND", `nothing is in doubt under the key ${key}`, {
        details: { key },
      });
    const base = { fingerprint: record.fingerprint, expiresAt: now + ttlMs };
    const next: IdempotencyRecord = verdict.happened
      ? { ...base, state: "done", result: toJsonText(verdict.result, RESULT_BYTES_MAX) }
      : { ...base, state: "released" };
    await writeRecord(this.#ledger, key, version, next);
  }

  /** Deletes outcomes past their time to live, at most `limit` (1–100,000) of them, and says how many. */
  async sweep(limit = 1_000): Promise<number> {
    wholeIn("idempotency: sweep limit", limit, 1, 100_000);
    let after: string | undefined;
    let deleted = 0;
    for (;;) {
      const page = await this.#ledger.list(IDEMPOTENCY_CLASS, after, 1_000);
      for (const { key, bytes, version } of page) {
        if (deleted >= limit) return deleted;
        if (isExpired(parseRecord(bytes), this.#clock.now()) && (await this.#delete(key, version))) deleted++;
      }
      after = page.at(-1)?.key;
      if (after === undefined) return deleted;
    }
  }

  async #delete(key: string, expectedVersion: number): Promise<boolean> {
    try {
      await this.#ledger.apply([{ op: "delete", class: IDEMPOTENCY_CLASS, key, expectedVersion }]);
      return true;
    } catch (error) {
      // Somebody used the key since it was listed, so it is not past its time any more.
      if (isAosError(error, "LEDGER_CONFLICT")) return false;
      throw error;
    }
  }

  /** Never rejects, so that nobody has to be waiting when it ends. */
  async #settle<T>(key: string, fn: Fn<T>, run: IdempotentRun): Promise<Outcome> {
    try {
      for (;;) {
        const verdict = this.#judge(key, await readRecord(this.#ledger, key), run);
        if (verdict.kind === "outcome") return verdict.outcome;
        if (verdict.kind === "wait") await sleep(this.#clock, verdict.ms);
        else {
          const outcome = await this.#begin(key, verdict.version, fn, run);
          if (outcome !== undefined) return outcome;
        }
      }
    } catch (error) {
      return { ok: false, error };
    }
  }

  #judge(key: string, { version, record }: Versioned, run: IdempotentRun): Verdict {
    const now = this.#clock.now();
    if (record === undefined || isExpired(record, now)) return { kind: "begin", version };
    if (record.fingerprint !== run.fingerprint) throw conflict(key);
    if (record.state === "done") return { kind: "outcome", outcome: { ok: true, result: record.result } };
    if (record.state === "failed") return { kind: "outcome", outcome: { ok: false, error: restoreError(record.error) } };
    if (record.state === "released") return { kind: "begin", version };
    if (record.leaseUntil > now) return { kind: "wait", ms: Math.min(LOOK_MS, record.leaseUntil - now) };
    if (run.onInterrupted === "rerun") return { kind: "begin", version };
    throw new AosError(
      "EFFECT_IN_DOUBT",
      `the execution under the key ${key} began and was interrupted; find out what happened and resolve it`,
      { details: { key, startedAt: record.startedAt } },
    );
  }

  /** Executes under a lease; undefined where another process was faster or took the key over. */
  async #begin<T>(key: string, version: number, fn: Fn<T>, run: IdempotentRun): Promise<Outcome | undefined> {
    const lease = new ExecutionLease({
      ledger: this.#ledger,
      clock: this.#clock,
      owner: this.#owner,
      leaseMs: this.#leaseMs,
      key,
      fingerprint: run.fingerprint,
    });
    if (!(await lease.claim(version))) return undefined;
    const { outcome, record } = await this.#execute(() => fn({ key, signal: lease.signal }));
    const expiresAt = this.#clock.now() + (run.ttlMs ?? 86_400_000);
    const isKept = await lease.finish({ ...record, fingerprint: run.fingerprint, expiresAt });
    // After a failure that may be tried again there is nothing for another process to contradict.
    return isKept || record.state === "released" ? outcome : undefined;
  }

  async #execute(fn: () => unknown): Promise<{ outcome: Outcome; record: Ending }> {
    let value: unknown;
    try {
      value = await fn();
    } catch (error) {
      if (!(error instanceof AosError) || error.retryable) return { outcome: { ok: false, error }, record: { state: "released" } };
      return failure(error);
    }
    try {
      const result = toJsonText(value, RESULT_BYTES_MAX);
      return { outcome: { ok: true, result }, record: { state: "done", result } };
    } catch (error) {
      // It was executed, so it must not be again, though nobody can be told its result.
      return failure(toAosError(error, "NOT_JSON"));
    }
  }
}

type Ending =
  | { readonly state: "done"; readonly result: string | undefined }
  | { readonly state: "failed"; readonly error: ReturnType<typeof storeError> }
  | { readonly state: "released" };

function failure(error: AosError): { outcome: Outcome; record: Ending } {
  const record: Ending = { state: "failed", error: storeError(error, RESULT_BYTES_MAX) };
  return { outcome: { ok: false, error }, record };
}

function checkRun(run: IdempotentRun): void {
  if (run.ttlMs !== undefined) wholeIn("idempotency: ttlMs", run.ttlMs, 1, WAIT_MS_MAX);
  const length = run.fingerprint?.length ?? 0;
  if (length > FINGERPRINT_MAX)
    throw new AosError("LIMIT_EXCEEDED", `a fingerprint has up to ${FINGERPRINT_MAX} characters, not ${length}; hash it`);
}

function conflict(key: string): AosError {
  return new AosError("IDEMPOTENCY_CONFLICT", `the key ${key} was used for something else; use another key for another payload`, {
    details: { key },
  });
}
