import { Attempt } from "./turn/attempt.ts";
import type { Core } from "./core.ts";
import { isHeldForBudget } from "./effects/budget-hold.ts";
import type { ChainBudget } from "./effects/chain-budget.ts";
import type { Counters } from "./effects/counters.ts";
import type { Directory } from "./agents/directory.ts";
import type { AgentEntry } from "./agents/entry.ts";
import { AosError, toAosError } from "./errors.ts";
import { checkPayload } from "./mail/intake.ts";
import type { Mail } from "./mail/mailbox.ts";
import { ReadyQueue } from "./ready-queue.ts";
import type { Runner } from "./turn/runner.ts";
import { lifecycleBody } from "./agents/spawner.ts";
import type { Settler } from "./turn/settle.ts";
import type { Supervision } from "./agents/supervision.ts";
import { AgentUnit, type UnitParts } from "./turn/unit.ts";
import type { LoadedType } from "./agents/types.ts";

/** What dispatching needs of the kernel. */
export interface DispatchParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly counters: Counters;
  readonly chains: ChainBudget;
  readonly settler: Settler;
  readonly runner: Runner;
  readonly supervision: Supervision;
  /** Whether what the agent depends on can run. */
  readonly isSupported: (entry: AgentEntry, type: LoadedType) => boolean;
  /** Told that something runs. */
  readonly onStart: () => void;
}

/** How long turns may start one after another before commits and input get their turn. */
const SLICE_MS = 10;
const COALESCE_MAX = 99;
const CHAINS_MAX = 20_000;

const NONE: readonly never[] = [];

/** Takes the ready events of the same name that a coalescing handler handles together. */
function alike(entry: AgentEntry, mail: Mail, now: number): readonly Mail[] {
  const isSame = (other: Mail): boolean =>
    other.envelope.kind === "event" &&
    other.envelope.name === mail.envelope.name &&
    other.stored &&
    (other.envelope.expiresAt ?? Infinity) > now;
  return entry.mailbox.takeWhere(COALESCE_MAX, isSame);
}

/** Claims agents that have mail and starts their turns: one at a time per agent, a bounded number at once. */
export class Dispatcher {
  #parts!: DispatchParts;
  readonly #queue = new ReadyQueue();
  /** Agents with mail that are not in memory. */
  #unloaded: number[] = [];
  readonly #isUnloaded = new Set<number>();
  readonly #inFlight = new Set<Attempt>();
  readonly #chainTurns = new Map<string, number>();
  #preparing = 0;
  readonly #idle: (() => void)[] = [];
  #isScheduled = false;
  #alone: AgentEntry | undefined;
  /** Those that wait until they may run alone. */
  readonly #lonely: (() => void)[] = [];
  /** Mail up to this seq survived an unclean death: it starts only behind a start mark. */
  survivorsUpTo = 0;
  isPaused = true;
  /** Wakes: an agent of which nothing ran or was ready took a turn. */
  wakes = 0;
  /** Wakes that are over and in which no turn left anything. */
  wastedWakes = 0;

  /** Joins the parts; they know each other. */
  connect(parts: DispatchParts): void {
    this.#parts = parts;
  }

  get inFlight(): ReadonlySet<Attempt> {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.size + this.#unloaded.length;
  }

