import type { AgentInfo, AosError, Commit, KernelEvent, Limits, LoadableAgent } from "../../kernel/index.ts";
import { isAosError, toAosError } from "../../kernel/index.ts";
import { type FaultRates, Faults, type ScriptedFault } from "./faults.ts";
import { replaceGlobals } from "./globals.ts";
import type { InvariantName, Violation } from "./invariants.ts";
import { committedOf, Model } from "./model.ts";
import { SimRandom } from "./random.ts";
import { OUTSIDE, settle, SimScheduler } from "./scheduler.ts";
import type { Machine } from "./sim-clock.ts";
import { SimDisk, SimNode } from "./sim-node.ts";
import { type SimEffect, SimOutside } from "./sim-outside.ts";
import { storeFaults } from "./store-check.ts";
import { tellUnit } from "./tell-unit.ts";
import { Trace } from "./trace.ts";
import { checkUnit } from "./unit-checks.ts";

/** What a simulation is made with. */
export interface SimulationParts {
  readonly seed: number;
  readonly agents: readonly LoadableAgent[];
  readonly rates: FaultRates;
  readonly script?: readonly ScriptedFault[] | undefined;
  readonly limits: Limits;
  /** What answers effects, by name. */
  readonly effects: Readonly<Record<string, SimEffect>>;
  readonly areCallsDistinct: boolean;
  /** Whether even `Date` is out of bounds. */
  readonly isStrict: boolean;
  readonly startAt: number;
  /** Limits of budgets by `type|quantity|period`. */
  readonly budgets?: Readonly<Record<string, number>> | undefined;
  /** Told of each decision, as it is hashed. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

const JUMP_MS = 1_800_000;
const RESTART_MS = 5_000;
const LOOK_AT_IDLE = 0.1;

/** One simulated system: its processes one after the other, its disk, its outside, its faults, and the model that watches it. */
export class Simulation {
  readonly random: SimRandom;
  readonly scheduler: SimScheduler;
  readonly trace: Trace;
  readonly model = new Model();
  readonly faults: Faults;
  readonly outside: SimOutside;
  readonly machine: Machine;
  readonly #parts: SimulationParts;
  readonly #disk = new SimDisk();
  readonly #looks: SimRandom;
  readonly #refused = new Set<string>();
  #node: SimNode | undefined;
  #nodes = 0;
  #survivors = new Set<number>();
  #isBypassed = false;
  #isRelaxed = false;
  #violation: Violation | undefined;
  #steps = 0;
  #restore: () => void;
  #isFull = false;
  #fault: unknown;
  /** The last process that had a batch or a unit of one fail. */
  #failed = 0;
  /** When the last process began, and the latest time that was stored by then. */
  #bootAt = 0;
  #bootLastAt = 0;
  /** Whether the wall clock jumped so far that windows of time may have passed. */
  hasJumped = false;
  /** Deaths of processes so far. */
  deaths = 0;
  /** Told when a process is up again. */
  onUp: () => void = () => undefined;
  /** Told after each batch that was committed. */
  onCommit: () => void = () => undefined;

  constructor(parts: SimulationParts) {
    this.#parts = parts;
    this.random = new SimRandom(parts.seed);
    this.#looks = this.random.stream("looks");
    this.trace = new Trace(parts.onTrace);
    this.scheduler = new SimScheduler(this.random.stream("order"), parts.startAt, (label, thrown) =>
      this.report("uncaught", `${label}: ${describe(thrown)}`),
    );
    const faults = new Faults(parts.rates, parts.script ?? [], this.random.stream("faults"), parts.startAt);
    this.faults = faults;
    this.machine = { skewMs: 0, lateMs: () => faults.lateMs(), soonMs: () => faults.lateMs() };
    this.outside = new SimOutside({
      faults,
      random: this.random.stream("outside"),
      scheduler: this.scheduler,
      model: this.model,
      report: (invariant, message) => this.report(invariant, message),
      tell: (line) => this.trace.add(line),
      effects: parts.effects,
      areCallsDistinct: parts.areCallsDistinct,
    });
    process.on("unhandledRejection", this.#unhandled);
    this.#restore = replaceGlobals({
      scheduler: this.scheduler,
      random: this.random.stream("globals"),
      now: () => this.#node?.clock.now() ?? this.scheduler.now,
      owner: () => (this.#node?.isAlive === true ? this.#node.no : OUTSIDE),
      escaped: (what) => this.report("escape", `${what} was called${callerOf(new Error())}`),
      thrown: (where, error) => this.report("uncaught", `${where}: ${describe(error)}`),
      isStrict: () => parts.isStrict && !this.#isRelaxed,
    });
  }

  /** Steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** The first invariant that broke. */
  get violation(): Violation | undefined {
    return this.#violation;
  }

  /** The process that is up; undefined while there is none. */
  get node(): SimNode | undefined {
    return this.#node?.isReady === true ? this.#node : undefined;
  }

