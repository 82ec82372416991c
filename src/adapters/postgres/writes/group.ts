import type { Commit } from "../../../kernel/index.ts";
import { isConditional } from "./ledger-writes.ts";

/** Whether a unit is likely enough to be refused that it gets a savepoint at once. */
export function isRisky(unit: Commit): boolean {
  return unit.ledger?.some(isConditional) === true;
}

/**
 * Cuts units into groups that can be written table by table instead of unit by unit with the same result. In a group nothing is
 * taken away that a unit before it put there, but for mail, whose seq is never used again. A risky unit stands alone.
 */
export function groupsOf(units: readonly Commit[]): readonly (readonly number[])[] {
  const groups: number[][] = [];
  let current: number[] = [];
  let touched = new Touched();
  const cut = (): void => {
    if (current.length > 0) groups.push(current);
    current = [];
    touched = new Touched();
  };
  for (const [at, unit] of units.entries()) {
    const standsAlone = isRisky(unit);
    if (standsAlone || touched.conflicts(unit)) cut();
    current.push(at);
    touched.add(unit);
    if (standsAlone) cut();
  }
  cut();
  return groups;
}

class Touched {
  readonly #timers = new Set<string>();
  readonly #dead = new Set<string>();
  readonly #droppedEffects = new Set<string>();
  #subscribes = false;

  conflicts({ timersOut, mailIn, effects, deadOut, unsubscribe }: Commit): boolean {
    return (
      timersOut?.some(({ agent, timer }) => this.#timers.has(`${agent} ${timer}`)) === true ||
      mailIn?.some(({ agent, timer }) => timer !== undefined && this.#timers.has(`${agent} ${timer}`)) === true ||
      effects?.some(({ envelope }) => this.#droppedEffects.has(envelope)) === true ||
      deadOut?.some((id) => this.#dead.has(id)) === true ||
      (this.#subscribes && unsubscribe !== undefined)
    );
  }

  add({ mailIn, effectsOut, deadIn, subscribe }: Commit): void {
    for (const { agent, timer } of mailIn ?? []) if (timer !== undefined) this.#timers.add(`${agent} ${timer}`);
    for (const envelope of effectsOut ?? []) this.#droppedEffects.add(envelope);
    for (const { id } of deadIn ?? []) this.#dead.add(id);
    this.#subscribes ||= subscribe !== undefined;
  }
}
