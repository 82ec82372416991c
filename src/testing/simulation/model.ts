import {
  type AgentStatus,
  type AosError,
  type Commit,
  type EffectRow,
  type JournalWrite,
  type MailRow,
  readRecord,
} from "../../kernel/index.ts";
import type { TurnRecord } from "../../kernel/index.ts";

/** An agent as the batches that were committed leave it. */
export interface ModelAgent {
  readonly no: number;
  readonly address: string;
  status: AgentStatus;
  epoch: number;
  turn: number;
  head: number;
  state: string;
  /** The time of its newest journal row. */
  lastAt: number;
  /** Fenced by a kill, a quarantine or its end, and not resumed since. */
  isFenced: boolean;
  /** Its mail, by seq. */
  readonly mail: Map<number, ModelMail>;
  /** Turns that ran a handler, by the calendar minute of their time. */
  readonly turnsByMinute: Map<number, number>;
}

/** Mail as the batches leave it. */
export interface ModelMail {
  row: MailRow;
  readonly id: string;
  /** Priority and sender: FIFO is kept within. */
  readonly lane: string;
  readonly dedupe: string | undefined;
  /** When it was accepted, epoch ms. */
  readonly at: number;
  /** Whether it ever waited for a time or a condition, or was redriven: it then joins its lane later. */
  isLate: boolean;
}

interface Envelope {
  readonly id: string;
  readonly priority: number;
  readonly sender: string;
  readonly dedupe?: string;
  readonly at: number;
}

/** Where an envelope stands: in a mailbox, or how it ended. */
export type Fate = "mail" | "done" | "skipped" | "refused" | "dead" | "gone";

/** What happened in one unit, for the checks. */
export interface Folded {
  readonly unit: Commit;
  readonly agent: ModelAgent | undefined;
  /** The agent as it was before. */
  readonly before: ModelAgent | undefined;
  readonly records: readonly { readonly row: JournalWrite; readonly record: TurnRecord }[];
  readonly removed: readonly ModelMail[];
  readonly changed: readonly { readonly before: MailRow; readonly mail: ModelMail }[];
  readonly added: readonly ModelMail[];
}

/**
 * What a store must hold, told from the batches that it said it had committed: kept beside the kernel and without its
 * code, so that what they disagree on is a fault of one of them.
 */
export class Model {
  readonly agents = new Map<number, ModelAgent>();
  readonly byAddress = new Map<string, ModelAgent>();
  readonly mail = new Map<number, ModelMail>();
  readonly fates = new Map<string, Fate>();
  readonly effects = new Map<string, EffectRow>();
  readonly dead = new Map<string, { readonly agent: number; readonly reason: string }>();
  /** The latest time of any journal row. */
  lastAt = 0;
  readonly sums = new Map<string, number>();
  /** Envelopes by the hash under which they are deduplicated, with when they came. */
  readonly keys = new Map<string, { readonly id: string; readonly at: number }>();

