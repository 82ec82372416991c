import { fullAddress, shortAddress, tenantOf } from "../address.ts";
import type { Core } from "../core.ts";
import { typesOf } from "./dependency-graph.ts";
import type { Directory } from "./directory.ts";
import type { AgentEntry } from "./entry.ts";
import { AosError } from "../errors.ts";
import type { MaybePromise } from "../store/store.ts";
import type { LoadedType } from "./types.ts";

/**
 * Who must be able to run before an agent does. An agent whose dependency cannot run keeps its mail and is noted here;
 * it is woken when anything that it may wait for has changed.
 */
export class Dependencies {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #wake: (agent: number) => void;
  /** Agents with mail that were held back, in memory or not. */
  readonly #waiting = new Set<number>();

  constructor(core: Core, directory: Directory, wake: (agent: number) => void) {
    this.#core = core;
    this.#directory = directory;
    this.#wake = wake;
  }

  /**
   * Refuses an agent that depends on a type which nobody ever loaded here; one whose code is only missing now will come.
   * @throws AosError DEPENDENCY_INVALID naming the path.
   */
  async check(type: LoadedType, path: readonly string[] = [type.name]): Promise<void> {
    for (const name of typesOf(type.contract)) {
      const loaded = this.#core.types.get(name);
      if (loaded !== undefined) await this.check(loaded, [...path, name]);
      else if ((await this.#core.store.fact(`type:${name}`)) === undefined) {
        const whole = [...path, name];
        throw new AosError(
          "DEPENDENCY_INVALID",
          `type ${type.name} depends on type ${name}, which is not known: ${whole.join(" → ")}; load it first`,
          { details: { path: whole } },
        );
      }
    }
  }

  /** Whether an agent may run now; where not, it is woken when that may have changed. */
  isSupported(entry: AgentEntry, type: LoadedType): boolean {
    const reason = this.reason(entry.address, type);
    if (reason === undefined) return true;
    this.#waiting.add(entry.no);
    // What had to be read first is known by then.
    if (reason instanceof Promise) void reason.then(() => this.#waiting.delete(entry.no) && this.#wake(entry.no)).catch(() => undefined);
    return false;
  }

  /** Something may run that could not before: who was held back is asked again. */
  changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const no of waiting) this.#wake(no);
  }

  /** What an agent of a type waits for, as `waits for cfo/main (quarantined)`; undefined where nothing holds it back. */
  reason(address: string, type: LoadedType): MaybePromise<string | undefined> {
    const dependsOn = type.contract.supervise?.dependsOn;
    if (dependsOn === undefined || dependsOn.length === 0) return undefined;
    const tenant = tenantOf(address);
    return first(
      dependsOn,
      (to) => this.#obstacle(to, tenant),
      (found) => `waits for ${found}`,
    );
  }

  #obstacle(to: string, from: string): MaybePromise<string | undefined> {
    const address = fullAddress(to, from);
    const found = this.#directory.get(address);
    return found instanceof Promise ? found.then((entry) => this.#obstacleAt(address, entry)) : this.#obstacleAt(address, found);
  }

  #obstacleAt(address: string, entry: AgentEntry | undefined): MaybePromise<string | undefined> {
    const name = shortAddress(address);
    if (entry === undefined) return `${name} (not registered)`;
    if (entry.status !== "initialized") return `${name} (${entry.status})`;
    const type = this.#core.types.get(entry.type);
    if (type === undefined) return `${name} (code-missing)`;
    return first(
      type.contract.supervise?.dependsOn ?? [],
      (to) => this.#obstacle(to, entry.tenant),
      (found) => `${name} → ${found}`,
    );
  }
}

/** The first answer to any of some questions, put into words; at once where all are answered at once. */
function first(
  questions: readonly string[],
  ask: (question: string) => MaybePromise<string | undefined>,
  say: (found: string) => string,
): MaybePromise<string | undefined> {
  for (const [at, question] of questions.entries()) {
    const found = ask(question);
    if (found instanceof Promise) {
      return found.then((answer) => (answer === undefined ? first(questions.slice(at + 1), ask, say) : say(answer)));
    }
    if (found !== undefined) return say(found);
  }
  return undefined;
}
