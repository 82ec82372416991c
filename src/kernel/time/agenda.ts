import type { Cancel } from "../clock.ts";
import type { Core } from "../core.ts";
import { type Directory, readMail } from "../agents/directory.ts";
import type { AgentEntry } from "../agents/entry.ts";
import type { Envelope } from "../mail/envelope.ts";
import { AosError } from "../errors.ts";
import { dueOccurrences } from "./misfire.ts";
import { laneOf, type Mail, mailRow } from "../mail/mailbox.ts";
import { jitterOf, nextOccurrence, type ScheduleSpec } from "./schedule.ts";
import { lifecycleBody } from "../agents/spawner.ts";
import type { Commit, MailRow } from "../store/store.ts";
import type { LoadedType } from "../agents/types.ts";
import { AgentUnit } from "../turn/unit.ts";

const BATCH = 500;
const TICKS_MAX = 100;
const JOINED = { dueAt: undefined, parked: undefined, timer: undefined };

/** What a schedule's row keeps: the last tick that is settled, and the planned time of the next. */
interface Planned {
  readonly settledAt: number;
  readonly plannedAt: number;
}

/**
 * Everything that waits for a time: timers, schedules, delayed mail, retries, parked mail that may go on. It all stands
 * in the store as mail with a due time; here one timer waits for the earliest.
 */
export class Agenda {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #ready: (agent: number) => void;
  #armedFor = Infinity;
  #cancel: Cancel | undefined;
  #isRunning = false;
  #isAgain = false;
  isStopped = true;

  constructor(core: Core, directory: Directory, ready: (agent: number) => void) {
    this.#core = core;
    this.#directory = directory;
    this.#ready = ready;
  }

