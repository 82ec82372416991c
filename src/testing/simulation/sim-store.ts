import type { AosError, Commit, Store } from "../../kernel/index.ts";
import type { CallFate } from "./faults.ts";

/** What a simulated process's calls to its store pass through. */
export interface StoreWatch {
  /** Whether the process that calls still lives. */
  readonly isAlive: () => boolean;
  /** Says what becomes of a call. */
  readonly before: (call: string, given: readonly unknown[]) => CallFate;
  /** Told of each batch: what became of its units, or that all of it failed. */
  readonly committed: (units: readonly Commit[], outcomes: readonly (AosError | undefined)[] | undefined) => void;
  /** The process dies here. */
  readonly die: (where: string) => void;
}

type Method = (...given: unknown[]) => unknown;

/** What a dead process gets from any call: nothing, ever. It hangs where it stands, as one that was killed does. */
const NEVER = new Promise<never>(() => undefined);
const AsyncFunction = (async () => undefined).constructor;

/** A store as one process sees it: each call is watched, and may fail or be the process's last one. */
export function watchedStore(inner: Store, watch: StoreWatch): Store {
  const wrapped = new Map<string | symbol, Method>();
  return new Proxy(inner, {
    get(target, name) {
      const found = wrapped.get(name);
      if (found !== undefined) return found;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name === "symbol") return value;
      const method = wrap(target, name, value as Method, watch);
      wrapped.set(name, method);
      return method;
    },
  });
}

function wrap(target: Store, name: string, method: Method, watch: StoreWatch): Method {
  const isAsync = method instanceof AsyncFunction;
  return (...given) => {
    if (!watch.isAlive()) return NEVER;
    const fate = watch.before(name, given);
    if (fate === "crashBefore") {
      watch.die(`before ${name}`);
      return NEVER;
    }
    if (typeof fate === "object") {
      if (name === "commit") watch.committed(given[0] as readonly Commit[], undefined);
      if (isAsync) return Promise.reject(fate);
      throw fate;
    }
    const answer = name === "commit" ? commit(target, given, method, watch) : method.apply(target, given);
    if (fate !== "crashAfter") return answer;
    // What a dead process was answered, or refused, nobody hears.
    if (answer instanceof Promise) answer.catch(() => undefined);
    watch.die(`after ${name}`);
    return NEVER;
  };
}

function commit(target: Store, given: readonly unknown[], method: Method, watch: StoreWatch): unknown {
  const units = given[0] as readonly Commit[];
  let outcomes: readonly (AosError | undefined)[] | undefined;
  try {
    const answer = method.apply(target, [...given]) as ReturnType<Store["commit"]>;
    // A store that answers later is told of when it has.
    if (answer instanceof Promise) return later(answer, units, watch);
    outcomes = answer;
  } catch (thrown) {
    watch.committed(units, undefined);
    throw thrown;
  }
  watch.committed(units, outcomes);
  return outcomes;
}

async function later(
  answer: Promise<readonly (AosError | undefined)[]>,
  units: readonly Commit[],
  watch: StoreWatch,
): Promise<readonly (AosError | undefined)[]> {
  const outcomes = await answer.catch((thrown: unknown) => {
    watch.committed(units, undefined);
    throw thrown;
  });
  watch.committed(units, outcomes);
  return watch.isAlive() ? outcomes : NEVER;
}