  /** Resolves when nothing runs and nothing is about to. */
  async whenIdle(): Promise<void> {
    while (this.#inFlight.size > 0 || this.#preparing > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #noteIdle(): void {
    if (this.#idle.length > 0 && this.#inFlight.size === 0 && this.#preparing === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  resume(): void {
    this.isPaused = false;
    this.#schedule();
  }

  /** Says that an agent in memory may have something to do. */
  wake(entry: AgentEntry): void {
    if (entry.isQueued || entry.attempt !== undefined) return;
    if (entry.mailbox.ready === 0 || entry.status !== "initialized" || entry.isStale) {
      this.#rest(entry);
      return;
    }
    entry.isQueued = true;
    this.#queue.push(entry);
    this.#schedule();
  }

  /** Nothing of it runs or is ready: its next turn is another wake. */
  #rest(entry: AgentEntry): void {
    if (entry.wake === "wasted") this.wastedWakes++;
    entry.wake = undefined;
  }

  /** Says that an agent has mail, in memory or not. */
  wakeNo(no: number): void {
    const entry = this.#parts.directory.cachedNo(no);
    if (entry !== undefined && !entry.isStale) {
      this.wake(entry);
      return;
    }
    if (this.#isUnloaded.has(no)) return;
    this.#isUnloaded.add(no);
    this.#unloaded.push(no);
    this.#schedule();
  }

  /** Notes that an attempt is over. */
  ended(attempt: Attempt): void {
    this.#inFlight.delete(attempt);
    this.#letOthers(attempt.entry);
    this.#noteIdle();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.isPaused) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { core } = this.#parts;
    const until = core.clock.monotonic() + SLICE_MS;
    let started = 0;
    while (!this.isPaused && this.#alone === undefined && this.#inFlight.size + this.#preparing < core.limits.concurrency) {
      if (++started % 16 === 0 && core.clock.monotonic() > until) {
        // Let commits and input have their turn.
        this.#isScheduled = true;
        core.clock.soon(() => {
          this.#isScheduled = false;
          this.#pump();
        });
        return;
      }
      const entry = this.#queue.shift();
      if (entry !== undefined) {
        entry.isQueued = false;
        this.#claim(entry);
      } else if (!this.#loadOne()) return;
    }
  }

  #loadOne(): boolean {
    const no = this.#unloaded.shift();
    if (no === undefined) return false;
    this.#isUnloaded.delete(no);
    const found = this.#parts.directory.getNo(no);
    if (found instanceof Promise) {
      this.#preparing++;
      void found
        .then((entry) => entry !== undefined && this.wake(entry))
        .catch(() => this.wakeNo(no))
        .finally(() => {
          this.#preparing--;
          this.#noteIdle();
          this.#schedule();
        });
    } else if (found !== undefined) this.wake(found);
    return true;
  }

  #claim(entry: AgentEntry): void {
    if (entry.isStale || entry.attempt !== undefined || entry.status !== "initialized") return;
    const { core, isSupported } = this.#parts;
    const type = core.types.get(entry.type);
    if (type === undefined || !isSupported(entry, type)) return;
    const now = core.clock.now();
    if (isHeldForBudget(entry, now)) return;
    const mail = entry.mailbox.take(now, core.limits.ageingMs);
    if (mail === undefined) return;
    try {
      const ready = this.#prepare(entry, type, mail, now);
      if (ready instanceof Promise) this.#later(entry, type, mail, ready);
      else if (ready) this.#start(entry, type, mail, now);
      else this.wake(entry);
    } catch (thrown) {
      this.#refuse(entry, type, mail, thrown);
    }
  }

  #later(entry: AgentEntry, type: LoadedType, mail: Mail, ready: Promise<boolean>): void {
    this.#preparing++;
    // The agent is taken: nothing else of it may start meanwhile.
    const claim = { mail, startedAt: this.#parts.core.clock.monotonic(), abort: () => undefined };
    entry.attempt = claim;
    void ready
      .then((isReady) => {
        if (entry.attempt === claim) entry.attempt = undefined;
        if (entry.isStale) {
          this.#letOthers(entry);
          return;
        }
        // Mail whose acceptance failed meanwhile is in no store, and its sender was told so.
        const isRefused = !mail.stored && mail.arriving === undefined;
        if (isReady && !isRefused) this.#start(entry, type, mail, this.#parts.core.clock.now());
        else {
          this.#letOthers(entry);
          this.wake(entry);
        }
      })
      .catch((thrown: unknown) => {
        if (entry.attempt === claim) entry.attempt = undefined;
        this.#refuse(entry, type, mail, thrown);
      })
      .finally(() => {
        this.#preparing--;
        this.#noteIdle();
        this.#schedule();
      });
  }

  /** Whether the mail may start now; false where it was consumed, parked or put back instead. */
  #prepare(entry: AgentEntry, type: LoadedType, mail: Mail, now: number): boolean | Promise<boolean> {
    const { core, counters, settler } = this.#parts;
    const { envelope } = mail;
    if (envelope.expiresAt !== undefined && envelope.expiresAt <= now) {
      settler.consume(entry, mail, {
        outcome: "skipped",
        note: "expired",
        error: new AosError("EXPIRED", `${envelope.name} expired before it was delivered`),
        revision: type.revision,
      });
      return false;
    }
    if (this.#isChainSpent(envelope.chain, envelope.depth)) {
      const error = new AosError("CHAIN_CUT", `chain ${envelope.chain} had ${core.limits.chainTurns} turns`, {
        details: { chain: envelope.chain },
      });
      core.report({ event: "chain.cut", agent: entry.address, chain: envelope.chain, why: error.message });
      settler.consume(entry, mail, { outcome: "dead", note: error.message, error, revision: type.revision });
      return false;
    }
    const spent = this.#parts.chains.take(entry, type, "turns", envelope.chain);
    if (spent !== undefined) {
      settler.consume(entry, mail, { outcome: "dead", note: spent.message, error: spent, revision: type.revision });
      return false;
    }
    if (mail.value === undefined) {
      const checked = checkPayload(type, envelope.kind, envelope.name, mail.data, envelope.version);
      if (checked instanceof Promise) return checked.then((value) => this.#checked(entry, type, mail, value, now));
      return this.#checked(entry, type, mail, checked, now);
    }
    return counters.isCold(entry, now) || this.#isSurvivor(mail)
      ? this.#slowly(entry, type, mail, now)
      : this.#gate(entry, type, mail, now);
  }

  #checked(
    entry: AgentEntry,
    type: LoadedType,
    mail: Mail,
    value: { readonly of: unknown } | undefined,
    now: number,
  ): boolean | Promise<boolean> {
    mail.value = value ?? { of: null };
    const { counters } = this.#parts;
    return counters.isCold(entry, now) || this.#isSurvivor(mail)
      ? this.#slowly(entry, type, mail, now)
      : this.#gate(entry, type, mail, now);
  }