  /** Notes that something waits until a time. */
  expect(dueAt: number): void {
    if (this.isStopped || dueAt >= this.#armedFor) return;
    this.#arm(dueAt);
  }

  /** Looks at the store for what is due. */
  refresh(): void {
    if (this.isStopped) return;
    if (this.#isRunning) this.#isAgain = true;
    else void this.#run();
  }

  stop(): void {
    this.isStopped = true;
    this.#cancel?.();
    this.#armedFor = Infinity;
  }

  /** The rows that plan an agent's schedules: from now on, or from the tick that was settled last. */
  firstTicks(no: number, type: LoadedType, address: string, now: number, settled: ReadonlyMap<string, number> = new Map()): MailRow[] {
    return Object.entries(type.contract.schedules ?? {}).flatMap(([name, spec]) => {
      const row = this.#plan(no, address, name, spec, settled.get(name) ?? now, now);
      return row === undefined ? [] : [row];
    });
  }

  /** The row that plans a schedule's next tick. */
  #plan(no: number, address: string, name: string, spec: ScheduleSpec, settledAt: number, now: number, at?: number): MailRow | undefined {
    const plannedAt = at ?? nextOccurrence(spec, settledAt, this.#core.calendar);
    if (plannedAt === undefined) return undefined;
    const planned: Planned = { settledAt, plannedAt };
    const mail = this.#tickMail(address, name, now, { scheduledAt: plannedAt, missed: 0 }, JSON.stringify(planned));
    return mailRow(mail, no, at ?? plannedAt + this.#jitter(spec, plannedAt, address, name), `s:${name}`);
  }

  /** The row that brings a schedule's tick forward. */
  earlierTick(entry: AgentEntry, name: string, spec: ScheduleSpec, at: number, now: number): MailRow | undefined {
    return this.#plan(entry.no, entry.address, name, spec, now, now, Math.max(at, now + 1));
  }

  #jitter(spec: ScheduleSpec, tick: number, address: string, name: string): number {
    return jitterOf(spec, tick, `${address}|${name}`, (text) => Number.parseInt(this.#core.hasher.sha256(text).slice(0, 12), 16) / 2 ** 48);
  }

  #tickMail(
    address: string,
    name: string,
    now: number,
    tick: { readonly scheduledAt: number; readonly missed: number },
    data: string,
  ): Mail {
    const id = this.#core.entropy.uuid();
    const envelope: Envelope = {
      id,
      kind: "schedule",
      name,
      target: address,
      sender: address,
      source: `${address}#${name}`,
      correlation: id,
      chain: id,
      depth: 0,
      priority: 5,
      at: now,
      tick,
    };
    return { seq: this.#core.numbers.seq(), envelope, data, attempts: 0, marked: 0, stored: true };
  }

  #arm(at: number): void {
    this.#cancel?.();
    this.#armedFor = at;
    this.#cancel = this.#core.clock.at(at, () => {
      this.#armedFor = Infinity;
      this.refresh();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      do {
        this.#isAgain = false;
        const now = this.#core.clock.now();
        const rows = await this.#core.store.due(now, BATCH);
        if (rows.length === BATCH) this.#isAgain = true;
        // All of them end before the store is asked again: what is still on its way would be read, and join, a second time.
        const fired = await Promise.allSettled(rows.map((row) => this.#fire(row, now)));
        const failed = fired.find(({ status }) => status === "rejected");
        if (failed?.status === "rejected") throw failed.reason;
      } while (this.#isAgain && !this.isStopped);
      const next = await this.#core.store.nextDue();
      if (next !== undefined && !this.isStopped) this.expect(Math.max(next, this.#core.clock.now() + 1));
    } catch {
      // The store's failure is reported by the committer; look again when it may have recovered.
      if (!this.isStopped) this.#arm(this.#core.clock.now() + 1_000);
    } finally {
      this.#isRunning = false;
    }
  }

  async #fire(row: MailRow, now: number): Promise<void> {
    if (row.timer?.startsWith("s:") === true) await this.#tick(row, now);
    else await this.#join(row);
  }

  /** Lets the ticks go on that waited for a type's code. */
  async codeArrived(type: string): Promise<void> {
    const rows = await this.#core.store.parked("code-missing");
    const waiting = rows.filter(
      ({ timer, parked = "" }) => timer?.startsWith("s:") === true && parked.includes(JSON.stringify(codeOf(type))),
    );
    if (waiting.length === 0) return;
    const now = this.#core.clock.now();
    await this.#core.committer.write({ mailSet: waiting.map(({ seq }) => ({ seq, dueAt: now, parked: null, attempts: 0, marked: 0 })) });
    this.refresh();
  }

  /** Mail whose time has come joins its mailbox. */
  async #join(row: MailRow): Promise<void> {
    if (row.attempts === 0 && row.parked === undefined && row.timer === undefined) {
      const until = this.quietUntil(row.agent, (JSON.parse(row.head) as Envelope).name, this.#core.clock.now());
      if (until !== undefined) {
        await this.#core.committer.write({ mailSet: [{ seq: row.seq, dueAt: until, parked: null, attempts: 0, marked: row.marked }] });
        return;
      }
    }
    const change = { seq: row.seq, dueAt: null, parked: null, attempts: row.attempts, marked: row.marked };
    // A timer that has fired is mail like any other: setting or cancelling one of its name leaves it alone.
    const commit: Commit =
      row.timer === undefined
        ? { mailSet: [change] }
        : { timersOut: [{ agent: row.agent, timer: row.timer }], mailIn: [{ ...row, ...JOINED }] };
    await this.#core.committer.write(commit, () => this.#joined(row));
  }

  #joined(row: MailRow): void {
    const entry = this.#directory.cachedNo(row.agent);
    const mail = row.parked === undefined ? readMail(row) : entry?.mailbox.unpark(row.seq);
    // Parked mail that is not parked any more went on already.
    if (entry !== undefined && !entry.isStale && mail !== undefined) {
      mail.parked = undefined;
      mail.joinedAt = this.#core.clock.now();
      // A retry held its lane: it goes first again, what waited behind it follows.
      if (row.attempts > 0 && row.parked === undefined) {
        entry.mailbox.release(laneOf(mail.envelope));
      }
      entry.mailbox.add(mail);
    }
    this.#ready(row.agent);
  }

  async #tick(row: MailRow, now: number): Promise<void> {
    const found = this.#directory.getNo(row.agent);
    const entry = found instanceof Promise ? await found : found;
    const envelope = JSON.parse(row.head) as Envelope;
    const type = entry === undefined ? undefined : this.#core.types.get(entry.type);
    const spec = type?.contract.schedules?.[envelope.name];
    if (entry === undefined || entry.status === "terminated") {
      await this.#core.committer.write({ mailOut: [row.seq] });
      return;
    }
    if (type === undefined) {
      // The tick waits for its code, which then applies the misfire policy.
      const parked = JSON.stringify({ kind: "code-missing", on: codeOf(entry.type) });
      await this.#core.committer.write({ mailSet: [{ seq: row.seq, dueAt: null, parked, attempts: 0, marked: 0 }] });
      return;
    }
    if (spec === undefined) {
      // The contract no longer knows the schedule: it is planned again when it does.
      await this.#core.committer.write({ mailOut: [row.seq] });
      return;
    }
    const { settledAt, plannedAt } = JSON.parse(row.data) as Planned;
    const isEarlier = plannedAt < (nextOccurrence(spec, settledAt, this.#core.calendar) ?? Infinity);
    const due = dueOccurrences(spec, settledAt, now, this.#core.calendar, {
      max: TICKS_MAX,
      delayOf: (tick) => this.#jitter(spec, tick, entry.address, envelope.name),
    });
    const fire = isEarlier && due.fire.length === 0 ? [plannedAt] : due.fire;
    await this.#write(
      entry,
      type,
      row,
      spec,
      envelope.name,
      fire,
      due.missed.length,
      isEarlier ? Math.max(now, due.settledAt) : due.settledAt,
      now,
    );
  }

  async #write(
    entry: AgentEntry,
    type: LoadedType,
    row: MailRow,
    spec: ScheduleSpec,
    name: string,
    fire: readonly number[],
    missed: number,
    settledAt: number,
    now: number,
  ): Promise<void> {
    const isSame = (mail: Mail): boolean => mail.envelope.kind === "schedule" && mail.envelope.name === name;
    const running = entry.attempt !== undefined && isSame(entry.attempt.mail) ? entry.attempt : undefined;
    const isBusy = async (): Promise<boolean> =>
      running !== undefined || entry.mailbox.some(isSame) || (await this.#isRetried(entry.no, isSame));
    const skipped = fire.length > 0 && spec.overlap === "skip" && (await isBusy()) ? fire.length : 0;
    const mails = (skipped > 0 ? [] : fire).map((tick, at) =>
      this.#tickMail(entry.address, name, now, { scheduledAt: tick, missed: at === 0 ? missed : 0 }, "null"),
    );
    const next = this.#plan(entry.no, entry.address, name, spec, settledAt, now);
    const commit: Commit = {
      mailOut: [row.seq],
      mailIn: [...mails.map((mail) => mailRow(mail, entry.no)), ...(next === undefined ? [] : [next])],
    };
    const joined = (): void => {
      const present = this.#directory.cachedNo(entry.no);
      if (present !== undefined && !present.isStale) for (const mail of mails) present.mailbox.add(mail);
    };
    const lost = missed + skipped;
    if (lost > 0) {
      const note = skipped > 0 ? `${skipped} of ${name} skipped: the one before still runs` : `${missed} of ${name} missed`;
      await new Promise<void>((resolve, reject) => {
        const body = {
          ...lifecycleBody(entry.address, note, `${entry.address}#${name}`, type.revision),
          kind: "schedule.missed" as const,
          outcome: "skipped" as const,
        };
        entry.turnsUpTo = this.#core.numbers.lastSeq;
        this.#core.committer.push(
          new AgentUnit(this.#core, entry, {
            rows: [{ at: now, body }],
            commit,
            onDurable: () => (joined(), resolve()),
            onFailure: (error) => reject(error ?? new AosError("STORE_FAILED", `agent ${entry.address} changed meanwhile`)),
          }),
        );
      });
    } else await this.#core.committer.write(commit, joined);
    if (running !== undefined && spec.overlap === "cancel" && mails.length > 0) this.onCancel(entry);
    if (mails.length > 0) this.#ready(entry.no);
  }

  /** Whether mail that waits for its retry satisfies a test: it stands in the store alone. */
  async #isRetried(agent: number, test: (mail: Mail) => boolean): Promise<boolean> {
    const rows = await this.#core.store.mail(agent);
    return rows.some((row) => row.attempts > 0 && row.dueAt !== undefined && row.parked === undefined && test(readMail(row)));
  }

  /** Until when a debounced event waits on, since its burst goes on. */
  quietUntil: (agent: number, event: string, now: number) => number | undefined = () => undefined;
  /** Told that a tick's overlap policy ends the attempt in flight. */
  onCancel: (entry: AgentEntry) => void = () => undefined;
}

/** The condition of what waits for a type's code. */
function codeOf(type: string): string {
  return `type ${type}`;
}

/** The tick up to which a schedule's row is settled. */
export function settledAtOf(row: MailRow): number {
  return (JSON.parse(row.data) as Planned).settledAt;
}
