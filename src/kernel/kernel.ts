import { fullAddress, shortAddress } from "./address.ts";
import { Agenda } from "./time/agenda.ts";
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
import type { Attempt, ParkCondition } from "./turn/attempt.ts";
import { BREAKER_POLICY, Breakers } from "./effects/breakers.ts";
import { notBefore } from "./clock.ts";
import { Committer } from "./store/committer.ts";
import type { ContextParts } from "./turn/context.ts";
import { type Core, Numbers, type Platform } from "./core.ts";
import { ChainBudget } from "./effects/chain-budget.ts";
import { Counters } from "./effects/counters.ts";
import { DedupeIndex } from "./mail/dedupe.ts";
import { Dependencies } from "./agents/dependencies.ts";
import { Directory } from "./agents/directory.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { AgentEntry } from "./agents/entry.ts";
import { AosError } from "./errors.ts";
import { Feed } from "./feed.ts";
import { Gate } from "./effects/gate.ts";
import { type Ack, type Arrival, Intake } from "./mail/intake.ts";
import { Letters } from "./mail/letters.ts";
import { Lifecycle } from "./agents/lifecycle.ts";
import { Liveness } from "./agents/liveness.ts";
import type { Mail } from "./mail/mailbox.ts";
import { runQuery } from "./turn/queries.ts";
import { Outbox, type Told } from "./mail/outbox.ts";
import { Outcomes } from "./turn/outcomes.ts";
import { Publisher } from "./mail/publisher.ts";
import { Reader } from "./reader.ts";
import { concerns, readRecord, type RecordBody, type TurnRecord } from "./turn/record.ts";
import { isFinal, Replies } from "./turn/replies.ts";
import { Routing } from "./mail/routing.ts";
import { Runner, type Watch } from "./turn/runner.ts";
import { type Described, ScheduleDesk } from "./time/schedule-desk.ts";
import { digestOf, Settler } from "./turn/settle.ts";
import { Spawner } from "./agents/spawner.ts";
import { readState } from "./turn/migrate.ts";
import type { Commit, EffectState, JournalWrite, ReplyRow, Store } from "./store/store.ts";
import { failureOf, Supervision } from "./agents/supervision.ts";
import { Upkeep } from "./store/upkeep.ts";
import { Tally } from "./tally.ts";
import { checkPattern } from "./mail/topics.ts";
import { describeContract, type LoadableAgent, TypeRegistry } from "./agents/types.ts";

/** What a kernel is made with, beside its platform. */
export interface KernelOptions {
  /** The node's name, shown in lists. */
  readonly node: string;
  /** A digest of the code that is loaded: part of every revision. */
  readonly codeVersion: string;
  /** Told which agent's code runs; 0 for none. */
  readonly watch?: Watch | undefined;
  /** Agents that blocked the event loop until the process was ended, since the last start. */
  readonly blamed?: readonly number[] | undefined;
  readonly commandWaitMs: number;
  /** The model that agents think with, as `provider:model`. */
  readonly model?: string | undefined;
}

/** The kernel: it wires its parts and answers for them. */
export class Kernel implements KernelApi {
  readonly #core: Core;
  readonly #options: KernelOptions;
  readonly #directory: Directory;
  readonly #dependencies: Dependencies;
  readonly #dedupe: DedupeIndex;
  readonly #intake: Intake;
  readonly #agenda: Agenda;
  readonly #dispatcher: Dispatcher;
  readonly #lifecycle: Lifecycle;
  readonly #letters: Letters;
  readonly #replies: Replies;
  readonly #liveness: Liveness;
  readonly #reader: Reader;
  readonly #desk: ScheduleDesk;
  readonly #publisher: Publisher;
  readonly #routing: Routing;
  readonly #feed: Feed;
  readonly #tally: Tally;
  readonly #outcomes: Outcomes;
  readonly #supervision: Supervision;
  readonly #settler: Settler;
  readonly #upkeep: Upkeep;
  #hasStarted = false;
  readonly #wasClean: boolean;
  #sinceFlush = 0;
  /** The gate of effects; later services hook into it. */
  readonly gate: Gate;

