import type { Contract } from "../contract/contract.ts";
import type { CommandType, EffectType, EventType, QueryType } from "../contract/messages.ts";
import type { Calendar } from "../time/calendar.ts";
import { checkContract } from "../contract/check.ts";
import type { Hasher } from "../clock.ts";
import { AosError } from "../errors.ts";
import { canonicalJson } from "../json.ts";
import { checkRetryPolicy } from "../retry.ts";
import { validateSchedule } from "../time/schedule.ts";

/** A class that can be loaded: made by `PurposeDrivenAgent.define`, with its handlers. */
export interface LoadableAgent {
  readonly contract: Contract;
  new (): { readonly handlers?: unknown };
}

// Handlers were type-checked where they were written; here they are called by name.
type Loose = (...given: never[]) => unknown;

/** A handler in its long form. */
export interface HandlerParts {
  readonly run: Loose;
  readonly wakeIf?: Loose | undefined;
  readonly coalesce: boolean;
  readonly debounce?: string | undefined;
}

/** An agent type as the kernel runs it. */
export interface LoadedType {
  readonly contract: Contract;
  readonly name: string;
  /** The handlers of events by event name. */
  readonly events: ReadonlyMap<string, { readonly member: string; readonly type: EventType; readonly handler: HandlerParts }>;
  readonly commands: ReadonlyMap<string, { readonly type: CommandType; readonly handler: HandlerParts }>;
  readonly queries: ReadonlyMap<string, { readonly type: QueryType; readonly handler: HandlerParts }>;
  readonly schedules: ReadonlyMap<string, HandlerParts>;
  readonly effects: ReadonlyMap<string, EffectType>;
  /** What a turn is stamped with: 12 hex digits of the revision's hash. */
  readonly revision: string;
}

/** The agent types whose code is loaded in this process. */
export class TypeRegistry {
  readonly #types = new Map<string, LoadedType>();
  readonly #hasher: Hasher;
  readonly #calendar: Calendar;
  readonly #codeVersion: string;

  constructor(hasher: Hasher, calendar: Calendar, codeVersion: string) {
    this.#hasher = hasher;
    this.#calendar = calendar;
    this.#codeVersion = codeVersion;
  }

  /**
   * Loads a type: one frozen object of the class handles for all agents of the type.
   * Loading the same class again changes nothing.
   * @throws AosError CONTRACT_INVALID where the contract or a handler is missing or another class has the name.
   */
  load(agent: LoadableAgent): LoadedType {
    const { contract } = agent;
    if (contract === undefined) {
      throw new AosError("CONTRACT_INVALID", `${agent.name} has no contract: extend PurposeDrivenAgent.define({...})`);
    }
    const known = this.#types.get(contract.type);
    if (known !== undefined) {
      if (known.contract === contract) return known;
      throw new AosError("CONTRACT_INVALID", `another class is loaded as type ${contract.type}`);
    }
    checkContract(contract);
    for (const spec of Object.values(contract.schedules ?? {})) validateSchedule(spec, this.#calendar);
    if (contract.retry !== undefined) checkRetryPolicy(contract.retry);
    const loaded = this.#prepare(contract, instanceHandlers(agent));
    this.#types.set(contract.type, loaded);
    return loaded;
  }

  get(name: string): LoadedType | undefined {
    return this.#types.get(name);
  }

  all(): readonly LoadedType[] {
    return [...this.#types.values()];
  }

  #prepare(contract: Contract, handlers: Readonly<Record<string, unknown>>): LoadedType {
    const part = (member: string): HandlerParts => parts(contract.type, member, handlers[member]);
    const map = <T, V>(of: Readonly<Record<string, T>> | undefined, make: (member: string, type: T) => [string, V]): Map<string, V> =>
      new Map(Object.entries(of ?? {}).map(([member, type]) => make(member, type)));
    const described = describeContract(contract);
    return {
      contract,
      name: contract.type,
      events: map(contract.on, (member, type) => [type.name, { member, type, handler: part(member) }]),
      commands: map(contract.commands, (member, type) => [member, { type, handler: part(member) }]),
      queries: map(contract.queries, (member, type) => [member, { type, handler: part(member) }]),
      schedules: map(contract.schedules, (member) => [member, part(member)]),
      effects: new Map((contract.uses ?? []).map((type) => [type.name, type])),
      revision: this.#hasher.sha256(canonicalJson({ code: this.#codeVersion, contract: described })).slice(0, 12),
    };
  }
}

function instanceHandlers(agent: LoadableAgent): Readonly<Record<string, unknown>> {
  const { handlers } = new agent();
  if (typeof handlers !== "object" || handlers === null) {
    throw new AosError("CONTRACT_INVALID", `${agent.name} has no handlers: add \`readonly handlers = this.handle({...})\``);
  }
  return Object.freeze(handlers) as Readonly<Record<string, unknown>>;
}

function parts(type: string, member: string, handler: unknown): HandlerParts {
  if (typeof handler === "function") return { run: handler as Loose, coalesce: false };
  const long = handler as { run?: unknown; wakeIf?: unknown; coalesce?: unknown; debounce?: unknown } | undefined;
  if (typeof long?.run !== "function") {
    throw new AosError("CONTRACT_INVALID", `type ${type} has no handler "${member}"`);
  }
  return {
    run: long.run as Loose,
    wakeIf: typeof long.wakeIf === "function" ? (long.wakeIf as Loose) : undefined,
    coalesce: long.coalesce === true || long.debounce !== undefined,
    debounce: typeof long.debounce === "string" ? long.debounce : undefined,
  };
}

/** The contract without code: what is hashed into the revision, and shown. */
export function describeContract(contract: Contract): Readonly<Record<string, unknown>> {
  const names = (of: object | undefined): string[] => Object.keys(of ?? {});
  return {
    type: contract.type,
    purpose: contract.purpose,
    adapter: contract.adapter,
    tags: contract.tags ?? [],
    capabilities: contract.capabilities ?? [],
    stateVersion: contract.state.version,
    events: Object.values(contract.on ?? {}).map(({ name, version }) => ({ name, version })),
    commands: names(contract.commands),
    queries: names(contract.queries),
    effects: (contract.uses ?? []).map(({ name, spec }) => ({ name, repeat: spec.repeat ?? "never", risk: spec.risk })),
    schedules: contract.schedules ?? {},
    topics: (contract.topics ?? []).map(({ topic, event, where }) => ({ topic, event: event.name, where })),
    budget: contract.budget ?? {},
    supervise: contract.supervise,
    retry: contract.retry,
  };
}