  /** Notes that an invariant broke; the first one counts. */
  report(invariant: InvariantName | (string & {}), message: string): void {
    if (this.#violation !== undefined) return;
    this.#violation = { invariant, message, step: this.#steps };
    this.trace.add(`broken ${invariant}: ${message}`);
  }

  /** The sender was told that this was refused: it must never be handled. */
  refuse(id: string): void {
    this.#refused.add(id);
    if (this.model.knows(id)) this.report("refused", `${id} was refused to its sender, but is ${this.model.fates.get(id)}`);
  }

  /** Starts a process over what the last one left, at once or after a while. */
  boot(delayMs = 0): void {
    this.scheduler.after(OUTSIDE, delayMs, "boot", () => {
      const node = this.#make();
      this.#node = node;
      this.trace.add(`boot ${node.no}`);
      node.boot().then(
        () => this.#up(node),
        (thrown: unknown) => {
          if (!node.isAlive) return;
          if (!isAosError(thrown) || !["STORE_FAILED", "DISK_FULL"].includes(thrown.code))
            this.report("uncaught", `boot: ${describe(thrown)}`);
          node.die(`boot failed: ${describe(thrown)}`);
        },
      );
    });
  }

  /** Runs one step: what goes wrong by itself, then one task. False where nothing is left to run before `until`. */
  async step(until = Infinity): Promise<boolean> {
    this.#steps++;
    if (this.#fault !== undefined) throw this.#fault;
    // What was just asked for from outside gets as far as it does before anything else runs.
    await settle();
    this.#mischief();
    if (this.scheduler.isIdle && this.#looks.chance(LOOK_AT_IDLE)) await this.#look();
    const next = this.faults.nextAt;
    if (next !== undefined && this.scheduler.isIdle && next < Math.min(until, this.scheduler.nextAt ?? Infinity)) {
      this.scheduler.stall(Math.max(0, next - this.scheduler.now));
      return true;
    }
    return this.scheduler.step(until);
  }

  /** Reads without any fault and without leaving a trace. */
  async quietly<T>(read: (kernel: SimNode["kernel"]) => Promise<T>): Promise<T | undefined> {
    const node = this.node;
    if (node === undefined) return undefined;
    this.#isBypassed = true;
    try {
      return await read(node.kernel);
    } finally {
      this.#isBypassed = false;
    }
  }

  /** Runs code that is no part of what is simulated: a strict simulation lets it see the time. */
  relaxed<T>(run: () => T): T {
    this.#isRelaxed = true;
    try {
      return run();
    } finally {
      this.#isRelaxed = false;
    }
  }

  /** Compares what the store holds with what it said it had committed. */
  async checkStore(isDeep: boolean): Promise<void> {
    const store = this.#node?.inner;
    if (store === undefined || this.#node?.isAlive !== true) return;
    for (const fault of await storeFaults(store, this.model, isDeep)) this.report(fault.invariant, fault.message);
  }

  /** Ends it: the process's own time and randomness are back. */
  close(): void {
    this.#restore();
    this.#restore = () => undefined;
    process.removeListener("unhandledRejection", this.#unhandled);
    this.#node?.die("end");
    this.#disk.close();
  }

  readonly #unhandled = (thrown: unknown): void => this.report("uncaught", `a promise that nobody waits for: ${describe(thrown)}`);

  #make(): SimNode {
    const node: SimNode = new SimNode(++this.#nodes, {
      disk: this.#disk,
      scheduler: this.scheduler,
      machine: this.machine,
      limits: this.#parts.limits,
      agents: this.#parts.agents,
      outside: this.outside,
      entropySeed: this.random.stream(`entropy ${this.#nodes}`).int(2 ** 32),
      before: (call, given) => this.#before(node, call, given),
      committed: (units, outcomes) => this.#watched(() => this.#committed(node, units, outcomes)),
      died: (_node, where) => this.#died(where),
      report: (event) => this.#told(event),
      relaxed: (run) => this.relaxed(run),
    });
    // What is in the store now survived whatever ended the last process.
    this.#survivors = new Set(this.model.mail.keys());
    this.#bootAt = this.scheduler.now;
    this.#bootLastAt = this.model.lastAt;
    return node;
  }

  #up(node: SimNode): void {
    if (!node.isAlive) return;
    this.trace.add(`up ${node.no}`);
    this.onUp();
  }

  #died(where: string): void {
    this.trace.add(`death ${where}`);
    this.deaths++;
    this.outside.forget();
    if (where !== "end") this.boot(this.random.stream(`restart ${this.#nodes}`).between(1, RESTART_MS));
  }

  #before(node: SimNode, call: string, given: readonly unknown[]): ReturnType<Faults["storeCall"]> {
    if (this.#isBypassed) return "goes";
    this.trace.add(`store ${call}${call === "commit" ? ` ${(given[0] as readonly Commit[]).length}` : ""}`);
    if (this.#disk.owner !== node.no) this.report("owner", `process ${node.no} calls ${call}, but ${this.#disk.owner} owns the data`);
    const fate = this.faults.storeCall(call, this.scheduler.now);
    this.#fill(this.scheduler.now < this.faults.fullUntil);
    return fate;
  }

  #fill(isFull: boolean): void {
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#disk.setFull(isFull);
    this.trace.add(isFull ? "disk full" : "disk has room");
  }

  /** A fault of the simulator's own must not look like one of the store. */
  #watched(watch: () => void): void {
    try {
      watch();
    } catch (thrown) {
      this.#fault ??= thrown;
    }
  }

