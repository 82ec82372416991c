import type { Core } from "../core.ts";
import type { DedupeIndex } from "./dedupe.ts";
import type { Directory } from "../agents/directory.ts";
import { type Envelope, EXTERNAL } from "./envelope.ts";
import { AosError } from "../errors.ts";
import { type Arrival, checkPriority, mailRow } from "./intake.ts";
import { digest53, toJson, utf8Length } from "../json.ts";
import type { Mail } from "./mailbox.ts";
import { type Routing, wrapMessage } from "./routing.ts";
import { TOPIC_MESSAGE } from "./topics.ts";

/** Publications from outside: every subscriber's mailbox gets its copy in one commit, or none does. */
export class Publisher {
  readonly #core: Core;
  readonly #routing: Routing;
  readonly #directory: Directory;
  readonly #dedupe: DedupeIndex;
  readonly #ready: (agent: number) => void;

  constructor(core: Core, routing: Routing, directory: Directory, dedupe: DedupeIndex, ready: (agent: number) => void) {
    this.#core = core;
    this.#routing = routing;
    this.#directory = directory;
    this.#dedupe = dedupe;
    this.#ready = ready;
  }

  async publish(tenant: string, topic: string, arrival: Omit<Arrival, "target" | "kind">): Promise<{ readonly id: string; readonly receivers: number; readonly duplicate: boolean }> {
    const text = arrival.text ?? toJson(arrival.data ?? null, `payload of ${arrival.name}`);
    if (utf8Length(text) > this.#core.limits.payloadBytes) throw new AosError("PAYLOAD_TOO_LARGE", `the payload of ${arrival.name} is larger than ${this.#core.limits.payloadBytes} bytes`);
    const source = arrival.source ?? "aos";
    const sender = `${EXTERNAL}${arrival.sender ?? ""}|${source}`;
    const key = arrival.key ?? (arrival.eventId === undefined ? undefined : `${source}\n${arrival.eventId}`);
    const hash = key === undefined ? undefined : this.#core.hasher.sha256(`topic ${tenant}/${topic}\n${sender}\n${key}`).slice(0, 32);
    const digest = digest53(`${arrival.name}\n${text}`);
    const id = this.#core.entropy.uuid();
    if (hash !== undefined) {
      const seen = await this.#dedupe.findShared(hash, this.#core.clock.now());
      if (seen !== undefined) {
        if (seen.digest !== digest) throw new AosError("IDEMPOTENCY_CONFLICT", "the key was used before with another payload", { details: { id: seen.id } });
        await seen.durable;
        return { id: seen.id, receivers: 0, duplicate: true };
      }
    }
    const receivers = await this.#routing.subscribed(tenant, topic, arrival.name, JSON.parse(text));
    const at = this.#core.clock.now();
    const mails = receivers.map(({ no, address, isWrapped }) => ({
      no,
      address,
      mail: isWrapped === true
        ? this.#mail({ ...arrival, name: TOPIC_MESSAGE }, id, address, source, sender, wrapMessage(topic, arrival.name, text, id), at)
        : this.#mail(arrival, id, address, source, sender, text, at),
    }));
    const row = hash === undefined ? undefined : { hash, id, seq: this.#core.numbers.seq(), digest, at };
    const writing = this.#core.committer.write({
      mailIn: mails.map(({ no, mail }) => mailRow(mail, no)),
      dedupe: row === undefined ? undefined : { rows: [row] },
    }, () => this.#deliver(mails));
    if (row !== undefined) this.#dedupe.add(row, writing);
    try {
      await writing;
    } catch (thrown) {
      if (hash !== undefined) this.#dedupe.remove(hash);
      throw thrown;
    }
    // From here on the store knows it.
    if (hash !== undefined) this.#dedupe.remove(hash);
    return { id, receivers: receivers.length, duplicate: false };
  }

  #deliver(mails: readonly { readonly no: number; readonly address: string; readonly mail: Mail }[]): void {
    for (const { no, address, mail } of mails) {
      const entry = this.#directory.cached(address);
      if (entry !== undefined && !entry.isStale) entry.mailbox.add(mail);
      this.#ready(no);
    }
  }

  #mail(arrival: Omit<Arrival, "target" | "kind">, chain: string, target: string, source: string, sender: string, text: string, at: number): Mail {
    const id = this.#core.entropy.uuid();
    const envelope: Envelope = {
      id, kind: "event", name: arrival.name, target, sender, source, eventId: arrival.eventId, subject: arrival.subject,
      correlation: arrival.correlation ?? chain, chain, depth: 0, priority: checkPriority(arrival.priority), at,
      expiresAt: arrival.expiresAt, version: arrival.version, traceparent: arrival.traceparent,
    };
    return { seq: this.#core.numbers.seq(), envelope, data: text, attempts: 0, marked: 0, stored: true };
  }
}
