import { Agenda } from "./time/agenda.ts";
import { typeOf } from "./address.ts";
import type { Attempt, ParkCondition } from "./turn/attempt.ts";
import { BREAKER_POLICY, Breakers } from "./effects/breakers.ts";
import { type Clock, notBefore } from "./clock.ts";
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
import { Intake } from "./mail/intake.ts";
import { Letters } from "./mail/letters.ts";
import { Lifecycle } from "./agents/lifecycle.ts";
import { Liveness } from "./agents/liveness.ts";
import type { Mail } from "./mail/mailbox.ts";
import { Outbox, type Told } from "./mail/outbox.ts";
import { Outcomes } from "./turn/outcomes.ts";
import { Publisher } from "./mail/publisher.ts";
import { Reader } from "./reader.ts";
import type { RecordBody } from "./turn/record.ts";
import { isFinal, Replies } from "./turn/replies.ts";
import { Routing } from "./mail/routing.ts";
import { Runner, type Watch } from "./turn/runner.ts";
import { ScheduleDesk } from "./time/schedule-desk.ts";
import { digestOf, Settler } from "./turn/settle.ts";
import { Spawner } from "./agents/spawner.ts";
import type { Commit, DedupeChunk, JournalWrite, ReplyRow, Store } from "./store/store.ts";
import { failureOf, Supervision } from "./agents/supervision.ts";
import { Ramper } from "./upgrade/ramper.ts";
import { Transfer } from "./transfer/transfer.ts";
import { Timeline } from "./timeline/timeline.ts";
import { Upgrades } from "./upgrade/upgrades.ts";
import { Upkeep } from "./store/upkeep.ts";
import { Tally } from "./tally.ts";
import { TypeRegistry } from "./agents/types.ts";

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
  /** Whether agents with an older state wait until somebody applies the upgrade, instead of going on when they wake. */
  readonly areUpgradesHeld?: boolean | undefined;
}

/** The parts of a kernel, and what passes between them. */
export class Assembly {
  readonly core: Core;
  /** The machine's own clock. */
  readonly machine: Clock;
  readonly directory: Directory;
  readonly dependencies: Dependencies;
  readonly upgrades: Upgrades;
  timeline!: Timeline;
  transfer!: Transfer;
  ramper!: Ramper;
  readonly dedupe: DedupeIndex;
  readonly intake: Intake;
  readonly agenda: Agenda;
  readonly dispatcher: Dispatcher;
  readonly lifecycle: Lifecycle;
  readonly letters: Letters;
  readonly replies: Replies;
  readonly liveness: Liveness;
  readonly reader: Reader;
  readonly desk: ScheduleDesk;
  readonly publisher: Publisher;
  readonly routing: Routing;
  readonly feed: Feed;
  readonly tally = new Tally();
  readonly outcomes: Outcomes;
  readonly supervision: Supervision;
  readonly settler: Settler;
  readonly upkeep: Upkeep;
  /** The gate of effects. */
  readonly gate: Gate;
  #sinceFlush = 0;

