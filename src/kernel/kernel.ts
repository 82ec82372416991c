import { fullAddress, shortAddress } from "./address.ts";
import type {
  AgentInfo,
  AgentSelection,
  CommandResult,
  DeadLetterInfo,
  EffectInfo,
  KernelApi,
  KernelStats,
  MailInfo,
  Move,
  Page,
  Registration,
  Resolution,
  ScheduleInfo,
} from "./api.ts";
import type { ParkCondition } from "./turn/attempt.ts";
import type { Platform } from "./core.ts";
import { AosError } from "./errors.ts";
import { dropOrphans, examine, type Patient } from "./health/examiner.ts";
import type { Finding } from "./health/findings.ts";
import { reportStorage, type StorageReport } from "./health/storage.ts";
import { Gate } from "./effects/gate.ts";
import type { Ack, Arrival } from "./mail/intake.ts";
import { runQuery } from "./turn/queries.ts";
import { concerns, readRecord, type TurnRecord } from "./turn/record.ts";
import type { Described } from "./time/schedule-desk.ts";
import type { RolledBack, UpgradeStatus } from "./upgrade/ramper.ts";
import type { Ramp, RampOptions } from "./upgrade/ramp.ts";
import type { AgentJournal } from "./replay/journal-file.ts";
import { readAgentJournal } from "./replay/read-journal.ts";
import { type AgentSnapshot, type SnapshotSelection, storedContracts, takeSnapshots } from "./upgrade/snapshot.ts";
import { showState } from "./turn/migrate.ts";
import { ensureIncarnation } from "./store/incarnation.ts";
import type { Commit, EffectState } from "./store/store.ts";
import { checkPattern } from "./mail/topics.ts";
import { describeContract, type LoadableAgent } from "./agents/types.ts";
import type { TimelineApi } from "./timeline/timeline.ts";
import type { TransferApi } from "./transfer/transfer.ts";
import { Assembly, type KernelOptions } from "./assembly.ts";

/** The kernel: what the rest of the system may ask of its parts. */
export class Kernel implements KernelApi {
  readonly #parts: Assembly;
  readonly #options: KernelOptions;
  #hasStarted = false;
  readonly #wasClean: boolean;

  /** Opens a store and takes up what it holds. Nothing runs until `start`. */
  static async open(platform: Platform, options: KernelOptions): Promise<Kernel> {
    const opened = await platform.store.open();
    try {
      await ensureIncarnation(platform.store, platform.clock, platform.entropy);
      const parts = new Assembly(platform, options, opened);
      await parts.dedupe.recall();
      await parts.ramper.recall();
      return new Kernel(parts, options, opened.wasClean);
    } catch (thrown) {
      // Left open it would keep its data from the next attempt. Why it failed first is what must be told.
      await platform.store.close(false).catch(() => undefined);
      throw thrown;
    }
  }

  private constructor(parts: Assembly, options: KernelOptions, wasClean: boolean) {
    this.#parts = parts;
    this.#options = options;
    this.#wasClean = wasClean;
  }

  /** The gate of effects; later services hook into it. */
  get gate(): Gate {
    return this.#parts.gate;
  }

  /** The history of agents: looked at, gone back to, branched from. */
  get timeline(): TimelineApi {
    return this.#parts.timeline;
  }

  /** Agents taken out, and in. */
  get transfer(): TransferApi {
    return this.#parts.transfer;
  }