  /** Opens a store and takes up what it holds. Nothing runs until `start`. */
  static async open(platform: Platform, options: KernelOptions): Promise<Kernel> {
    const opened = await platform.store.open();
    const kernel = new Kernel(platform, options, opened);
    await kernel.#dedupe.recall();
    return kernel;
  }

  private constructor(platform: Platform, options: KernelOptions, opened: Awaited<ReturnType<Store["open"]>>) {
    this.#options = options;
    const { limits, store } = platform;
    const clock = notBefore(platform.clock, opened.lastAt);
    const types = new TypeRegistry(platform.hasher, platform.calendar, options.codeVersion);
    const committer = new Committer(store, clock, {
      batchMax: limits.commitBatch,
      onFailure: (error) => this.#upkeep.failed(error),
      onCommit: (units) => this.#tally.committed(units),
    });
    const numbers = new Numbers({ agentNo: opened.lastAgentNo, journalId: opened.lastJournalId, seq: opened.lastSeq }, (commit) =>
      committer.write(commit),
    );
    const core: Core = { ...platform, clock, types, committer, numbers, published: (rows) => this.#published(rows) };
    this.#core = core;
    const counters = new Counters(store, types);
    this.#upkeep = new Upkeep(core, { down: () => this.#down(counters), up: () => this.#up() });
    this.#tally = new Tally();
    this.#outcomes = new Outcomes(store);
    this.#feed = new Feed(core, opened.lastJournalId);
    const dedupe = new DedupeIndex(store, { windowMs: limits.dedupeMs, perAgent: limits.dedupePerAgent, upTo: opened.dedupeUpTo });
    this.#dedupe = dedupe;
    this.#directory = new Directory(store, limits.cacheBytes, (mail) => rememberKey(dedupe, mail));
    this.#dispatcher = new Dispatcher();
    const wakeNo = (no: number): void => this.#dispatcher.wakeNo(no);
    const wake = (entry: AgentEntry): void => this.#dispatcher.wake(entry);
    this.#intake = new Intake(core, this.#directory, this.#dedupe, wake);
    this.#agenda = new Agenda(core, this.#directory, wakeNo);
    this.#routing = new Routing(core);
    const chains = new ChainBudget(core);
    this.gate = new Gate(
      core,
      counters,
      chains,
      new Breakers(clock, BREAKER_POLICY, (name, state) => platform.report({ event: "breaker", name, state })),
    );
    this.#dependencies = new Dependencies(core, this.#directory, wakeNo);
    const spawner = new Spawner(core, this.#directory, this.#agenda, () => this.#dependencies.changed());
    this.#replies = new Replies(core, this.#intake);
    this.#letters = new Letters(core, this.#directory, wakeNo);
    this.#lifecycle = new Lifecycle(core, this.#directory, spawner, this.#dependencies, {
      ready: wake,
      dead: (mail, reply) => this.#cleared(mail, reply),
    });
    this.#supervision = new Supervision(core, (entry, to, reason) => this.#escalate(entry, to, reason));
    this.#desk = new ScheduleDesk(core, this.#directory, this.#agenda);
    this.#reader = new Reader(core, this.#directory, this.#dependencies, options.node);
    const delayed = (dueAt: number): void => this.#agenda.expect(dueAt);
    const told: Told = { ready: wakeNo, delayed, debounce: (no, address, envelope) => this.#desk.debounce(no, address, envelope) };
    this.#publisher = new Publisher(core, this.#routing, this.#directory, told);
    const outbox = new Outbox(core, this.#directory, this.#dedupe, told);
    this.#settler = new Settler({
      core,
      directory: this.#directory,
      dedupe: this.#dedupe,
      outbox,
      counters,
      spawner,
      supervision: this.#supervision,
      next: wake,
      delayed,
      ended: (mail, body, reply, row) => this.#ended(mail, body, row, reply),
      undone: (entry, mail, error) => void this.#undone(entry, mail, error),
      earlier: (attempt, commit) => this.#desk.earlier(attempt, commit),
    });
    const context: ContextParts = {
      core,
      directory: this.#directory,
      gate: this.gate,
      routing: this.#routing,
      ask: (attempt, target, name, input, timeoutMs) => this.#replies.ask(attempt, target, name, input, timeoutMs ?? limits.askDeadlineMs),
      checkConfig: (type, config) => spawner.checkConfig(type, config),
      model: options.model,
      plannedAt: (entry, schedule) => this.#desk.plannedAt(entry, schedule),
    };
    const runner = new Runner(context, this.#settler, (attempt) => this.#dispatcher.ended(attempt), options.watch ?? (() => undefined));
    runner.onAborted = (attempt, error) => this.#aborted(attempt, error);
    this.#liveness = new Liveness(core, () => this.#dispatcher.inFlight);
    this.#dispatcher.connect({
      core,
      directory: this.#directory,
      counters,
      chains,
      settler: this.#settler,
      runner,
      supervision: this.#supervision,
      isSupported: (entry, type) => this.#dependencies.isSupported(entry, type),
      onStart: () => this.#liveness.watch(),
    });
    this.#wasClean = opened.wasClean;
    if (!opened.wasClean) this.#dispatcher.survivorsUpTo = opened.lastSeq;
    this.#intake.onDelayed = delayed;
    this.#intake.onDebounce = (entry, envelope) => this.#desk.debounce(entry.no, entry.address, envelope);
    this.#agenda.quietUntil = (no, event, now) => this.#desk.quietUntil(no, event, now);
    this.#agenda.onCancel = (entry) =>
      entry.attempt?.abort(new AosError("TIMEOUT", "the next tick of its schedule cancelled it", { details: { cancelled: true } }));
    this.gate.onLate = (row) => void this.#letters.release("in-doubt", row.id).catch(() => undefined);
  }

  async load(agent: LoadableAgent): Promise<void> {
    const isNew = this.#core.types.get(agent.contract?.type) === undefined;
    const type = this.#core.types.load(agent);
    const name = `type:${type.name}`;
    const described = JSON.stringify(describeContract(type.contract));
    const before = await this.#core.store.fact(name);
    if (before !== described) {
      await this.#core.committer.write({ facts: { [name]: described } });
      if (before !== undefined) await this.#desk.replan(type, JSON.parse(before) as Described);
    }
    if (!isNew) return;
    await this.#agenda.codeArrived(type.name);
    // What waits for this code, or for an agent that now can run, goes on.
    if (!this.#dispatcher.isPaused) await this.#rescan();
  }

  /** Begins to work: mail that waits is dispatched, timers are armed. */
  async start(): Promise<void> {
    this.#hasStarted = true;
    for (const no of this.#options.blamed ?? []) await this.#blame(no);
    await this.#letters.doubtAbandoned();
    this.#agenda.isStopped = false;
    this.#dispatcher.resume();
    for (const no of await this.#core.store.readyAgents()) this.#dispatcher.wakeNo(no);
    this.#agenda.refresh();
    this.#upkeep.keepHouse();
  }

  /**
   * Drains and closes: nothing new is accepted, turns in flight may finish within `drainMs`, what is pending is
   * written, the store is marked clean.
   */
  async stop(drainMs: number): Promise<void> {
    this.#intake.isClosed = true;
    this.#dispatcher.isPaused = true;
    this.#agenda.stop();
    this.#upkeep.stop();
    const { clock } = this.#core;
    const late = Promise.withResolvers<void>();
    const cancel = clock.at(clock.now() + drainMs, late.resolve);
    await Promise.race([this.#dispatcher.whenIdle(), late.promise]);
    cancel();
    for (const attempt of this.#dispatcher.inFlight)
      attempt.abort(new AosError("SHUTTING_DOWN", "the system shut down before the turn ended"));
    this.#liveness.stop();
    await this.#core.committer.drained();
    // Where nothing ran, an unclean death before is still to be dealt with.
    await this.#core.store.close(this.#hasStarted || this.#wasClean);
  }

  async register(type: string, registration: Registration): Promise<{ readonly address: string; readonly created: boolean }> {
    const { address, created } = await this.#lifecycle.register(type, registration);
    return { address: shortAddress(address), created };
  }

  registerMany(
    type: string,
    registrations: readonly Registration[],
    progress?: (done: number) => void,
  ): Promise<{ readonly created: number; readonly existing: number }> {
    return this.#lifecycle.registerMany(type, registrations, progress);
  }

  async move(address: string, move: Move, options?: { readonly reason?: string; readonly by?: string }): Promise<AgentInfo> {
    const entry = await this.#lifecycle.move(fullAddress(address), move, options);
    return this.#reader.agent(entry.address);
  }

  moveAll(
    selection: AgentSelection,
    move: Move,
    options: { readonly reason?: string; readonly by?: string } = {},
  ): Promise<{ readonly moved: number; readonly refused: number }> {
    return this.#lifecycle.moveAll((cursor) => this.#reader.agents(selection, { cursor, limit: 1_000 }), move, options);
  }

  accept(arrival: Arrival): Promise<Ack> {
    this.#tally.accepted++;
    return this.#intake.accept(arrival);
  }

  async route(tenant: string, arrival: Omit<Arrival, "target">): Promise<readonly (Ack & { readonly agent: string })[]> {
    const found = await this.#routing.accepting(tenant, arrival.name);
    return Promise.all(
      found.map(async ({ address }) => ({ ...(await this.accept({ ...arrival, target: address })), agent: shortAddress(address) })),
    );
  }

  publish(
    tenant: string,
    topic: string,
    arrival: Omit<Arrival, "target" | "kind">,
  ): Promise<{ readonly id: string; readonly receivers: number; readonly duplicate: boolean }> {
    return this.#publisher.publish(tenant, topic, arrival);
  }

  /** Subscribes an agent to a topic pattern; `*` as event takes all, wrapped. Asking again changes nothing. */
  async subscribe(
    address: string,
    pattern: string,
    event: string,
    where?: Readonly<Record<string, string | number | boolean | null>>,
  ): Promise<void> {
    checkPattern(pattern);
    const entry = await this.#reader.entry(fullAddress(address));
    const filter = where === undefined ? undefined : JSON.stringify(where);
    await this.#core.committer.write({
      unsubscribe: [{ agent: entry.no, pattern }],
      subscribe: [{ tenant: entry.tenant, pattern, agent: entry.no, event, filter }],
    });
  }

  async unsubscribe(address: string, pattern: string): Promise<void> {
    const entry = await this.#reader.entry(fullAddress(address));
    await this.#core.committer.write({ unsubscribe: [{ agent: entry.no, pattern }] });
  }

  command(arrival: Omit<Arrival, "kind">, waitMs: number = this.#options.commandWaitMs): Promise<CommandResult> {
    return this.#replies.command({ ...arrival, target: fullAddress(arrival.target) }, waitMs);
  }

  reply(id: string): Promise<{ readonly output: unknown } | undefined> {
    return this.#replies.reply(id);
  }

  async query(address: string, name: string, input: unknown): Promise<unknown> {
    const entry = await this.#reader.entry(fullAddress(address));
    return runQuery(this.#lifecycle.typeOf(entry.type), entry, name, input);
  }

  wake(address: string): Promise<Ack> {
    return this.accept({ target: fullAddress(address), kind: "wake", name: "wake", source: "operator" });
  }

  outcome(id: string, timeoutMs: number): Promise<TurnRecord | undefined> {
    return this.#outcomes.wait(id, this.#core.clock, timeoutMs);
  }

  agents(
    selection: AgentSelection,
    page: { readonly cursor?: string | undefined; readonly limit?: number | undefined } = {},
  ): Promise<Page<AgentInfo>> {
    return this.#reader.agents(selection, page);
  }

  agent(address: string): Promise<AgentInfo> {
    return this.#reader.agent(fullAddress(address));
  }

  async state(address: string): Promise<{ readonly state: unknown; readonly version: number; readonly turn: number }> {
    const entry = await this.#reader.entry(fullAddress(address));
    const type = this.#core.types.get(entry.type);
    return { state: readState(type, entry), version: type?.contract.state.version ?? entry.durableVersion, turn: entry.turn };
  }

  journal(address: string, after = 0, limit = 100): Promise<readonly TurnRecord[]> {
    return this.#reader.journal(fullAddress(address), after, limit);
  }

  stream(options: {
    readonly after?: number | undefined;
    readonly agent?: string | undefined;
    readonly tenant?: string | undefined;
    readonly signal: AbortSignal;
  }): AsyncIterable<TurnRecord> {
    return this.#feed.follow({ ...options, agent: options.agent === undefined ? undefined : fullAddress(options.agent) });
  }

  lastRecord(): number {
    return this.#feed.last;
  }

  async why(id: string): Promise<readonly TurnRecord[]> {
    const rows = await this.#core.store.journalWith(JSON.stringify(id).slice(1, -1), 1_000);
    return rows
      .map(readRecord)
      .filter((record) => concerns(record, id))
      .toReversed();
  }

  mailbox(address: string): Promise<readonly MailInfo[]> {
    return this.#reader.mailbox(fullAddress(address));
  }

  deadLetters(
    filter: { readonly agent?: string | undefined; readonly tenant?: string | undefined; readonly reason?: string | undefined },
    page: { readonly cursor?: string | undefined; readonly limit?: number | undefined } = {},
  ): Promise<Page<DeadLetterInfo>> {
    return this.#reader.deadLetters(filter, page, (row) => this.#letters.info(row));
  }

  async deadLetter(id: string): Promise<DeadLetterInfo> {
    return this.#letters.info(await this.#letters.find(id));
  }

  redrive(id: string, options: { readonly fresh?: boolean } = {}): Promise<{ readonly id: string; readonly agent: string }> {
    return this.#letters.redrive(id, options.fresh === true);
  }

  async redriveAll(
    filter: { readonly agent?: string | undefined; readonly reason?: string | undefined },
    options: { readonly fresh?: boolean } = {},
  ): Promise<number> {
    let count = 0;
    for await (const id of this.#reader.deadIds(filter)) {
      await this.#letters.redrive(id, options.fresh === true);
      count++;
    }
    return count;
  }

  drop(id: string): Promise<void> {
    return this.#letters.drop(id);
  }

  async effects(filter: {
    readonly state?: EffectState | undefined;
    readonly agent?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly EffectInfo[]> {
    const agent = filter.agent === undefined ? undefined : (await this.#reader.entry(fullAddress(filter.agent))).no;
    const rows = await this.#core.store.listEffects({ state: filter.state, agent, limit: filter.limit ?? 100 });
    return Promise.all(rows.map((row) => this.#letters.effectInfo(row)));
  }

  async resolveEffect(id: string, resolution: Resolution): Promise<EffectInfo> {
    return this.#letters.effectInfo(await this.#letters.resolve(id, resolution));
  }

  /** Lets parked mail go on that waits for this condition; gives how many. */
  release(kind: ParkCondition["kind"], on: string): Promise<number> {
    return this.#letters.release(kind, on);
  }

  schedules(address?: string): Promise<readonly ScheduleInfo[]> {
    return this.#desk.list(address === undefined ? undefined : fullAddress(address));
  }

  previewSchedule(address: string, name: string, count: number): Promise<readonly number[]> {
    return this.#desk.preview(fullAddress(address), name, count);
  }

  async runSchedule(address: string, name: string): Promise<Ack> {
    await this.#desk.spec(fullAddress(address), name);
    return this.accept({ target: fullAddress(address), kind: "schedule", name, source: "operator" });
  }

  types(): readonly { readonly name: string; readonly revision: string; readonly contract: Readonly<Record<string, unknown>> }[] {
    return this.#core.types.all().map(({ name, revision, contract }) => ({ name, revision, contract: describeContract(contract) }));
  }

  stats(): KernelStats {
    const { turns, kinds, accepted, duplicates, commits, units, effects } = this.#tally;
    return {
      turns,
      kinds,
      wakes: this.#dispatcher.wakes,
      wastedWakes: this.#dispatcher.wastedWakes,
      accepted,
      duplicates,
      commits,
      committedUnits: units,
      effects,
      inFlight: this.#dispatcher.inFlight.size,
      agentsInMemory: this.#directory.size,
      queued: this.#dispatcher.queued,
      storeIsDown: this.#upkeep.isDown,
      breakers: this.gate.breakers.list(),
    };
  }

  /** Writes a unit of a service that stands on the kernel. */
  write(commit: Pick<Commit, "ledger">): Promise<void> {
    return this.#core.committer.write(commit);
  }

  usage(): Promise<Readonly<Record<string, number>>> {
    return this.#core.store.usage();
  }

  #ended(mail: Mail, body: RecordBody, row: JournalWrite | undefined, reply: ReplyRow | undefined): void {
    this.#tally.count(body);
    if (reply !== undefined) this.#replies.settle(reply);
    if (row !== undefined && isFinal(body)) this.#outcomes.settle(mail.envelope.id, row.id);
  }

  /** Mail became a dead letter without a record of its own, since its agent was terminated. */
  #cleared({ envelope }: Mail, reply: ReplyRow | undefined): void {
    if (envelope.dedupe !== undefined) this.#dedupe.remove(envelope.dedupe);
    if (reply !== undefined) this.#replies.settle(reply);
  }

  #published(rows: readonly JournalWrite[]): void {
    this.#feed.advance(rows.at(-1)?.id ?? 0);
    if (++this.#sinceFlush < 256) return;
    this.#sinceFlush = 0;
    const batch = this.#dedupe.batch(this.#core.clock.now());
    if (batch === undefined) return;
    const commit: Commit = { dedupe: { chunks: batch.chunks, upTo: batch.upTo } };
    this.#core.committer.push({ build: () => commit, settled: (error) => (error === undefined ? batch.done() : batch.failed()) });
  }

  #down(counters: Counters): void {
    this.#dispatcher.isPaused = true;
    // What was counted for commits that failed is read again.
    counters.forget();
  }

  #up(): void {
    this.#dispatcher.resume();
    void this.#rescan();
  }

  async #rescan(): Promise<void> {
    this.#dependencies.changed();
    for (const no of await this.#core.store.readyAgents()) this.#dispatcher.wakeNo(no);
    this.#agenda.refresh();
  }

  /** A unit did not commit: its agent is read again; where the unit itself was at fault, its mail has failed once more. */
  async #undone(entry: AgentEntry, mail: Mail, error: AosError | undefined): Promise<void> {
    const now = await this.#directory.get(entry.address);
    if (now === undefined) return;
    if (error !== undefined) {
      const [failed] = now.mailbox.takeWhere(1, ({ seq }) => seq === mail.seq);
      const type = this.#core.types.get(now.type);
      // Two turns that spawn the same agent race; the one that comes second finds it when it is tried again.
      const isRace = error.code === "AGENT_EXISTS";
      const cause = isRace ? new AosError(error.code, error.message, { cause: error, details: error.details, retryable: true }) : error;
      if (failed !== undefined && type !== undefined) this.#dispatcher.failed(now, type, failed, cause);
    }
    this.#dispatcher.wake(now);
  }

  /** An attempt was aborted from outside. */
  #aborted(attempt: Attempt, error: AosError): void {
    const { entry, mail } = attempt;
    for (const other of attempt.others) entry.mailbox.add(other);
    if (error.code === "TURN_ABORTED" || error.details["cancelled"] === true) {
      this.#settler.failed(attempt, error.code === "TURN_ABORTED" ? error : new AosError("REFUSED", error.message));
      return;
    }
    // Killed, shut down, or its acceptance failed: the mail stays as it was.
    if (error.code === "KILLED" || error.code === "SHUTTING_DOWN") entry.mailbox.add(mail);
    this.#dispatcher.wake(entry);
  }

  #escalate(entry: AgentEntry, to: string, reason: string): void {
    this.accept(failureOf(entry, to, reason, this.#core.clock.now())).catch((error: unknown) => {
      this.#core.report({ event: "agent.quarantined", agent: to, reason: `could not be told of ${entry.address}: ${String(error)}` });
    });
  }

  async #blame(no: number): Promise<void> {
    const entry = await this.#directory.getNo(no);
    const type = entry === undefined ? undefined : this.#core.types.get(entry.type);
    if (entry === undefined || type === undefined) return;
    const verdict = this.#supervision.crashed(entry, type, "it blocked the event loop", this.#core.clock.now());
    await this.#dispatcher.writeVerdict(entry, verdict);
  }
}

/** Mail that waits is found again by its key: it has no journal row yet. */
function rememberKey(dedupe: DedupeIndex, mail: Mail): void {
  const { dedupe: hash, id, at } = mail.envelope;
  if (hash !== undefined) dedupe.add({ hash, id, seq: mail.seq, digest: digestOf(mail), at });
}