  #committed(node: SimNode, units: readonly Commit[], outcomes: readonly (AosError | undefined)[] | undefined): void {
    if (outcomes === undefined) {
      this.#failed = node.no;
      this.trace.add(`failed ${units.length}`);
      return;
    }
    // What is stored stays in the past, even where the machine's clock went back before the process began.
    const now = Math.max(node.clock.now(), Math.max(this.#bootLastAt, node.openedAt) + this.scheduler.now - this.#bootAt);
    const scene = {
      model: this.model,
      now,
      survivors: this.#survivors,
      storedAt: this.#bootLastAt,
      // Turns that failed with their batch put back what they had taken, above any limit.
      mailboxDepth: this.#failed === node.no ? Infinity : this.#parts.limits.mailboxDepth,
      budgets: this.#parts.budgets ?? {},
      refused: this.#refused,
      hasJumped: this.hasJumped,
      report: (invariant: InvariantName, message: string) => this.report(invariant, message),
    };
    for (const unit of committedOf(units, outcomes)) {
      this.trace.add(tellUnit(unit, this.model));
      checkUnit(this.model.fold(unit), scene);
    }
    for (const error of outcomes) {
      if (error === undefined) continue;
      this.#failed = node.no;
      this.trace.add(`removed ${error.code}`);
    }
    this.onCommit();
  }

  #told(event: KernelEvent): void {
    this.trace.add(`event ${event.event}`);
  }

  #mischief(): void {
    const { faults, scheduler, machine } = this;
    for (const due of faults.due(scheduler.now)) {
      if (due.fault === "death") this.#node?.die("as scripted");
      else if (due.fault === "diskFull") faults.fillDisk(scheduler.now);
      else if (due.fault === "storeFailure") faults.failNext();
      else if (due.fault === "clockJump") this.#jump(due.byMs);
    }
    if (faults.isHealed) return;
    if (faults.happens("death")) this.#node?.die("between two steps");
    if (faults.happens("clockJump")) this.#jump(faults.jumpMs());
    if (faults.happens("stall")) scheduler.stall(faults.stallMs());
    if (faults.happens("rival")) this.#rival();
    // A jump may not leave the machine's clock before the time at which the simulation began by more than a day.
    machine.skewMs = Math.max(machine.skewMs, -86_400_000);
  }

  #jump(byMs: number): void {
    this.trace.add(`jump ${byMs}`);
    this.machine.skewMs += byMs;
    if (Math.abs(byMs) > JUMP_MS) this.hasJumped = true;
  }

  /** A second process finds the data taken as long as the first one lives. */
  #rival(): void {
    if (this.#node?.isAlive !== true || this.#disk.owner === 0) return;
    try {
      this.#disk.take(this.#nodes + 1_000);
      this.report("owner", "a second process took the data from one that lives");
    } catch (thrown) {
      if (!isAosError(thrown, "DATA_LOCKED")) throw thrown;
    }
  }

  /** When nothing is ready to run, nobody is shown at work but those who wait for the outside or for another agent. */
  async #look(): Promise<void> {
    const node = this.node;
    if (node === undefined || node.clock.delayed > 0) return;
    const { storeIsDown, queued, inFlight } = node.kernel.stats();
    // Who waits for its turn because others hold all of them is counted as running.
    if (storeIsDown || (queued > 0 && inFlight > 0)) return;
    // After a crash mail may run alone, or wait for that: the others are held meanwhile, with work in hand.
    for (const mail of this.model.mail.values()) if (mail.row.marked > 0 || this.#survivors.has(mail.row.seq)) return;
    const page = await this.quietly((kernel) => kernel.agents({ state: "running" }, { limit: 1_000 }));
    await settle();
    for (const agent of page?.items ?? [])
      if (!this.isBusy(agent)) this.report("running", `${agent.address} is shown running, but does nothing`);
  }

  /** Whether an agent has something to wait for: a call, an answer. */
  isBusy: (agent: AgentInfo) => boolean = (agent) => this.outside.isCalled(`${agent.tenant}/${agent.type}/${agent.id}`);
}

/** The first line of a stack that is neither the simulator's nor Node's, by its file's name alone. */
function callerOf({ stack = "" }: Error): string {
  const own = /[\\/](?:src|dist)[\\/]testing[\\/]|\(node:|at node:|\(<anonymous>\)/;
  const line = stack.split("\n").find((each) => each.trimStart().startsWith("at ") && !own.test(each));
  const found = /([^\\/(]+):(\d+):\d+\)?$/.exec(line ?? "");
  return found === null ? "" : ` in ${found[1]}, line ${found[2]}`;
}

function describe(thrown: unknown): string {
  const error = toAosError(thrown);
  const stack = thrown instanceof Error ? ` (${thrown.stack?.split("\n")[1]?.trim() ?? ""})` : "";
  return `${error.code} ${error.message}${stack}`;
}
