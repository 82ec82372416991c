import { shortAddress } from "../address.ts";
import type { Attempt, MessageDraft } from "../turn/attempt.ts";
import type { Core } from "../core.ts";
import type { DedupeIndex } from "./dedupe.ts";
import type { Directory } from "../agents/directory.ts";
import type { Envelope } from "./envelope.ts";
import { digest53 } from "../json.ts";
import { type Mail, mailRow } from "./mailbox.ts";
import type { Cause } from "../turn/record.ts";
import { causeOf } from "../turn/record.ts";
import type { RowDraft } from "../turn/unit.ts";
import type { DeadRow, DedupeRow, MailRow } from "../store/store.ts";

/** What a turn's messages become. */
export interface Outgoing {
  readonly mailIn: readonly MailRow[];
  readonly deliveries: readonly {
    readonly agent: number;
    readonly address: string;
    readonly mail: Mail;
    readonly dueAt: number | undefined;
  }[];
  readonly dead: readonly DeadRow[];
  readonly cuts: readonly RowDraft[];
  readonly dedupe: readonly DedupeRow[];
}

const NOTHING: Outgoing = { mailIn: [], deliveries: [], dead: [], cuts: [], dedupe: [] };

/** What those who send mail tell of it and ask about it. */
export interface Told {
  /** Told that an agent has mail. */
  readonly ready: (agent: number) => void;
  /** Told that mail waits until a time. */
  readonly delayed: (dueAt: number) => void;
  /** Says when a debounced event joins; undefined where its handler does not debounce. */
  readonly debounce: (agent: number, address: string, envelope: Envelope) => number | undefined;
}

/** Turns the drafts of an attempt into mail: numbered, chained, deduplicated, and cut where a chain is too long. */
export class Outbox {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #dedupe: DedupeIndex;
  readonly #told: Told;
  /** Messages whose key was found by `prepare`. */
  readonly #sent = new WeakSet<MessageDraft>();

  constructor(core: Core, directory: Directory, dedupe: DedupeIndex, told: Told) {
    this.#core = core;
    this.#directory = directory;
    this.#dedupe = dedupe;
    this.#told = told;
  }

