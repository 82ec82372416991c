import { AosError } from "../errors.ts";
import type { RetryPolicy } from "../retry.ts";
import type { Input, Output, StandardSchema } from "./schema.ts";

/** A fact with a name and a payload; CloudEvents calls the name `type`. */
export interface EventType<N extends string = string, S extends StandardSchema = StandardSchema> {
  readonly kind: "event";
  readonly name: N;
  readonly data: S;
  readonly version: number;
  readonly upcast: Readonly<Record<number, (old: never) => unknown>>;
}

/** A request that may change state and is answered after its commit. */
export interface CommandType<I extends StandardSchema = StandardSchema, O extends StandardSchema = StandardSchema> {
  readonly kind: "command";
  readonly input: I;
  readonly output: O;
}

/** A pure read of the last committed state. */
export interface QueryType<I extends StandardSchema = StandardSchema, O extends StandardSchema = StandardSchema> {
  readonly kind: "query";
  readonly input: I;
  readonly output: O;
}

/** A versioned state with its schema, its first value and the migrations that lead to it. */
export interface StateType<S extends StandardSchema = StandardSchema> {
  readonly version: number;
  readonly schema: S;
  readonly initial: () => Input<S>;
  /** From version n to n + 1, by n. */
  readonly migrate: Readonly<Record<number, (old: never) => unknown>>;
}

/** May it run again after a crash? `safe`: yes. `key`: yes, under the same key. `reconcile`: ask first. `never`: no. */
export type Repeat = "safe" | "key" | "reconcile" | "never";

/** What an effect's code is given beside its input. */
export interface EffectCall {
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  /** Tells liveness that the call makes progress; extends the phase deadline. */
  readonly progress: () => void;
}

/** What the outside says of a call whose outcome is unknown. */
export type Reconciled<O> =
  | { readonly happened: true; readonly output: O }
  | { readonly happened: false }
  | { readonly happened: "unknown" };

/** How an effect behaves. */
export interface EffectSpec<I extends StandardSchema, O extends StandardSchema> {
  readonly input: I;
  readonly output: O;
  readonly risk?: "safe" | "reversible" | "irreversible" | undefined;
  /** `never` unless given. */
  readonly repeat?: Repeat | undefined;
  /** The idempotency key of an input; left out: derived from the envelope and the input. */
  readonly key?: ((input: Output<I>) => string) | undefined;
  /** Milliseconds until the call counts as timed out; 30,000 unless given, at most 600,000. */
  readonly timeoutMs?: number | undefined;
  /** Retries inside one turn attempt; none unless given. */
  readonly retry?: RetryPolicy | undefined;
  /** The breaker it shares with others; its own name unless given; `false` for none. */
  readonly breaker?: string | false | undefined;
  /** The work itself. Throw `AosError` with `retryable: false` for a final failure. */
  readonly run: (input: Output<I>, call: EffectCall) => Promise<Input<O>> | Input<O>;
  /** Asks the outside whether the call under this key happened; needed by `repeat: "reconcile"`. */
  readonly reconcile?: ((input: Output<I>, call: EffectCall) => Promise<Reconciled<Input<O>>>) | undefined;
}

/** A declared call to the outside world. */
export interface EffectType<
  N extends string = string,
  I extends StandardSchema = StandardSchema,
  O extends StandardSchema = StandardSchema,
> {
  readonly kind: "effect";
  readonly name: N;
  readonly input: I;
  readonly output: O;
  readonly spec: EffectSpec<I, O>;
}

const EVENT_NAME = /^[A-Za-z][A-Za-z0-9._:/-]{0,199}$/;

function named(what: string, name: string): void {
  if (!EVENT_NAME.test(name)) {
    throw new AosError("CONTRACT_INVALID", `${what} name "${name}" is not 1–200 of A-Z a-z 0-9 . _ : / -`, {
      details: { name },
    });
  }
}

/**
 * Declares an event type. A `version` above 1 needs an upcast from every version below it.
 * @throws AosError CONTRACT_INVALID where the name is malformed or an upcast is missing.
 */
export function event<N extends string, S extends StandardSchema>(
  name: N,
  data: S,
  options: {
    readonly version?: number;
    readonly upcast?: Readonly<Record<number, (old: never) => unknown>>;
  } = {},
): EventType<N, S> {
  named("event", name);
  const version = options.version ?? 1;
  chained(`event ${name}`, version, options.upcast ?? {});
  return { kind: "event", name, data, version, upcast: options.upcast ?? {} };
}

/** Declares a command; its name is its key in the contract. */
export function command<I extends StandardSchema, O extends StandardSchema>(input: I, output: O): CommandType<I, O> {
  return { kind: "command", input, output };
}

/** Declares a query; its name is its key in the contract. */
export function query<I extends StandardSchema, O extends StandardSchema>(input: I, output: O): QueryType<I, O> {
  return { kind: "query", input, output };
}

/**
 * Declares an effect.
 * @throws AosError CONTRACT_INVALID where the name is malformed or `reconcile` is missing though `repeat` asks for it.
 */
export function effect<N extends string, I extends StandardSchema, O extends StandardSchema>(
  name: N,
  spec: EffectSpec<I, O>,
): EffectType<N, I, O> {
  named("effect", name);
  if (spec.repeat === "reconcile" && spec.reconcile === undefined) {
    throw new AosError("CONTRACT_INVALID", `effect ${name} repeats by reconcile but has no reconcile function`);
  }
  return { kind: "effect", name, input: spec.input, output: spec.output, spec };
}

/**
 * Declares a versioned state; a version above 1 needs a migration from every version below it.
 * @throws AosError CONTRACT_INVALID where the version is not a whole number from 1 or a migration is missing.
 */
export function state<S extends StandardSchema>(
  version: number,
  schema: S,
  spec: {
    readonly initial: () => Input<S>;
    readonly migrate?: Readonly<Record<number, (old: never) => unknown>>;
  },
): StateType<S> {
  chained("state", version, spec.migrate ?? {});
  return { version, schema, initial: spec.initial, migrate: spec.migrate ?? {} };
}

function chained(what: string, version: number, steps: Readonly<Record<number, unknown>>): void {
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new AosError("CONTRACT_INVALID", `${what} version must be a whole number from 1`);
  }
  for (let from = 1; from < version; from++) {
    if (typeof steps[from] !== "function") {
      throw new AosError("CONTRACT_INVALID", `${what} is at version ${version} but nothing leads from version ${from}`);
    }
  }
}
