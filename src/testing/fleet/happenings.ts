import {
  type AgentClass,
  AosError,
  type CommandType,
  DEFAULT_TENANT,
  type Duration,
  type EventType,
  formatAddress,
  fullAddress,
  type Input,
  type Move,
  parseDuration,
} from "../../kernel/index.ts";
import type { SimRandom } from "../simulation/random.ts";

/** Whom something is for: a type and an id, or `type/id`. */
export type SimulatedTarget = readonly [type: AgentClass, id: string] | string;

/** When something happens: once, at regular times, or so many times a day at moments that the seed chooses. */
export type Moments = { readonly at: Duration } | { readonly every: Duration } | { readonly perDay: number };

/** A payload, or what makes one: `count` is how many came before it. */
export type Made<T> = T | ((random: SimRandom, count: number) => T);

/** Something that comes from outside while a fleet is simulated; made by `sends`, `commands` and `operates`. */
export interface Happening {
  readonly kind: "event" | "command" | "move";
  readonly name: string;
  /** `tenant/type/id`; left out: every agent that accepts the event. */
  readonly target: string | undefined;
  readonly version: number | undefined;
  readonly data: Made<unknown>;
  readonly key: ((data: never) => string) | undefined;
  readonly moments: Moments;
}

const DAY_MS = 86_400_000;
const PER_DAY_MAX = 1_000_000;

/**
 * An event that somebody sends. It is sent again under its key until it is acknowledged.
 * @throws AosError USAGE where the moments are none, ADDRESS_INVALID.
 */
export function sends<E extends EventType>(
  event: E,
  how: Moments & {
    /** Left out: every agent whose contract accepts the event. */
    readonly to?: SimulatedTarget;
    readonly data: Made<Input<E["data"]>>;
    /** The key under which it is deduplicated; one of its own unless given. */
    readonly key?: (data: Input<E["data"]>) => string;
  },
): Happening {
  const version = event.version > 1 ? event.version : undefined;
  const target = how.to === undefined ? undefined : addressOf(how.to);
  return { kind: "event", name: event.name, target, version, data: how.data, key: how.key, moments: checked(how) };
}

type Commands<A extends AgentClass> = NonNullable<A["contract"]["commands"]>;
type CommandInput<C> = C extends CommandType<infer I> ? Input<I> : never;

/**
 * A command that somebody runs.
 * @throws AosError USAGE where the moments are none, ADDRESS_INVALID.
 */
export function commands<A extends AgentClass, K extends keyof Commands<A> & string>(
  to: readonly [type: A, id: string],
  name: K,
  how: Moments & { readonly input: Made<CommandInput<Commands<A>[K]>> },
): Happening {
  return { kind: "command", name, target: addressOf(to), version: undefined, data: how.input, key: undefined, moments: checked(how) };
}

/**
 * What an operator does with an agent: pause, resume, kill, quarantine, terminate.
 * @throws AosError USAGE where the moments are none, ADDRESS_INVALID.
 */
export function operates(to: SimulatedTarget, move: Move, how: Moments): Happening {
  return { kind: "move", name: move, target: addressOf(to), version: undefined, data: null, key: undefined, moments: checked(how) };
}

/** How long until a happening's next moment, ms; undefined where there is none any more. */
export function gapMs(moments: Moments, count: number, random: SimRandom): number | undefined {
  if ("at" in moments) return count === 0 ? parseDuration(moments.at) : undefined;
  if ("every" in moments) return parseDuration(moments.every);
  return Math.max(1, Math.round(random.next() * 2 * (DAY_MS / moments.perDay)));
}

function checked(given: Moments): Moments {
  if ("at" in given) return { at: parseDuration(given.at) };
  if ("every" in given) {
    const every = parseDuration(given.every);
    if (every < 1) throw new AosError("USAGE", "`every` is at least a millisecond");
    return { every };
  }
  const { perDay } = given;
  if (!(perDay > 0 && perDay <= PER_DAY_MAX))
    throw new AosError("USAGE", `\`perDay\` is more than 0 and at most ${PER_DAY_MAX}, not ${perDay}: or say \`at\` or \`every\``);
  return { perDay };
}

function addressOf(target: SimulatedTarget): string {
  return typeof target === "string" ? fullAddress(target) : formatAddress(target[0].contract.type, target[1], DEFAULT_TENANT);
}
