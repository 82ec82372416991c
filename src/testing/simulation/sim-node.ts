import { CronerCalendar } from "../../adapters/croner/index.ts";
import { memoryDatabase, SqliteStore } from "../../adapters/sqlite/index.ts";
import { createHash } from "node:crypto";
import { AosError, type Commit, Kernel, type KernelEvent, type Limits, type LoadableAgent, type Outside } from "../../kernel/index.ts";
import { SeededEntropy } from "../seeded-entropy.ts";
import type { CallFate } from "./faults.ts";
import { type Machine, SimClock } from "./sim-clock.ts";
import type { SimScheduler } from "./scheduler.ts";
import { watchedStore } from "./sim-store.ts";

/** What simulated processes own one after the other: it outlives each of them. */
export class SimDisk {
  readonly #database = memoryDatabase();
  /** The process that has it, 0 for none; released by death, as a file's lock is. */
  owner = 0;
  #last: SqliteStore | undefined;

  /**
   * The store as a process opens it.
   * @throws AosError DATA_LOCKED where another process lives on it.
   */
  take(process: number): SqliteStore {
    if (this.owner !== 0)
      throw new AosError("DATA_LOCKED", `process ${this.owner} owns the data: stop it first`, { details: { pid: this.owner } });
    this.owner = process;
    this.#last = new SqliteStore({ path: ":memory:", lent: this.#database });
    return this.#last;
  }

  /** Lets the database grow by no page from now on, or as much as it likes. */
  setFull(isFull: boolean): void {
    this.#database.exec(`PRAGMA max_page_count = ${isFull ? 1 : 2 ** 30}`);
  }

  /** What a transaction of a dead process left open goes with it. */
  release(process: number): void {
    if (this.owner !== process) return;
    this.owner = 0;
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }

  close(): void {
    this.#database.close();
  }
}

/** What a simulated process is made with. */
export interface NodeParts {
  readonly disk: SimDisk;
  readonly scheduler: SimScheduler;
  readonly machine: Machine;
  readonly limits: Limits;
  readonly agents: readonly LoadableAgent[];
  readonly outside: Outside;
  /** Seeds its ids and its randomness. */
  readonly entropySeed: number;
  readonly before: (call: string, given: readonly unknown[]) => CallFate;
  readonly committed: (units: readonly Commit[], outcomes: readonly (AosError | undefined)[] | undefined, node: SimNode) => void;
  readonly died: (node: SimNode, where: string) => void;
  readonly report: (event: KernelEvent) => void;
  /** Runs code that may see the time: the calendar's library asks what day it is where it need not. */
  readonly relaxed: <T>(run: () => T) => T;
}

/** One simulated process: a kernel over the store that the last one left. It may die at any call and at any step. */
export class SimNode {
  readonly no: number;
  readonly clock: SimClock;
  readonly #parts: NodeParts;
  #kernel: Kernel | undefined;
  #isAlive = true;
  /** Its store without anything that watches it. */
  inner: SqliteStore | undefined;
  /** The latest time that the store told it of. */
  openedAt = 0;
  /** Whether it is up: loaded, started, and open for mail. */
  isReady = false;

  constructor(no: number, parts: NodeParts) {
    this.no = no;
    this.#parts = parts;
    this.clock = new SimClock(parts.scheduler, parts.machine, no);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** @throws AosError UNAVAILABLE before it is up and after its death. */
  get kernel(): Kernel {
    if (this.#kernel !== undefined && this.#isAlive) return this.#kernel;
    throw new AosError("UNAVAILABLE", "the simulated process is not up");
  }

  /**
   * Opens the store, loads the code and starts.
   * @throws AosError DATA_LOCKED, and whatever the store fails with: the process then ends.
   */
  async boot(): Promise<void> {
    const { disk, limits, outside, report, agents, relaxed } = this.#parts;
    const inner = disk.take(this.no);
    this.inner = inner;
    const store = watchedStore(inner, {
      isAlive: () => this.#isAlive,
      before: this.#parts.before,
      committed: (units, outcomes) => this.#parts.committed(units, outcomes, this),
      die: (where) => this.die(where),
    });
    const open = inner.open.bind(inner);
    inner.open = async () => {
      const opened = await open();
      this.openedAt = opened.lastAt;
      return opened;
    };
    const calendar = new CronerCalendar();
    const kernel = await Kernel.open(
      {
        store,
        clock: this.clock,
        entropy: new SeededEntropy(this.#parts.entropySeed, this.clock),
        hasher: { sha256: (data) => createHash("sha256").update(data).digest("hex") },
        calendar: {
          next: (expression, timeZone, after) => relaxed(() => calendar.next(expression, timeZone, after)),
          validate: (expression, timeZone) => relaxed(() => calendar.validate(expression, timeZone)),
        },
        limits,
        outside,
        report,
      },
      { node: "sim", codeVersion: "sim", commandWaitMs: 30_000 },
    );
    for (const agent of agents) await kernel.load(agent);
    await kernel.start();
    if (!this.#isAlive) return;
    this.#kernel = kernel;
    this.isReady = true;
  }

  /** Ends at once, as a process that is killed does: what it held in memory is gone, nobody is told anything. */
  die(where: string): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.isReady = false;
    this.#parts.scheduler.kill(this.no);
    this.#parts.disk.release(this.no);
    this.#parts.died(this, where);
  }
}