  /** Where the store does not answer at once: looks up which keyed messages were sent before, for `collect`. */
  prepare(attempt: Attempt): Promise<unknown> | undefined {
    if (!this.#dedupe.answersLater) return undefined;
    let asked: Promise<unknown>[] | undefined;
    for (const draft of attempt.messages) {
      if (draft.key === undefined) continue;
      const target = this.#directory.cached(draft.address);
      const found = target === undefined ? undefined : this.#dedupe.find(target, this.#hash(attempt.entry.address, draft), attempt.now);
      if (found instanceof Promise) (asked ??= []).push(found.then((seen) => seen !== undefined && this.#sent.add(draft)));
    }
    return asked === undefined ? undefined : Promise.all(asked);
  }

  collect(attempt: Attempt): Outgoing {
    if (attempt.messages.length === 0) return NOTHING;
    const mailIn: MailRow[] = [];
    const deliveries: { agent: number; address: string; mail: Mail; dueAt: number | undefined }[] = [];
    const dead: DeadRow[] = [];
    const cuts: RowDraft[] = [];
    const dedupe: DedupeRow[] = [];
    for (const draft of attempt.messages) {
      const envelope = this.#envelope(attempt, draft);
      if (envelope.depth > this.#core.limits.chainDepth) {
        cuts.push(this.#cut(attempt, draft, envelope, dead));
        continue;
      }
      const mail: Mail = { seq: this.#core.numbers.seq(), envelope, data: draft.data, attempts: 0, marked: 0, stored: true };
      if (draft.key !== undefined) {
        const row = this.#keyed(envelope, draft, mail.seq);
        if (row === undefined) continue;
        dedupe.push(row);
        // At once: the same key may come again in this turn, or in the next one before this one is durable.
        this.#dedupe.add(row);
        mail.envelope = { ...envelope, dedupe: row.hash };
      }
      const isLater = draft.dueAt !== undefined && (draft.timer !== undefined || draft.dueAt > attempt.now);
      const dueAt = isLater ? draft.dueAt : this.#told.debounce(draft.agent, draft.address, envelope);
      mailIn.push(mailRow(mail, draft.agent, dueAt, draft.timer));
      deliveries.push({ agent: draft.agent, address: draft.address, mail, dueAt });
    }
    return { mailIn, deliveries, dead, cuts, dedupe };
  }

  /** After the commit: mail joins the mailboxes that are in memory; the rest is read when its agent is loaded. */
  deliver(outgoing: Outgoing): void {
    for (const { agent, address, mail, dueAt } of outgoing.deliveries) {
      if (dueAt !== undefined) {
        this.#told.delayed(dueAt);
        continue;
      }
      const entry = this.#directory.cached(address);
      if (entry !== undefined && !entry.isStale) entry.mailbox.add(mail);
      this.#told.ready(agent);
    }
  }

  /** After the commit failed: what was not sent may be sent under the same keys. */
  withdraw(outgoing: Outgoing): void {
    for (const { hash } of outgoing.dedupe) this.#dedupe.remove(hash);
  }

  #envelope(attempt: Attempt, draft: MessageDraft): Envelope {
    const cause = attempt.mail.envelope;
    // A timer begins a new chain: what an agent does tomorrow is not a loop.
    const isTimer = draft.kind === "timer";
    const id = this.#core.entropy.uuid();
    return {
      id,
      kind: draft.kind,
      name: draft.name,
      target: draft.address,
      sender: attempt.entry.address,
      source: shortAddress(attempt.entry.address),
      correlation: cause.correlation,
      causation: cause.id,
      chain: isTimer ? id : cause.chain,
      depth: isTimer ? 0 : cause.depth + 1,
      priority: draft.priority,
      at: attempt.now,
      expiresAt: draft.expiresAt,
      version: draft.version,
      traceparent: cause.traceparent,
    };
  }

  #keyed(envelope: Envelope, draft: MessageDraft, seq: number): DedupeRow | undefined {
    if (this.#sent.has(draft)) return undefined;
    const hash = this.#hash(envelope.sender, draft);
    const target = this.#directory.cached(envelope.target);
    const found = target === undefined ? undefined : this.#dedupe.find(target, hash, envelope.at);
    // What answers later was asked by `prepare`.
    if (found !== undefined && !(found instanceof Promise)) return undefined;
    return { hash, id: envelope.id, seq, digest: digest53(`${draft.name}\n${draft.data}`), at: envelope.at };
  }

  #hash(sender: string, draft: MessageDraft): string {
    return this.#core.hasher.sha256(`${draft.address}\n${sender}\n${draft.key}`).slice(0, 32);
  }

  #cut(attempt: Attempt, draft: MessageDraft, envelope: Envelope, dead: DeadRow[]): RowDraft {
    const why = `chain ${envelope.chain} is ${envelope.depth} hops deep, the limit is ${this.#core.limits.chainDepth}`;
    dead.push({
      id: envelope.id,
      agent: draft.agent,
      at: attempt.now,
      reason: "CHAIN_CUT",
      attempts: 0,
      head: JSON.stringify(envelope),
      data: draft.data,
      error: JSON.stringify({
        code: "CHAIN_CUT",
        message: why,
        details: { chain: envelope.chain, depth: envelope.depth, to: draft.address },
      }),
    });
    this.#core.report({ event: "chain.cut", agent: attempt.entry.address, chain: envelope.chain, why });
    const cause: Cause = causeOf(attempt.mail.envelope);
    return {
      at: attempt.now,
      body: {
        kind: "chain.cut",
        cause,
        outcome: "dead",
        attempts: 0,
        effects: [],
        sent: 0,
        decisions: [],
        costMs: 0,
        revision: attempt.type.revision,
        changed: false,
        note: why,
        error: { code: "CHAIN_CUT", message: why },
      },
    };
  }
}
