import type { Committer, Pending } from "../store/committer.ts";
import type { DedupeIndex } from "./dedupe.ts";
import type { AgentEntry } from "../agents/entry.ts";
import type { AosError } from "../errors.ts";
import type { Ack } from "./intake.ts";
import { type Arriving, type Mail, mailRow } from "./mailbox.ts";
import type { Commit, MailRow } from "../store/store.ts";

/** What acceptances share. */
export interface AcceptanceParts {
  readonly committer: Committer;
  readonly dedupe: DedupeIndex;
}

/**
 * Mail on its way into the store. It becomes a row of the mailbox, or, where its turn has ended by then, a part of that
 * turn's unit; its sender is told once either is durable.
 */
export class Acceptance implements Pending, Arriving {
  readonly promise: Promise<Ack>;
  fused: Pending | undefined;
  readonly #parts: AcceptanceParts;
  readonly #entry: AgentEntry;
  readonly #mail: Mail;
  readonly #dueAt: number | undefined;
  #resolve!: (ack: Ack) => void;
  #reject!: (error: AosError) => void;
  #hash: string | undefined;
  #isTurnDropped = false;

  constructor(parts: AcceptanceParts, entry: AgentEntry, mail: Mail, dueAt: number | undefined) {
    this.#parts = parts;
    this.#entry = entry;
    this.#mail = mail;
    this.#dueAt = dueAt;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    mail.arriving = this;
    entry.pending++;
  }

  /** Remembers the key that the mail came under. */
  remember(hash: string, digest: number): void {
    const { seq, envelope } = this.#mail;
    this.#hash = hash;
    this.#parts.dedupe.add({ hash, digest, id: envelope.id, seq, at: envelope.at }, this.promise);
  }

  row(): MailRow {
    return mailRow(this.#mail, this.#entry.no, this.#dueAt);
  }

  build(): Commit | undefined {
    const turn = this.fused?.build();
    if (turn !== undefined) return turn;
    this.#isTurnDropped = this.fused !== undefined;
    this.#mail.stored = true;
    return { mailIn: [this.row()] };
  }

  settled(error: AosError | undefined, isWhole: boolean): void {
    const mail = this.#mail;
    const { fused } = this;
    const wasFused = fused !== undefined && !mail.stored;
    // A turn that was dropped must hear of it too, or its agent waits for it for ever.
    if (wasFused || this.#isTurnDropped) fused?.settled(error, isWhole);
    this.#isTurnDropped = false;
    this.fused = undefined;
    if (wasFused && error !== undefined && !isWhole) {
      // The turn could not be written, but the mail can.
      this.#parts.committer.push(this);
      return;
    }
    mail.arriving = undefined;
    if (error !== undefined && !wasFused) this.#undo(error);
    this.#entry.settle();
    if (this.#hash !== undefined) this.#parts.dedupe.settled(mail.seq);
    if (error === undefined) {
      this.#resolve({ id: mail.envelope.id, seq: mail.seq, duplicate: false });
    } else {
      if (this.#hash !== undefined) this.#parts.dedupe.remove(this.#hash);
      this.#reject(error);
    }
  }

  /** Nobody was told that it is in: it must not be handled either. */
  #undo(error: AosError): void {
    const mail = this.#mail;
    mail.stored = false;
    if (this.#entry.mailbox.drop(mail.seq)) return;
    const { attempt } = this.#entry;
    if (attempt?.mail === mail) attempt.abort(error);
    // Its turn is over and waits in a later batch: that must not be written either.
    else if (this.#entry.turnsPending > 0) this.#entry.invalidate();
  }
}
