import type { Core } from "../core.ts";
import type { Directory } from "../agents/directory.ts";
import { type Envelope, EXTERNAL } from "./envelope.ts";
import { AosError } from "../errors.ts";
import { typeOf } from "../address.ts";
import { type Arrival, checkPriority, declaredVersion } from "./intake.ts";
import { digest53, toJson, utf8Length } from "../json.ts";
import { type Mail, mailRow } from "./mailbox.ts";
import type { Told } from "./outbox.ts";
import { type Routing, wrapMessage } from "./routing.ts";
import { TOPIC_MESSAGE } from "./topics.ts";

/** What became of a publication. */
interface Published {
  readonly id: string;
  readonly receivers: number;
  readonly duplicate: boolean;
}

/** One receiver's copy. */
interface Copy {
  readonly no: number;
  readonly address: string;
  readonly mail: Mail;
  readonly dueAt: number | undefined;
}

/** Publications from outside: every subscriber's mailbox gets its copy in one commit, or none does. */
export class Publisher {
  readonly #core: Core;
  readonly #routing: Routing;
  readonly #directory: Directory;
  readonly #told: Told;
  /** Publications under a key that are not written yet. */
  readonly #running = new Map<string, Promise<Published>>();

  constructor(core: Core, routing: Routing, directory: Directory, told: Told) {
    this.#core = core;
    this.#routing = routing;
    this.#directory = directory;
    this.#told = told;
  }

  async publish(tenant: string, topic: string, arrival: Omit<Arrival, "target" | "kind">): Promise<Published> {
    const text = arrival.text ?? toJson(arrival.data ?? null, `payload of ${arrival.name}`);
    if (utf8Length(text) > this.#core.limits.payloadBytes)
      throw new AosError("PAYLOAD_TOO_LARGE", `the payload of ${arrival.name} is larger than ${this.#core.limits.payloadBytes} bytes`);
    const source = arrival.source ?? "aos";
    const sender = `${EXTERNAL}${arrival.sender ?? ""}|${source}`;
    const key = arrival.key ?? (arrival.eventId === undefined ? undefined : `${source}\n${arrival.eventId}`);
    const hash = key === undefined ? undefined : this.#core.hasher.sha256(`topic ${tenant}/${topic}\n${sender}\n${key}`).slice(0, 32);
    const write = (): Promise<Published> => this.#once(tenant, topic, arrival, { text, source, sender, hash });
    if (hash === undefined) return write();
    // One publication of a key at a time: the next one finds what this one wrote.
    const before = this.#running.get(hash);
    const running = before === undefined ? write() : before.then(write, write);
    this.#running.set(hash, running);
    try {
      return await running;
    } finally {
      if (this.#running.get(hash) === running) this.#running.delete(hash);
    }
  }

  async #once(
    tenant: string,
    topic: string,
    arrival: Omit<Arrival, "target" | "kind">,
    given: { readonly text: string; readonly source: string; readonly sender: string; readonly hash: string | undefined },
  ): Promise<Published> {
    const { text, source, sender, hash } = given;
    const digest = digest53(`${arrival.name}\n${text}`);
    const seen = hash === undefined ? undefined : await this.#core.store.dedupe(hash);
    if (seen !== undefined && seen.at >= this.#core.clock.now() - this.#core.limits.dedupeMs) {
      if (seen.digest !== digest)
        throw new AosError("IDEMPOTENCY_CONFLICT", "the key was used before with another payload", { details: { id: seen.id } });
      return { id: seen.id, receivers: 0, duplicate: true };
    }
    const id = this.#core.entropy.uuid();
    const receivers = await this.#routing.subscribed(tenant, topic, arrival.name, JSON.parse(text));
    const at = this.#core.clock.now();
    const mails = receivers.map(({ no, address, isWrapped }): Copy => {
      const mail =
        isWrapped === true
          ? this.#mail({ ...arrival, name: TOPIC_MESSAGE }, id, address, source, sender, wrapMessage(topic, arrival.name, text, id), at)
          : this.#mail(arrival, id, address, source, sender, text, at);
      return { no, address, mail, dueAt: this.#told.debounce(no, address, mail.envelope) };
    });
    const row = hash === undefined ? undefined : { hash, id, seq: this.#core.numbers.seq(), digest, at };
    await this.#core.committer.write(
      {
        mailIn: mails.map(({ no, mail, dueAt }) => mailRow(mail, no, dueAt)),
        dedupe: row === undefined ? undefined : { rows: [row] },
      },
      () => this.#deliver(mails),
    );
    return { id, receivers: receivers.length, duplicate: false };
  }

  #deliver(mails: readonly Copy[]): void {
    for (const { no, address, mail, dueAt } of mails) {
      if (dueAt !== undefined) {
        this.#told.delayed(dueAt);
        continue;
      }
      const entry = this.#directory.cached(address);
      if (entry !== undefined && !entry.isStale) entry.mailbox.add(mail);
      this.#told.ready(no);
    }
  }

  #mail(
    arrival: Omit<Arrival, "target" | "kind">,
    chain: string,
    target: string,
    source: string,
    sender: string,
    text: string,
    at: number,
  ): Mail {
    const id = this.#core.entropy.uuid();
    const envelope: Envelope = {
      id,
      kind: "event",
      name: arrival.name,
      target,
      sender,
      source,
      eventId: arrival.eventId,
      subject: arrival.subject,
      correlation: arrival.correlation ?? chain,
      chain,
      depth: 0,
      priority: checkPriority(arrival.priority),
      at,
      expiresAt: arrival.expiresAt ?? at + this.#core.limits.topicMs,
      version: arrival.version ?? declaredVersion(this.#core.types.get(typeOf(target)), arrival.name),
      traceparent: arrival.traceparent,
    };
    return { seq: this.#core.numbers.seq(), envelope, data: text, attempts: 0, marked: 0, stored: true };
  }
}
