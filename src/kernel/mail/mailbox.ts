import type { Pending } from "../store/committer.ts";
import { type Envelope, PRIORITY_MAX } from "./envelope.ts";
import type { MailRow } from "../store/store.ts";

/** One piece of mail in memory. */
export interface Mail {
  readonly seq: number;
  envelope: Envelope;
  /** The payload as JSON text. */
  readonly data: string;
  /** The validated payload, where it was validated in this process. */
  value?: { readonly of: unknown } | undefined;
  attempts: number;
  /** The start mark: see `MailRow.marked`. */
  marked: number;
  /** The digest of name and payload, where it was computed. */
  digest?: number | undefined;
  /** Whether its row is in the store; mail that is not is part of an acceptance still in flight. */
  stored: boolean;
  /** Its acceptance, while that is in flight: a turn that ends before joins it. */
  arriving?: Arriving | undefined;
  /** The condition it waits for, where it is parked. */
  parked?: string | undefined;
  /** When it joined the mailbox, where that was later than it was accepted; it ages from then. */
  joinedAt?: number | undefined;
}

/** An acceptance on its way into the store. */
export interface Arriving {
  row(): MailRow;
  /** Set by a turn that ended before the acceptance was written: both then share one unit. */
  fused?: Pending | undefined;
}

/** Mail as it is stored. */
export function mailRow(mail: Mail, agent: number, dueAt?: number, timer?: string): MailRow {
  return {
    seq: mail.seq,
    agent,
    priority: mail.envelope.priority,
    dueAt,
    parked: mail.parked,
    attempts: mail.attempts,
    marked: mail.marked,
    timer,
    head: JSON.stringify(mail.envelope),
    data: mail.data,
  };
}

/** The order that is kept: one sender's mail of one priority to one agent. */
export function laneOf(envelope: Envelope): string {
  return `${envelope.priority}${envelope.sender}`;
}

/**
 * The mail of one agent, in memory: FIFO per lane, priorities with ageing between lanes. A lane whose first mail waits
 * for a retry is held; its other mail waits behind it.
 */
export class Mailbox {
  readonly #queues: (Mail[] | undefined)[] = [];
  readonly #held = new Map<string, Mail[]>();
  readonly #parked = new Map<number, Mail>();
  #ready = 0;
  #waiting = 0;

  /** Mail that could be handled now. */
  get ready(): number {
    return this.#ready;
  }

  /** All mail but the parked. */
  get depth(): number {
    return this.#ready + this.#waiting;
  }

  get parked(): readonly Mail[] {
    return [...this.#parked.values()];
  }

  get parkedCount(): number {
    return this.#parked.size;
  }

  add(mail: Mail): void {
    const lane = this.#held.size > 0 ? this.#held.get(laneOf(mail.envelope)) : undefined;
    if (lane !== undefined) {
      if (insert(lane, mail)) this.#waiting++;
      return;
    }
    if (insert((this.#queues[mail.envelope.priority] ??= []), mail)) this.#ready++;
  }

  /**
   * Takes the mail to handle next. A lane's head that waited `ageingMs` counts one priority higher, and so on,
   * so that nothing starves; equal ones go by arrival.
   */
  take(now: number, ageingMs: number): Mail | undefined {
    if (this.#ready === 0) return undefined;
    let best: Mail[] | undefined;
    let bestRank = -1;
    for (let priority = PRIORITY_MAX; priority >= 0; priority--) {
      const queue = this.#queues[priority];
      const head = queue?.[0];
      if (queue === undefined || head === undefined) continue;
      if (this.#ready === queue.length) {
        best = queue;
        break;
      }
      const rank = priority + Math.floor(Math.max(0, now - (head.joinedAt ?? head.envelope.at)) / ageingMs);
      if (rank > bestRank || (rank === bestRank && head.seq < (best?.[0]?.seq ?? 0))) {
        best = queue;
        bestRank = rank;
      }
    }
    this.#ready--;
    return best?.shift();
  }

  /** Takes up to `max` more ready mail that satisfies a test, in order. */
  takeWhere(max: number, test: (mail: Mail) => boolean): Mail[] {
    const taken: Mail[] = [];
    for (const [priority, queue] of this.#queues.entries()) {
      if (queue === undefined) continue;
      const kept = queue.filter((mail) => taken.length >= max || !test(mail) || taken.push(mail) < 0);
      if (kept.length !== queue.length) this.#queues[priority] = kept;
    }
    this.#ready -= taken.length;
    return taken.toSorted((left, right) => left.seq - right.seq);
  }

  /** Forgets one piece of mail that is ready or waits behind a retry; false where there is none of that seq. */
  drop(seq: number): boolean {
    if (this.takeWhere(1, (mail) => mail.seq === seq).length > 0) return true;
    for (const lane of this.#held.values()) {
      const at = lane.findIndex((mail) => mail.seq === seq);
      if (at < 0) continue;
      lane.splice(at, 1);
      this.#waiting--;
      return true;
    }
    return false;
  }

  /** Whether any mail that is ready, or waits behind a retry, satisfies a test. */
  some(test: (mail: Mail) => boolean): boolean {
    return this.#queues.some((queue) => queue?.some(test) === true) || [...this.#held.values()].some((lane) => lane.some(test));
  }

  /** Holds a lane: what stands in it, and what comes, waits until it is released. */
  hold(lane: string): void {
    if (this.#held.has(lane)) return;
    const waiting: Mail[] = [];
    this.#held.set(lane, waiting);
    const priority = Number(lane[0]);
    const queue = this.#queues[priority];
    if (queue === undefined) return;
    this.#queues[priority] = queue.filter((mail) => laneOf(mail.envelope) !== lane || waiting.push(mail) < 0);
    this.#ready -= waiting.length;
    this.#waiting += waiting.length;
  }

  release(lane: string): void {
    const waiting = this.#held.get(lane);
    if (waiting === undefined) return;
    this.#held.delete(lane);
    this.#waiting -= waiting.length;
    for (const mail of waiting) this.add(mail);
  }

  park(mail: Mail, condition: string): void {
    mail.parked = condition;
    this.#parked.set(mail.seq, mail);
  }

  unpark(seq: number): Mail | undefined {
    const mail = this.#parked.get(seq);
    if (mail === undefined) return undefined;
    this.#parked.delete(seq);
    mail.parked = undefined;
    return mail;
  }

  /** Forgets all mail. */
  clear(): void {
    this.#queues.length = 0;
    this.#held.clear();
    this.#parked.clear();
    this.#ready = 0;
    this.#waiting = 0;
  }

  /** All mail, by arrival: for listing. */
  list(): readonly Mail[] {
    return [...this.#queues.flatMap((queue) => queue ?? []), ...[...this.#held.values()].flat(), ...this.#parked.values()].toSorted(
      (left, right) => left.seq - right.seq,
    );
  }
}

/** Keeps arrival order; what comes last is usually the latest. False where it is in already. */
function insert(queue: Mail[], mail: Mail): boolean {
  let at = queue.length;
  while (at > 0 && (queue[at - 1]?.seq ?? 0) > mail.seq) at--;
  if (queue[at - 1]?.seq === mail.seq) return false;
  if (at === queue.length) queue.push(mail);
  else queue.splice(at, 0, mail);
  return true;
}