  constructor(platform: Platform, options: KernelOptions, opened: Awaited<ReturnType<Store["open"]>>) {
    const { limits, store } = platform;
    this.machine = platform.clock;
    const clock = notBefore(platform.clock, opened.lastAt);
    const types = new TypeRegistry(platform.hasher, platform.calendar, options.codeVersion);
    const committer = new Committer(store, clock, {
      batchMax: limits.commitBatch,
      onFailure: (error) => this.upkeep.failed(error),
      onCommit: (units) => this.tally.committed(units),
    });
    const numbers = new Numbers({ agentNo: opened.lastAgentNo, journalId: opened.lastJournalId, seq: opened.lastSeq }, (commit) =>
      committer.write(commit),
    );
    const core: Core = { ...platform, clock, types, committer, numbers, published: this.#published, reread: this.#reread };
    this.core = core;
    const counters = new Counters(store, types);
    this.upkeep = new Upkeep(core, { down: () => this.#down(), up: () => this.#up() });
    this.outcomes = new Outcomes(store);
    this.feed = new Feed(core, opened.lastJournalId);
    const dedupe = new DedupeIndex(store, { windowMs: limits.dedupeMs, perAgent: limits.dedupePerAgent, upTo: opened.dedupeUpTo });
    this.dedupe = dedupe;
    this.directory = new Directory(store, clock, limits.cacheBytes, (mail) => rememberKey(dedupe, mail));
    this.dispatcher = new Dispatcher();
    const wakeNo = (no: number): void => this.dispatcher.wakeNo(no);
    // One that was dropped from memory meanwhile is read again.
    const wake = (entry: AgentEntry): void => (entry.isStale ? wakeNo(entry.no) : this.dispatcher.wake(entry));
    this.intake = new Intake(core, this.directory, this.dedupe, wake);
    this.agenda = new Agenda(core, this.directory, wakeNo);
    this.routing = new Routing(core);
    const chains = new ChainBudget(core);
    const breakers = new Breakers(clock, BREAKER_POLICY, (name, state) => platform.report({ event: "breaker", name, state }));
    this.gate = new Gate(core, counters, chains, breakers);
    this.dependencies = new Dependencies(core, this.directory, wakeNo);
    this.upgrades = new Upgrades(core, this.directory, wakeNo, options.areUpgradesHeld === true);
    const spawner = new Spawner(core, this.directory, this.agenda, () => this.dependencies.changed());
    this.replies = new Replies(core, this.intake);
    this.letters = new Letters(core, this.directory, wakeNo);
    this.lifecycle = new Lifecycle(core, this.directory, spawner, this.dependencies, {
      ready: wake,
      dead: (mail, reply) => this.#cleared(mail, reply),
    });
    this.supervision = new Supervision(core, (entry, to, reason) => this.#escalate(entry, to, reason));
    this.desk = new ScheduleDesk(core, this.directory, this.agenda);
    this.reader = new Reader(core, this.directory, this.dependencies, this.upgrades, options.node);
    const delayed = (dueAt: number): void => this.agenda.expect(dueAt);
    const told: Told = { ready: wakeNo, delayed, debounce: (no, address, envelope) => this.desk.debounce(no, address, envelope) };
    this.publisher = new Publisher(core, this.routing, this.directory, told);
    const outbox = new Outbox(core, this.directory, this.dedupe, told);
    this.settler = new Settler({
      core,
      directory: this.directory,
      dedupe: this.dedupe,
      outbox,
      counters,
      spawner,
      supervision: this.supervision,
      next: wake,
      delayed,
      ended: (mail, body, reply, row) => this.#ended(mail, body, row, reply),
      parked: (condition) => this.#parked(condition),
      undone: (entry, mail, error) => void this.#undone(entry, mail, error).catch(() => this.dispatcher.wakeNo(entry.no)),
      earlier: (attempt, commit) => this.desk.earlier(attempt, commit),
    });
    this.liveness = new Liveness(core, () => this.dispatcher.inFlight);
    this.#connect(options, { counters, chains, spawner });
    this.dispatcher.survivorsUpTo = opened.wasClean ? 0 : opened.lastSeq;
  }

  /** Joins the parts that know each other. */
  #connect(
    options: KernelOptions,
    { counters, chains, spawner }: { readonly counters: Counters; readonly chains: ChainBudget; readonly spawner: Spawner },
  ): void {
    const { core } = this;
    const { limits } = core;
    const context: ContextParts = {
      core,
      directory: this.directory,
      gate: this.gate,
      routing: this.routing,
      ask: (attempt, target, name, input, timeoutMs) => this.replies.ask(attempt, target, name, input, timeoutMs ?? limits.askDeadlineMs),
      checkConfig: (type, config) => spawner.checkConfig(type, config),
      model: options.model,
      plannedAt: (entry, schedule) => this.desk.plannedAt(entry, schedule),
    };
    const runner = new Runner(context, this.settler, (attempt) => this.dispatcher.ended(attempt), options.watch ?? (() => undefined));
    runner.onAborted = (attempt, error) => this.#aborted(attempt, error);
    this.dispatcher.connect({
      core,
      directory: this.directory,
      counters,
      chains,
      settler: this.settler,
      runner,
      supervision: this.supervision,
      isSupported: (entry, type) => this.upgrades.permits(entry, type) && this.dependencies.isSupported(entry, type),
      onStart: () => this.liveness.watch(),
    });
    this.ramper = new Ramper(core, this.upgrades);
    this.timeline = new Timeline(core, this.directory, this.upgrades, this.dependencies);
    const { directory, lifecycle, agenda, dedupe, dependencies } = this;
    this.transfer = new Transfer(core, { directory, lifecycle, agenda, dedupe, dependencies });
    this.intake.onDelayed = (dueAt) => this.agenda.expect(dueAt);
    this.intake.onDebounce = (entry, envelope) => this.desk.debounce(entry.no, entry.address, envelope);
    this.agenda.quietUntil = (no, event, now) => this.desk.quietUntil(no, event, now);
    this.agenda.onCancel = (entry) =>
      entry.attempt?.abort(new AosError("TIMEOUT", "the next tick of its schedule cancelled it", { details: { cancelled: true } }));
    this.gate.onLate = (row) => void this.letters.release("in-doubt", row.id).catch(() => undefined);
  }

  #ended(mail: Mail, body: RecordBody, row: JournalWrite | undefined, reply: ReplyRow | undefined): void {
    this.tally.count(body);
    if (body.outcome === "dead") this.ramper.turnFailed(mail.envelope.target, typeOf(mail.envelope.target));
    if (reply !== undefined) this.replies.settle(reply);
    if (row !== undefined && isFinal(body)) this.outcomes.settle(mail.envelope.id, row.id);
  }

  /** Whoever settles an effect before its mail is parked finds nobody to tell. */
  #parked({ kind, on }: ParkCondition): void {
    if (kind === "in-doubt") void this.letters.releaseSettled(on).catch(() => undefined);
  }

  /** Mail became a dead letter without a record of its own, since its agent was terminated. */
  #cleared({ envelope }: Mail, reply: ReplyRow | undefined): void {
    if (envelope.dedupe !== undefined) this.dedupe.remove(envelope.dedupe);
    if (reply !== undefined) this.replies.settle(reply);
  }