  /** Applies one unit in the order in which a store does. */
  fold(unit: Commit): Folded {
    for (const { row } of unit.create ?? []) this.#create(row);
    const [first] = unit.turn?.journal ?? [];
    const agent = first === undefined ? undefined : this.agents.get(first.agent);
    const before = agent === undefined ? undefined : { ...agent };
    const records = (unit.turn?.journal ?? []).map((row) => ({ row, record: readRecord({ ...row, address: agent?.address ?? "" }) }));
    if (agent !== undefined) turn(agent, unit);
    this.lastAt = Math.max(this.lastAt, agent?.lastAt ?? 0);
    const removed: ModelMail[] = [];
    for (const { agent: no, timer } of unit.timersOut ?? []) this.#removeTimer(no, timer, removed);
    const added = (unit.mailIn ?? []).map((row) => this.#add(row, removed));
    for (const seq of unit.mailOut ?? []) this.#remove(seq, removed);
    const changed = (unit.mailSet ?? []).flatMap((change) => this.#change(change));
    for (const row of unit.effects ?? []) this.effects.set(row.id, row);
    for (const envelope of unit.effectsOut ?? []) this.#dropEffects(envelope);
    for (const id of unit.deadOut ?? []) this.#undead(id);
    for (const row of unit.deadIn ?? []) {
      this.dead.set(row.id, { agent: row.agent, reason: row.reason });
      this.fates.set(row.id, "dead");
    }
    for (const op of unit.ledger ?? []) if (op.op === "add") this.sums.set(op.key, (this.sums.get(op.key) ?? 0) + op.delta);
    return { unit, agent, before, records, removed, changed, added };
  }

  /** Whether an envelope is known at all: in a mailbox, or through with. */
  knows(id: string): boolean {
    return this.fates.has(id);
  }

  #create(row: { readonly no: number; readonly address: string; readonly status: AgentStatus; readonly state: string } & object): void {
    const given = row as ModelAgent;
    const agent: ModelAgent = {
      no: row.no,
      address: row.address,
      status: row.status,
      epoch: given.epoch,
      turn: given.turn,
      head: given.head,
      state: row.state,
      lastAt: 0,
      isFenced: false,
      mail: new Map(),
      turnsByMinute: new Map(),
    };
    this.agents.set(row.no, agent);
    this.byAddress.set(row.address, agent);
  }

  #add(row: MailRow, removed: ModelMail[]): ModelMail {
    if (row.timer !== undefined) this.#removeTimer(row.agent, row.timer, removed);
    const { id, priority, sender, dedupe, at } = JSON.parse(row.head) as Envelope;
    const isLate = row.dueAt !== undefined || row.parked !== undefined || this.fates.has(id);
    const mail: ModelMail = { row, id, lane: `${priority}|${sender}`, dedupe, at, isLate };
    this.mail.set(row.seq, mail);
    this.agents.get(row.agent)?.mail.set(row.seq, mail);
    this.fates.set(id, "mail");
    return mail;
  }

  #remove(seq: number, removed: ModelMail[]): void {
    const mail = this.mail.get(seq);
    if (mail === undefined) return;
    this.mail.delete(seq);
    this.agents.get(mail.row.agent)?.mail.delete(seq);
    this.fates.set(mail.id, "gone");
    removed.push(mail);
  }

  #removeTimer(agent: number, timer: string, removed: ModelMail[]): void {
    for (const mail of this.agents.get(agent)?.mail.values() ?? []) if (mail.row.timer === timer) this.#remove(mail.row.seq, removed);
  }

  #change(change: NonNullable<Commit["mailSet"]>[number]): { readonly before: MailRow; readonly mail: ModelMail }[] {
    const mail = this.mail.get(change.seq);
    if (mail === undefined) return [];
    const before = mail.row;
    const { attempts, marked } = change;
    mail.row = { ...before, attempts, marked, dueAt: change.dueAt ?? undefined, parked: change.parked ?? undefined };
    // A retry holds its lane; whoever waits for something else gives way.
    if (change.parked !== null || before.parked !== undefined || (change.dueAt !== null && attempts === 0)) mail.isLate = true;
    return [{ before, mail }];
  }

  #dropEffects(envelope: string): void {
    for (const [id, row] of this.effects) if (row.envelope === envelope && row.state !== "in-doubt") this.effects.delete(id);
  }

  #undead(id: string): void {
    this.dead.delete(id);
    if (this.fates.get(id) === "dead") this.fates.set(id, "gone");
  }
}

function turn(agent: ModelAgent, unit: Commit): void {
  const { turn: write } = unit;
  if (write === undefined) return;
  const last = write.journal.at(-1);
  if (last !== undefined) {
    agent.turn = last.turn;
    agent.head = last.id;
    agent.lastAt = last.at;
  }
  if (write.state !== undefined) agent.state = write.state;
  if (write.epoch !== undefined && write.epoch > agent.epoch) agent.isFenced = true;
  if (write.epoch !== undefined) agent.epoch = write.epoch;
  if (write.status !== undefined) agent.status = write.status;
  if (write.status === "initialized") agent.isFenced = false;
}

/** Which units of a batch a store said it had committed. */
export function committedOf(units: readonly Commit[], outcomes: readonly (AosError | undefined)[]): readonly Commit[] {
  return units.filter((_unit, at) => outcomes[at] === undefined);
}
