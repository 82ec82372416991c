import type { Attempt } from "../turn/attempt.ts";
import type { Breakers } from "./breakers.ts";
import type { Clock, Entropy } from "../clock.ts";
import type { EffectCall, EffectType, Reconciled } from "../contract/messages.ts";
import { validate } from "../contract/schema.ts";
import { AosError, isAosError, toAosError } from "../errors.ts";
import { isRetryWorthwhile, retryDelay } from "../retry.ts";

const TIMEOUT_MS = 30_000;
const TIMEOUT_MS_MAX = 600_000;

/** Stands between the gate and the outside, which it may answer for: a simulator does. */
export interface Outside {
  run(type: EffectType, input: unknown, call: OutsideCall): unknown;
  reconcile(type: EffectType, input: unknown, call: OutsideCall): Promise<Reconciled<unknown>>;
}

/** A call to the outside, and whose it is. */
export interface OutsideCall extends EffectCall {
  /** `tenant/type/id`. */
  readonly agent: string;
  readonly envelope: string;
  /** The memo key: the same for each attempt of one call. */
  readonly id: string;
}

/** The outside itself. */
const REAL: Outside = {
  run: (type, input, call) => type.spec.run(input, call),
  reconcile: async (type, input, call) => (await type.spec.reconcile?.(input, call)) ?? { happened: "unknown" },
};

/** What a call needs of its surroundings. */
export interface Caller {
  /** The call's memo key. */
  readonly id: string;
  readonly outside?: Outside | undefined;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly attempt: Attempt;
  readonly breaker: string | undefined;
  readonly breakers: Breakers;
  /** Set where a call ended without an answer: by its deadline, or with its attempt. */
  unanswered?: AosError | undefined;
  /** Told of an answer that came after that. */
  readonly late: (output: unknown) => void;
}

/**
 * Calls the outside: reconciles first where asked to, retries as the effect's own policy says, each try under a
 * deadline. The breaker learns of each try.
 */
export async function runEffect(caller: Caller, type: EffectType, input: unknown, key: string, isUnknown: boolean): Promise<unknown> {
  const { spec } = type;
  for (let attempt = 1; ; attempt++) {
    try {
      // A try that failed may have happened nevertheless, as one may whose process died.
      const known = isUnknown || attempt > 1 ? await reconciled(caller, type, input, key) : undefined;
      if (known !== undefined) return known.output;
      return await once(caller, type, input, key);
    } catch (thrown) {
      const policy = spec.retry;
      const isLast = policy === undefined || attempt >= policy.attempts || (spec.repeat ?? "never") === "never";
      if (isLast || caller.attempt.isDead || !isRetryWorthwhile(policy, thrown)) throw thrown;
      await sleep(caller, retryDelay(policy, attempt, caller.entropy.random()));
      caller.attempt.assertAlive();
    }
  }
}

/** What the outside says that an earlier call gave; undefined where it did not happen. */
async function reconciled(
  caller: Caller,
  type: EffectType,
  input: unknown,
  key: string,
): Promise<{ readonly output: unknown } | undefined> {
  const { repeat, reconcile } = type.spec;
  if (repeat !== "reconcile" || reconcile === undefined) return undefined;
  const answer = await tried(
    caller,
    () => deadline(caller, type, key, (call) => (caller.outside ?? REAL).reconcile(type, input, call)),
    true,
  );
  if (answer.happened === "unknown") {
    throw new AosError("EFFECT_IN_DOUBT", `the outside does not know whether effect ${type.name} happened`);
  }
  return answer.happened ? { output: await checked(type, answer.output) } : undefined;
}

async function once(caller: Caller, type: EffectType, input: unknown, key: string): Promise<unknown> {
  const output = await tried(caller, () =>
    deadline(caller, type, key, (call) => (caller.outside ?? REAL).run(type, input, call), caller.late),
  );
  return checked(type, output);
}

/** Tells the breaker how a call to the outside went. */
async function tried<T>(caller: Caller, run: () => Promise<T>, isQuestion = false): Promise<T> {
  const { breaker, breakers } = caller;
  try {
    const output = await run();
    if (breaker !== undefined) {
      if (isQuestion) breakers.answered(breaker);
      else breakers.succeeded(breaker);
    }
    return output;
  } catch (thrown) {
    if (breaker !== undefined) {
      if (caller.attempt.isDead) breakers.left(breaker);
      // A final answer shows that the outside is there.
      else if (isAosError(thrown) && !thrown.retryable) breakers.succeeded(breaker);
      else breakers.failed(breaker);
    }
    throw toAosError(thrown, "EFFECT_FAILED");
  }
}

/** Checks what a call answered. @throws AosError EFFECT_FAILED, final. */
export async function checked(type: EffectType, output: unknown): Promise<unknown> {
  try {
    return await validate(type.output, output, `output of effect ${type.name}`);
  } catch (thrown) {
    // The call happened; only what it answered is unusable, and calling again would not mend that.
    throw new AosError("EFFECT_FAILED", toAosError(thrown).message, { cause: thrown, retryable: false });
  }
}

async function deadline<T>(
  caller: Caller,
  type: EffectType,
  key: string,
  run: (call: OutsideCall) => T | Promise<T>,
  onLate?: (output: T) => void,
): Promise<T> {
  const { attempt, clock } = caller;
  const timeoutMs = Math.min(type.spec.timeoutMs ?? TIMEOUT_MS, TIMEOUT_MS_MAX);
  const own = new AbortController();
  const outer = attempt.signal;
  const late = Promise.withResolvers<never>();
  const leave = (error: AosError): void => {
    caller.unanswered = error;
    late.reject(error);
  };
  const onAbort = (): void => {
    own.abort(outer.reason);
    leave(toAosError(outer.reason, "TURN_ABORTED"));
  };
  const cancel = clock.at(clock.now() + timeoutMs, () => {
    const error = new AosError("EFFECT_TIMEOUT", `effect ${type.name} did not answer within ${timeoutMs} ms`, {
      details: { effect: type.name, timeoutMs },
    });
    own.abort(error);
    leave(error);
  });
  outer.addEventListener("abort", onAbort, { once: true });
  const progress = (): void => void (attempt.progressAt = clock.monotonic());
  // A call may legitimately last as long as its own deadline says.
  attempt.calls++;
  attempt.patientUntil = Math.max(attempt.patientUntil, clock.monotonic() + timeoutMs + 1_000);
  try {
    const answer = run({
      idempotencyKey: key,
      signal: own.signal,
      progress,
      agent: attempt.entry.address,
      envelope: attempt.mail.envelope.id,
      id: caller.id,
    });
    if (onLate !== undefined && answer instanceof Promise) {
      void answer.then(
        (output) => caller.unanswered !== undefined && onLate(output),
        () => undefined,
      );
    }
    return await Promise.race([answer, late.promise]);
  } finally {
    cancel();
    outer.removeEventListener("abort", onAbort);
    if (--attempt.calls === 0) attempt.patientUntil = 0;
    progress();
  }
}

function sleep(caller: Caller, ms: number): Promise<void> {
  return new Promise((resolve) => {
    caller.clock.at(caller.clock.now() + ms, resolve);
  });
}