  readonly #published = (rows: readonly JournalWrite[]): void => {
    this.feed.advance(rows.at(-1)?.id ?? 0);
    for (const { body, delta } of rows) this.upkeep.wrote(body.length + (delta?.length ?? 0));
    if (++this.#sinceFlush < 256) return;
    this.#sinceFlush = 0;
    const batch = this.dedupe.batch(this.core.clock.now());
    if (batch === undefined) return;
    const write = (chunks: readonly DedupeChunk[]): void => {
      const commit: Commit = { dedupe: { chunks, upTo: batch.upTo } };
      this.core.committer.push({ build: () => commit, settled: (error) => (error === undefined ? batch.done() : batch.failed()) });
    };
    if (batch.chunks instanceof Promise) void batch.chunks.then(write, batch.failed);
    else write(batch.chunks);
  };

  #down(): void {
    this.dispatcher.isPaused = true;
  }

  #up(): void {
    this.dispatcher.resume();
    // What was settled as the store failed could not be told to the mail that waits for it.
    void this.letters.releaseSettled().catch(() => undefined);
    void this.rescan();
  }

  /** Looks in the store for whoever has mail. */
  async rescan(): Promise<void> {
    this.dependencies.changed();
    for (const no of await this.core.store.readyAgents()) this.dispatcher.wakeNo(no);
    this.agenda.refresh();
  }

  readonly #reread = (entry: AgentEntry): void => {
    // One that cannot be read now is asked for again with all that wait.
    this.#undone(entry).catch(() => this.dispatcher.wakeNo(entry.no));
  };

  /** A unit did not commit: its agent is read again; where the unit itself was at fault, its mail has failed once more. */
  async #undone(entry: AgentEntry, mail?: Mail, error?: AosError): Promise<void> {
    const now = await this.directory.get(entry.address);
    if (now === undefined) return;
    if (mail !== undefined && error !== undefined) {
      const [failed] = now.mailbox.takeWhere(1, ({ seq }) => seq === mail.seq);
      const type = this.core.types.get(now.type);
      // Two turns that spawn the same agent race; the one that comes second finds it when it is tried again.
      const isRace = error.code === "AGENT_EXISTS";
      const cause = isRace ? new AosError(error.code, error.message, { cause: error, details: error.details, retryable: true }) : error;
      if (failed !== undefined && type !== undefined) this.dispatcher.failed(now, type, failed, cause);
    }
    this.dispatcher.wake(now);
  }

  /** An attempt was aborted from outside. */
  #aborted(attempt: Attempt, error: AosError): void {
    const { entry, mail } = attempt;
    for (const other of attempt.others) entry.mailbox.add(other);
    if (error.code === "TURN_ABORTED" || error.details["cancelled"] === true) {
      this.settler.failed(attempt, error.code === "TURN_ABORTED" ? error : new AosError("REFUSED", error.message));
      return;
    }
    // Killed, shut down, or its acceptance failed: the mail stays as it was.
    if (error.code === "KILLED" || error.code === "SHUTTING_DOWN") entry.mailbox.add(mail);
    this.dispatcher.wake(entry);
  }

  #escalate(entry: AgentEntry, to: string, reason: string): void {
    this.intake.accept(failureOf(entry, to, reason, this.core.clock.now())).catch((error: unknown) => {
      this.core.report({ event: "agent.quarantined", agent: to, reason: `could not be told of ${entry.address}: ${String(error)}` });
    });
  }

  /** Counts the death of the process against the agent whose code blocked it. */
  async blame(no: number): Promise<void> {
    const entry = await this.directory.getNo(no);
    const type = entry === undefined ? undefined : this.core.types.get(entry.type);
    if (entry === undefined || type === undefined) return;
    const verdict = this.supervision.crashed(entry, type, "it blocked the event loop", this.core.clock.now());
    await this.dispatcher.writeVerdict(entry, verdict);
  }
}

/** Mail that waits is found again by its key: it has no journal row yet. */
function rememberKey(dedupe: DedupeIndex, mail: Mail): void {
  const { dedupe: hash, id, at } = mail.envelope;
  if (hash !== undefined) dedupe.add({ hash, id, seq: mail.seq, digest: digestOf(mail), at });
}