  async load(agent: LoadableAgent): Promise<void> {
    const isNew = this.#parts.core.types.get(agent.contract?.type) === undefined;
    const type = this.#parts.core.types.load(agent);
    const name = `type:${type.name}`;
    const described = JSON.stringify(describeContract(type.contract));
    const before = await this.#parts.core.store.fact(name);
    if (before !== described) {
      await this.#parts.core.committer.write({ facts: { [name]: described } });
      if (before !== undefined) await this.#parts.desk.replan(type, JSON.parse(before) as Described);
    }
    if (!isNew) return;
    await this.#parts.agenda.codeArrived(type.name);
    // What waits for this code, or for an agent that now can run, goes on.
    if (!this.#parts.dispatcher.isPaused) await this.#parts.rescan();
  }

  /** Begins to work: mail that waits is dispatched, timers are armed. */
  async start(): Promise<void> {
    this.#hasStarted = true;
    for (const no of this.#options.blamed ?? []) await this.#parts.blame(no);
    await this.#parts.letters.doubtAbandoned();
    await this.#parts.letters.releaseSettled();
    this.#parts.agenda.isStopped = false;
    this.#parts.dispatcher.resume();
    for (const no of await this.#parts.core.store.readyAgents()) this.#parts.dispatcher.wakeNo(no);
    this.#parts.agenda.refresh();
    this.#parts.upkeep.keepHouse();
    this.#parts.ramper.start();
  }

  /**
   * Drains and closes: nothing new is accepted, turns in flight may finish within `drainMs`, what is pending is
   * written, the store is marked clean.
   */
  async stop(drainMs: number): Promise<void> {
    this.#parts.intake.isClosed = true;
    this.#parts.dispatcher.isPaused = true;
    this.#parts.agenda.stop();
    this.#parts.upkeep.stop();
    this.#parts.ramper.stop();
    const { clock } = this.#parts.core;
    const late = Promise.withResolvers<void>();
    const cancel = clock.at(clock.now() + drainMs, late.resolve);
    await Promise.race([this.#parts.dispatcher.whenIdle(), late.promise]);
    cancel();
    for (const attempt of this.#parts.dispatcher.inFlight)
      attempt.abort(new AosError("SHUTTING_DOWN", "the system shut down before the turn ended"));
    this.#parts.liveness.stop();
    await this.#parts.core.committer.drained();
    // Where nothing ran, an unclean death before is still to be dealt with.
    await this.#parts.core.store.close(this.#hasStarted || this.#wasClean);
  }

  async register(type: string, registration: Registration): Promise<{ readonly address: string; readonly created: boolean }> {
    const { address, created } = await this.#parts.lifecycle.register(type, registration);
    return { address: shortAddress(address), created };
  }

  registerMany(
    type: string,
    registrations: readonly Registration[],
    progress?: (done: number) => void,
  ): Promise<{ readonly created: number; readonly existing: number }> {
    return this.#parts.lifecycle.registerMany(type, registrations, progress);
  }

  async move(address: string, move: Move, options?: { readonly reason?: string; readonly by?: string }): Promise<AgentInfo> {
    const entry = await this.#parts.lifecycle.move(fullAddress(address), move, options);
    return this.#parts.reader.agent(entry.address);
  }

  moveAll(
    selection: AgentSelection,
    move: Move,
    options: { readonly reason?: string; readonly by?: string } = {},
  ): Promise<{ readonly moved: number; readonly refused: number }> {
    return this.#parts.lifecycle.moveAll((cursor) => this.#parts.reader.agents(selection, { cursor, limit: 1_000 }), move, options);
  }

  accept(arrival: Arrival): Promise<Ack> {
    this.#parts.tally.accepted++;
    return this.#parts.intake.accept(arrival);
  }

  async route(tenant: string, arrival: Omit<Arrival, "target">): Promise<readonly (Ack & { readonly agent: string })[]> {
    const found = await this.#parts.routing.accepting(tenant, arrival.name);
    return Promise.all(
      found.map(async ({ address }) => ({ ...(await this.accept({ ...arrival, target: address })), agent: shortAddress(address) })),
    );
  }

  publish(
    tenant: string,
    topic: string,
    arrival: Omit<Arrival, "target" | "kind">,
  ): Promise<{ readonly id: string; readonly receivers: number; readonly duplicate: boolean }> {
    return this.#parts.publisher.publish(tenant, topic, arrival);
  }

  /** Subscribes an agent to a topic pattern; `*` as event takes all, wrapped. Asking again changes nothing. */
  async subscribe(
    address: string,
    pattern: string,
    event: string,
    where?: Readonly<Record<string, string | number | boolean | null>>,
  ): Promise<void> {
    checkPattern(pattern);
    const entry = await this.#parts.reader.entry(fullAddress(address));
    const filter = where === undefined ? undefined : JSON.stringify(where);
    await this.#parts.core.committer.write({
      unsubscribe: [{ agent: entry.no, pattern }],
      subscribe: [{ tenant: entry.tenant, pattern, agent: entry.no, event, filter }],
    });
  }

  async unsubscribe(address: string, pattern: string): Promise<void> {
    const entry = await this.#parts.reader.entry(fullAddress(address));
    await this.#parts.core.committer.write({ unsubscribe: [{ agent: entry.no, pattern }] });
  }

  command(arrival: Omit<Arrival, "kind">, waitMs: number = this.#options.commandWaitMs): Promise<CommandResult> {
    return this.#parts.replies.command({ ...arrival, target: fullAddress(arrival.target) }, waitMs);
  }

  reply(id: string): Promise<{ readonly output: unknown } | undefined> {
    return this.#parts.replies.reply(id);
  }

  async query(address: string, name: string, input: unknown): Promise<unknown> {
    const entry = await this.#parts.reader.entry(fullAddress(address));
    return runQuery(this.#parts.lifecycle.typeOf(entry.type), entry, name, input);
  }

  wake(address: string): Promise<Ack> {
    return this.accept({ target: fullAddress(address), kind: "wake", name: "wake", source: "operator" });
  }

  outcome(id: string, timeoutMs: number): Promise<TurnRecord | undefined> {
    return this.#parts.outcomes.wait(id, this.#parts.core.clock, timeoutMs);
  }

  agents(
    selection: AgentSelection,
    page: { readonly cursor?: string | undefined; readonly limit?: number | undefined } = {},
  ): Promise<Page<AgentInfo>> {
    return this.#parts.reader.agents(selection, page);
  }

  /** Whether there is an agent of that address, terminated ones included. */
  async has(address: string): Promise<boolean> {
    return (await this.#parts.directory.get(fullAddress(address))) !== undefined;
  }

  agent(address: string): Promise<AgentInfo> {
    return this.#parts.reader.agent(fullAddress(address));
  }

  async state(address: string): Promise<{ readonly state: unknown; readonly version: number; readonly turn: number }> {
    const entry = await this.#parts.reader.entry(fullAddress(address));
    return { ...showState(this.#parts.core.types.get(entry.type), entry), turn: entry.turn };
  }

  journal(address: string, after = 0, limit = 100): Promise<readonly TurnRecord[]> {
    return this.#parts.reader.journal(fullAddress(address), after, limit);
  }

  stream(options: {
    readonly after?: number | undefined;
    readonly agent?: string | undefined;
    readonly tenant?: string | undefined;
    readonly signal: AbortSignal;
  }): AsyncIterable<TurnRecord> {
    return this.#parts.feed.follow({ ...options, agent: options.agent === undefined ? undefined : fullAddress(options.agent) });
  }

  lastRecord(): number {
    return this.#parts.feed.last;
  }

  async why(id: string): Promise<readonly TurnRecord[]> {
    const rows = await this.#parts.core.store.journalWith(JSON.stringify(id).slice(1, -1), 1_000);
    return rows
      .map(readRecord)
      .filter((record) => concerns(record, id))
      .toReversed();
  }

  mailbox(address: string): Promise<readonly MailInfo[]> {
    return this.#parts.reader.mailbox(fullAddress(address));
  }

  deadLetters(
    filter: { readonly agent?: string | undefined; readonly tenant?: string | undefined; readonly reason?: string | undefined },
    page: { readonly cursor?: string | undefined; readonly limit?: number | undefined } = {},
  ): Promise<Page<DeadLetterInfo>> {
    return this.#parts.reader.deadLetters(filter, page, (row) => this.#parts.letters.info(row));
  }

  async deadLetter(id: string): Promise<DeadLetterInfo> {
    return this.#parts.letters.info(await this.#parts.letters.find(id));
  }

  redrive(id: string, options: { readonly fresh?: boolean } = {}): Promise<{ readonly id: string; readonly agent: string }> {
    return this.#parts.letters.redrive(id, options.fresh === true);
  }

  async redriveAll(
    filter: { readonly agent?: string | undefined; readonly reason?: string | undefined },
    options: { readonly fresh?: boolean } = {},
  ): Promise<number> {
    let count = 0;
    for await (const id of this.#parts.reader.deadIds(filter)) {
      await this.#parts.letters.redrive(id, options.fresh === true);
      count++;
    }
    return count;
  }

  drop(id: string): Promise<void> {
    return this.#parts.letters.drop(id);
  }

  async effects(filter: {
    readonly state?: EffectState | undefined;
    readonly agent?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly EffectInfo[]> {
    const agent = filter.agent === undefined ? undefined : (await this.#parts.reader.entry(fullAddress(filter.agent))).no;
    const rows = await this.#parts.core.store.listEffects({ state: filter.state, agent, limit: filter.limit ?? 100 });
    return Promise.all(rows.map((row) => this.#parts.letters.effectInfo(row)));
  }

  async resolveEffect(id: string, resolution: Resolution): Promise<EffectInfo> {
    return this.#parts.letters.effectInfo(await this.#parts.letters.resolve(id, resolution));
  }

  /** Lets parked mail go on that waits for this condition; gives how many. */
  release(kind: ParkCondition["kind"], on: string): Promise<number> {
    return this.#parts.letters.release(kind, on);
  }

  schedules(address?: string): Promise<readonly ScheduleInfo[]> {
    return this.#parts.desk.list(address === undefined ? undefined : fullAddress(address));
  }

  previewSchedule(address: string, name: string, count: number): Promise<readonly number[]> {
    return this.#parts.desk.preview(fullAddress(address), name, count);
  }

  async runSchedule(address: string, name: string): Promise<Ack> {
    await this.#parts.desk.spec(fullAddress(address), name);
    return this.accept({ target: fullAddress(address), kind: "schedule", name, source: "operator" });
  }

  types(): readonly { readonly name: string; readonly revision: string; readonly contract: Readonly<Record<string, unknown>> }[] {
    return this.#parts.core.types.all().map(({ name, revision, contract }) => ({ name, revision, contract: describeContract(contract) }));
  }

  replayable(address: string, turnsMax?: number): Promise<AgentJournal | undefined> {
    return readAgentJournal(this.#parts.core.store, fullAddress(address), turnsMax);
  }

  async snapshots(selection: SnapshotSelection): Promise<Page<AgentSnapshot>> {
    const { limit = 1, turns = 0 } = selection;
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1_000 && Number.isInteger(turns) && turns >= 0 && turns <= 1_000))
      throw new AosError("LIMIT_EXCEEDED", "a page has 1–1,000 agents, each with 0–1,000 turns", { details: { limit, turns } });
    return takeSnapshots(this.#parts.core.store, selection);
  }

  storedContracts(): Promise<readonly { readonly name: string; readonly contract: unknown }[]> {
    return storedContracts(this.#parts.core.store);
  }

  async applyUpgrade(type: string, options: RampOptions): Promise<Ramp> {
    return this.#parts.ramper.apply(this.#parts.lifecycle.typeOf(type), options);
  }

  async rollbackUpgrade(type: string): Promise<RolledBack> {
    // A type whose code is gone may be put back as well, but one that never was is a slip of the pen.
    if ((await this.#parts.core.store.fact(`type:${type}`)) === undefined) this.#parts.lifecycle.typeOf(type);
    return this.#parts.ramper.rollback(type);
  }

  async upgradeStatus(type?: string): Promise<readonly UpgradeStatus[]> {
    const types = type === undefined ? this.#parts.core.types.all() : [this.#parts.lifecycle.typeOf(type)];
    return Promise.all(types.map((each) => this.#parts.ramper.status(each)));
  }

  stats(): KernelStats {
    const { turns, kinds, accepted, duplicates, commits, units, effects } = this.#parts.tally;
    return {
      turns,
      kinds,
      wakes: this.#parts.dispatcher.wakes,
      wastedWakes: this.#parts.dispatcher.wastedWakes,
      accepted,
      duplicates,
      commits,
      committedUnits: units,
      effects,
      inFlight: this.#parts.dispatcher.inFlight.size,
      agentsInMemory: this.#parts.directory.size,
      queued: this.#parts.dispatcher.queued,
      storeIsDown: this.#parts.upkeep.isDown,
      breakers: this.#parts.gate.breakers.list(),
    };
  }

  /** Writes a unit of a service that stands on the kernel. */
  write(commit: Pick<Commit, "ledger">): Promise<void> {
    return this.#parts.core.committer.write(commit);
  }

  usage(): Promise<Readonly<Record<string, number>>> {
    return this.#parts.core.store.usage();
  }

  storage(): Promise<StorageReport> {
    return reportStorage(this.#parts.core);
  }

  examine(): Promise<readonly Finding[]> {
    return examine(this.#patient);
  }

  mend(): Promise<Readonly<Record<"mail" | "effects" | "subscriptions", number>>> {
    return dropOrphans(this.#patient);
  }

  get #patient(): Patient {
    const { core, machine, upkeep, dispatcher } = this.#parts;
    return { core, machine, isWorking: this.#hasStarted && !dispatcher.isPaused, isDown: upkeep.isDown };
  }
}
