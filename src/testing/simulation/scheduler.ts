import type { Cancel } from "../../kernel/index.ts";
import type { SimRandom } from "./random.ts";

interface Task {
  readonly owner: number;
  readonly label: string;
  readonly run: () => void;
}

interface Timer extends Task {
  readonly at: number;
  readonly order: number;
  isOff: boolean;
}

/** Real time's own, taken before anything replaces it: between two steps every promise reaction runs. */
const breathe = globalThis.setImmediate;

/** Who owns what belongs to no simulated process: the clients and the outside. */
export const OUTSIDE = 0;

/**
 * The only ready queue and the only timers of a simulation. One step runs one task. Time stands still while anything is
 * ready and then jumps to the next timer. Tasks of one owner keep their order, as a process's do; whose turn it is
 * among owners the seed decides.
 */
export class SimScheduler {
  readonly #random: SimRandom;
  readonly #ready = new Map<number, Task[]>();
  readonly #timers: Timer[] = [];
  readonly #onThrow: (label: string, thrown: unknown) => void;
  #now: number;
  #order = 0;

  constructor(random: SimRandom, startAt: number, onThrow: (label: string, thrown: unknown) => void) {
    this.#random = random;
    this.#now = startAt;
    this.#onThrow = onThrow;
  }

  /** True time, epoch ms; no clock need show it. */
  get now(): number {
    return this.#now;
  }

  get isIdle(): boolean {
    return this.#ready.size === 0;
  }

  /** When the next timer is due; undefined where none waits. */
  get nextAt(): number | undefined {
    this.#drop();
    return this.#timers[0]?.at;
  }

  /** Asks for a task to be run in a later step. */
  post(owner: number, label: string, run: () => void): void {
    const queue = this.#ready.get(owner);
    if (queue === undefined) this.#ready.set(owner, [{ owner, label, run }]);
    else queue.push({ owner, label, run });
  }

  /** Asks for a task to be run once `delayMs` have passed. */
  after(owner: number, delayMs: number, label: string, run: () => void): Cancel {
    const timer: Timer = { owner, label, run, at: this.#now + Math.max(0, delayMs), order: this.#order++, isOff: false };
    push(this.#timers, timer);
    return () => void (timer.isOff = true);
  }

  /** A process died: nothing that it asked for runs any more. */
  kill(owner: number): void {
    this.#ready.delete(owner);
    for (const timer of this.#timers) if (timer.owner === owner) timer.isOff = true;
  }

  /** Lets time pass while things wait, as it does on a machine that is busy. */
  stall(ms: number): void {
    this.#now += ms;
    this.#collect();
  }

  /** Runs one task and everything that follows from it at once; false where nothing is left to run before `until`. */
  async step(until = Infinity): Promise<boolean> {
    if (this.#ready.size === 0) {
      const next = this.nextAt;
      if (next === undefined || next > until) return false;
      this.#now = Math.max(this.#now, next);
    }
    this.#collect();
    const owners = [...this.#ready.keys()];
    const owner = owners.length === 1 ? owners[0] : this.#random.pick(owners);
    const queue = owner === undefined ? undefined : this.#ready.get(owner);
    const task = queue?.shift();
    if (owner !== undefined && queue?.length === 0) this.#ready.delete(owner);
    if (task !== undefined) this.run(task.label, task.run);
    await settle();
    return true;
  }

  /** Runs something at once, as a task is run: what it throws ends nobody but its process. */
  run(label: string, work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#onThrow(label, thrown);
    }
  }

  #collect(): void {
    for (let next = this.#timers[0]; next !== undefined && next.at <= this.#now; next = this.#timers[0]) {
      pop(this.#timers);
      if (!next.isOff) this.post(next.owner, next.label, next.run);
    }
  }

  #drop(): void {
    while (this.#timers[0]?.isOff === true) pop(this.#timers);
  }
}

/** Resolves when every promise reaction that could run has run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => void breathe(resolve));
}

function isBefore(left: Timer | undefined, right: Timer | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(heap[at], heap[parent])) return;
    swap(heap, at, parent);
    at = parent;
  }
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  for (let at = 0; ;) {
    const left = at * 2 + 1;
    const least = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
    if (!isBefore(heap[least], heap[at])) return;
    swap(heap, at, least);
    at = least;
  }
}

function swap(heap: Timer[], left: number, right: number): void {
  const kept = heap[left] as Timer;
  heap[left] = heap[right] as Timer;
  heap[right] = kept;
}