  #isSurvivor(mail: Mail): boolean {
    return mail.seq <= this.survivorsUpTo && mail.stored;
  }

  async #slowly(entry: AgentEntry, type: LoadedType, mail: Mail, now: number): Promise<boolean> {
    await this.#parts.counters.warm(entry, now);
    if (!this.#gate(entry, type, mail, now)) return false;
    return this.#isSurvivor(mail) ? this.#mark(entry, type, mail, now) : true;
  }

  /** The gates before a wake: the budget of turns and wakes, and the handler's own `wakeIf`. */
  #gate(entry: AgentEntry, type: LoadedType, mail: Mail, now: number): boolean {
    const { counters, settler, runner } = this.#parts;
    const turnsUntil = counters.blockedUntil(entry, "turns", now);
    const until = turnsUntil ?? (entry.wake === undefined ? counters.blockedUntil(entry, "wakes", now) : undefined);
    if (until !== undefined) {
      const attempt = new Attempt(entry, mail, NONE, type, { now, monotonic: this.#parts.core.clock.monotonic() });
      settler.park(attempt, { kind: "budget", on: turnsUntil === undefined ? "wakes" : "turns", until });
      return false;
    }
    if (!runner.wants(entry, type, mail)) {
      settler.consume(entry, mail, { outcome: "skipped", note: "wakeIf answered false", revision: type.revision });
      return false;
    }
    return true;
  }

  /** A start mark goes into the store before an attempt that may be what killed the process. */
  async #mark(entry: AgentEntry, type: LoadedType, mail: Mail, now: number): Promise<boolean> {
    const { core, settler, supervision } = this.#parts;
    const policy = type.contract.retry ?? core.limits.retry;
    const wasMarked = mail.marked;
    if (wasMarked === 2) {
      // It ran alone when the process died: it is the one.
      const verdict = supervision.crashed(entry, type, "the process died in its turn", now);
      await this.writeVerdict(entry, verdict);
      if (entry.status !== "initialized") {
        entry.mailbox.add(mail);
        return false;
      }
    }
    if (mail.attempts >= policy.attempts) {
      const error = new AosError("TURN_FAILED", `the process died in ${mail.attempts} attempts to handle ${mail.envelope.name}`, {
        details: { crashed: true },
      });
      settler.consume(entry, mail, { outcome: "dead", note: error.message, error, revision: type.revision, reason: "CRASHED" });
      return false;
    }
    const isAlone = wasMarked > 0;
    if (isAlone) await this.#waitAlone(entry);
    try {
      await core.committer.write({
        mailSet: [{ seq: mail.seq, dueAt: null, parked: null, attempts: mail.attempts + 1, marked: isAlone ? 2 : 1 }],
      });
    } catch (thrown) {
      this.#letOthers(entry);
      throw thrown;
    }
    mail.marked = isAlone ? 2 : 1;
    return true;
  }

  async #waitAlone(entry: AgentEntry): Promise<void> {
    while (this.#alone !== undefined) await new Promise<void>((resolve) => this.#lonely.push(resolve));
    this.#alone = entry;
    while (this.#inFlight.size > 0) await new Promise<void>((resolve) => this.#lonely.push(resolve));
  }

  /** An attempt is over, or an agent gives up to run alone: whoever waits for that looks again. */
  #letOthers(entry: AgentEntry): void {
    if (this.#alone === entry) this.#alone = undefined;
    if (this.#lonely.length > 0) for (const resolve of this.#lonely.splice(0)) resolve();
  }

  #start(entry: AgentEntry, type: LoadedType, mail: Mail, now: number): void {
    const { core, counters, runner } = this.#parts;
    if (entry.status !== "initialized") {
      this.#letOthers(entry);
      entry.mailbox.add(mail);
      return;
    }
    const isCoalescing = mail.envelope.kind === "event" && type.events.get(mail.envelope.name)?.handler.coalesce === true;
    const others = isCoalescing ? alike(entry, mail, now) : NONE;
    const attempt = new Attempt(entry, mail, others, type, { now, monotonic: core.clock.monotonic() });
    entry.attempt = attempt;
    if (entry.wake === undefined) {
      entry.wake = "wasted";
      this.wakes++;
      for (const op of counters.count(entry, "wakes", now)) attempt.addToLedger(op);
    }
    for (const op of counters.count(entry, "turns", now)) attempt.addToLedger(op);
    runner.run(attempt);
    if (attempt.isDead) return;
    // Most turns are over by now; only those that wait for something are listed.
    this.#inFlight.add(attempt);
    this.#parts.onStart();
  }

  /** Settles mail whose turn could not be written, by its own fault. */
  failed(entry: AgentEntry, type: LoadedType, mail: Mail, error: AosError): void {
    const { core, settler } = this.#parts;
    settler.failed(new Attempt(entry, mail, NONE, type, { now: core.clock.now(), monotonic: core.clock.monotonic() }), error);
  }

  /** Writes what supervision says of an agent outside of any turn. */
  async writeVerdict(entry: AgentEntry, verdict: Partial<UnitParts>): Promise<void> {
    const { core } = this.#parts;
    await new Promise<void>((resolve) => {
      entry.turnsUpTo = core.numbers.lastSeq;
      const unit = new AgentUnit(core, entry, {
        ...verdict,
        rows: verdict.rows ?? [
          {
            at: core.clock.now(),
            body: lifecycleBody(
              entry.address,
              "the process died in its turn",
              "supervisor",
              core.types.get(entry.type)?.revision ?? "none",
            ),
          },
        ],
        commit: {},
        onDurable: (rows) => {
          verdict.onDurable?.(rows);
          resolve();
        },
        onFailure: () => resolve(),
      });
      core.committer.push(unit);
    });
  }

  #refuse(entry: AgentEntry, type: LoadedType, mail: Mail, thrown: unknown): void {
    const cause = toAosError(thrown);
    if (cause.code === "DISK_FULL" || cause.code === "STORE_FAILED") {
      entry.mailbox.add(mail);
      return;
    }
    const isMismatch = cause.code === "PAYLOAD_INVALID" || cause.code === "EVENT_NOT_ACCEPTED";
    const error = isMismatch
      ? new AosError("SCHEMA_MISMATCH", `queued ${mail.envelope.name} no longer satisfies the contract: ${cause.message}`, {
          details: cause.details,
          cause,
        })
      : cause;
    this.#parts.settler.consume(entry, mail, { outcome: "dead", note: error.message, error, revision: type.revision });
    this.wake(entry);
  }

  #isChainSpent(chain: string, depth: number): boolean {
    if (depth === 0) return false;
    const turns = (this.#chainTurns.get(chain) ?? 0) + 1;
    // Most recently used last, so that the bound forgets chains that have come to rest.
    this.#chainTurns.delete(chain);
    this.#chainTurns.set(chain, turns);
    if (this.#chainTurns.size > CHAINS_MAX) {
      const [oldest] = this.#chainTurns.keys();
      if (oldest !== undefined) this.#chainTurns.delete(oldest);
    }
    return turns > this.#parts.core.limits.chainTurns;
  }
}
