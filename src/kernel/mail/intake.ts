import type { EventType } from "../contract/messages.ts";
import { validate } from "../contract/schema.ts";
import { Acceptance, type AcceptanceParts } from "./acceptance.ts";
import type { Core } from "../core.ts";
import type { DedupeIndex, Seen } from "./dedupe.ts";
import type { Directory } from "../agents/directory.ts";
import { type Envelope, EXTERNAL, type MailKind, PRIORITY_DEFAULT, PRIORITY_MAX } from "./envelope.ts";
import type { AgentEntry } from "../agents/entry.ts";
import { AosError, toAosError } from "../errors.ts";
import { digest53, toJson, utf8Length } from "../json.ts";
import type { Mail } from "./mailbox.ts";
import type { MaybePromise, Store } from "../store/store.ts";
import type { LoadedType } from "../agents/types.ts";

/** What arrives from outside for one agent. */
export interface Arrival {
  /** `tenant/type/id`. */
  readonly target: string;
  readonly kind: MailKind;
  readonly name: string;
  /** The payload, or its JSON text in `text`. */
  readonly data?: unknown;
  readonly text?: string | undefined;
  /** CloudEvents `source`; `aos` where left out. */
  readonly source?: string | undefined;
  /** Principal and partition of the sender: its lane together with `source`. */
  readonly sender?: string | undefined;
  /** The agent's address that it is sent for; never taken from outside. */
  readonly from?: string | undefined;
  readonly eventId?: string | undefined;
  readonly subject?: string | undefined;
  readonly key?: string | undefined;
  /** 0–9. */
  readonly priority?: number | undefined;
  /** Epoch ms. */
  readonly deliverAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly correlation?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly version?: number | undefined;
  /** The envelope's id where the caller must choose it. */
  readonly id?: string | undefined;
  readonly waiters?: readonly string[] | undefined;
  /** The chain it continues, where an agent asks. */
  readonly chain?: { readonly id: string; readonly depth: number; readonly causation: string } | undefined;
}

/** What a sender gets once its mail is durable. */
export interface Ack {
  readonly id: string;
  /** Rises per sender; unique. */
  readonly seq: number;
  readonly duplicate: boolean;
}

/** Checks what arrives, and makes it durable mail. */
export class Intake {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #dedupe: DedupeIndex;
  readonly #acceptances: AcceptanceParts;
  readonly #wake: (entry: AgentEntry) => void;
  isClosed = false;

  constructor(core: Core, directory: Directory, dedupe: DedupeIndex, wake: (entry: AgentEntry) => void) {
    this.#core = core;
    this.#directory = directory;
    this.#dedupe = dedupe;
    this.#acceptances = { committer: core.committer, dedupe };
    this.#wake = wake;
  }

  /**
   * Accepts mail for an agent. Resolves once it is durable, or its turn is.
   * @throws AosError AGENT_NOT_FOUND, AGENT_TERMINATED, EVENT_NOT_ACCEPTED, PAYLOAD_INVALID, PAYLOAD_TOO_LARGE,
   * MAILBOX_FULL, IDEMPOTENCY_CONFLICT, DISK_FULL, STORE_FAILED, SHUTTING_DOWN.
   */
  accept(arrival: Arrival): Promise<Ack> {
    try {
      if (this.isClosed) throw new AosError("SHUTTING_DOWN", "the system is shutting down");
      const entry = this.#directory.get(arrival.target);
      return entry instanceof Promise ? entry.then((loaded) => this.#admit(arrival, loaded)) : this.#admit(arrival, entry);
    } catch (thrown) {
      return Promise.reject(toAosError(thrown));
    }
  }

  #admit(arrival: Arrival, entry: AgentEntry | undefined): Promise<Ack> {
    if (entry === undefined)
      throw new AosError("AGENT_NOT_FOUND", `there is no agent ${arrival.target}; register it first`, {
        details: { agent: arrival.target },
      });
    if (entry.status === "terminated")
      throw new AosError("AGENT_TERMINATED", `agent ${arrival.target} was terminated`, { details: { agent: arrival.target } });
    const text = payloadText(arrival, this.#core.limits.payloadBytes);
    if (arrival.version !== undefined || arrival.kind !== "event") return this.#check(arrival, entry, text);
    const type = this.#core.types.get(entry.type);
    // Whoever names no version means the one of the contract as it stands; the mail may be handled under a later one.
    if (type !== undefined) return this.#check(stamped(arrival, declaredVersion(type, arrival.name)), entry, text);
    return storedVersion(this.#core.store, entry.type, arrival.name).then((version) => this.#check(stamped(arrival, version), entry, text));
  }

  #check(arrival: Arrival, entry: AgentEntry, text: string): Promise<Ack> {
    const value = checkPayload(this.#core.types.get(entry.type), arrival.kind, arrival.name, text, arrival.version);
    return value instanceof Promise
      ? value.then((checked) => this.#deduplicate(arrival, entry, text, checked))
      : this.#deduplicate(arrival, entry, text, value);
  }

  #deduplicate(arrival: Arrival, entry: AgentEntry, text: string, value: { readonly of: unknown } | undefined): Promise<Ack> {
    const source = arrival.source ?? "aos";
    const sender = arrival.from ?? `${EXTERNAL}${arrival.sender ?? ""}|${source}`;
    const key = arrival.key ?? (arrival.eventId === undefined ? undefined : `${source}\n${arrival.eventId}`);
    if (key === undefined) return this.#store(arrival, entry, text, value, sender, undefined);
    const hash = this.#core.hasher.sha256(`${entry.address}\n${sender}\n${key}`).slice(0, 32);
    const digest = digest53(`${arrival.name}\n${text}`);
    const first = this.#dedupe.find(entry, hash, this.#core.clock.now());
    if (first === undefined) return this.#store(arrival, entry, text, value, sender, { hash, digest });
    const resume = (found: Awaited<typeof first>): Promise<Ack> =>
      found === undefined ? this.#store(arrival, entry, text, value, sender, { hash, digest }) : repeated(found, digest, key);
    // The same key may have come again while the store was asked.
    return first instanceof Promise
      ? first.then((found) => resume(found ?? this.#dedupe.recent(hash, this.#core.clock.now())))
      : resume(first);
  }

  #store(
    arrival: Arrival,
    entry: AgentEntry,
    text: string,
    value: { readonly of: unknown } | undefined,
    sender: string,
    dedupe: { readonly hash: string; readonly digest: number } | undefined,
  ): Promise<Ack> {
    // Read anew while the payload or the key was looked at: mail in its mailbox would wait unseen.
    if (entry.isStale) return this.accept(arrival);
    if (entry.mailbox.depth >= this.#core.limits.mailboxDepth) {
      throw new AosError("MAILBOX_FULL", `the mailbox of ${arrival.target} holds ${entry.mailbox.depth} messages; send later`, {
        details: { agent: arrival.target, depth: entry.mailbox.depth },
      });
    }
    const seq = this.#core.numbers.seq();
    const envelope = this.#envelope(arrival, sender, dedupe?.hash);
    const mail: Mail = {
      seq,
      envelope,
      data: text,
      value,
      attempts: 0,
      marked: 0,
      digest: dedupe?.digest,
      stored: false,
      arriving: undefined,
      parked: undefined,
      joinedAt: undefined,
    };
    const dueAt = arrival.deliverAt !== undefined && arrival.deliverAt > envelope.at ? arrival.deliverAt : this.#debounced(entry, envelope);
    const acceptance = new Acceptance(this.#acceptances, entry, mail, dueAt);
    if (dedupe !== undefined) acceptance.remember(dedupe.hash, dedupe.digest);
    this.#core.committer.push(acceptance);
    if (dueAt === undefined) {
      entry.mailbox.add(mail);
      this.#wake(entry);
    } else this.onDelayed(dueAt);
    return acceptance.promise;
  }

  /** Told of mail that joins later. */
  onDelayed: (dueAt: number) => void = () => undefined;
  /** Says when a debounced event joins; undefined where its handler does not debounce. */
  onDebounce: (entry: AgentEntry, envelope: Envelope) => number | undefined = () => undefined;

  #debounced(entry: AgentEntry, envelope: Envelope): number | undefined {
    return envelope.kind === "event" ? this.onDebounce(entry, envelope) : undefined;
  }

  #envelope(arrival: Arrival, sender: string, dedupe: string | undefined): Envelope {
    const id = arrival.id ?? this.#core.entropy.uuid();
    const chain = arrival.chain?.id ?? id;
    return {
      id,
      kind: arrival.kind,
      name: arrival.name,
      target: arrival.target,
      sender,
      source: arrival.source ?? "aos",
      eventId: arrival.eventId,
      subject: arrival.subject,
      correlation: arrival.correlation ?? chain,
      causation: arrival.chain?.causation,
      chain,
      depth: arrival.chain?.depth ?? 0,
      priority: checkPriority(arrival.priority),
      at: this.#core.clock.now(),
      expiresAt: arrival.expiresAt,
      version: arrival.version,
      dedupe,
      traceparent: arrival.traceparent,
      waiters: arrival.waiters,
    };
  }
}

/** @throws AosError LIMIT_EXCEEDED where a priority is not a whole number from 0 to 9. */
export function checkPriority(priority: number | undefined): number {
  if (priority === undefined) return PRIORITY_DEFAULT;
  if (Number.isInteger(priority) && priority >= 0 && priority <= PRIORITY_MAX) return priority;
  throw new AosError("LIMIT_EXCEEDED", `a priority is a whole number from 0 to ${PRIORITY_MAX}`, { details: { priority } });
}

/** The same key came before: the same answer, unless it came with another payload. */
function repeated(found: Seen, digest: number, key: string): Promise<Ack> {
  if (found.digest !== digest) {
    throw new AosError("IDEMPOTENCY_CONFLICT", `key ${clip(key)} was used before with another payload`, { details: { id: found.id } });
  }
  const ack = { id: found.id, seq: found.seq, duplicate: true };
  return found.durable === undefined ? Promise.resolve(ack) : found.durable.then(() => ack);
}

function upcasted({ name, upcast }: EventType, from: number, value: unknown): unknown {
  try {
    return upcast[from]?.(value as never);
  } catch (thrown) {
    throw new AosError("PAYLOAD_INVALID", `the upcast of ${name} of version ${from} threw: ${toAosError(thrown).message}`, {
      cause: thrown,
      details: { version: from },
    });
  }
}

function stamped(arrival: Arrival, version: number | undefined): Arrival {
  return version === undefined ? arrival : { ...arrival, version };
}

/** The version of an event that a type accepts; undefined for 1, which needs no stamp. */
export function declaredVersion(type: LoadedType | undefined, event: string): number | undefined {
  const version = type?.events.get(event)?.type.version ?? 1;
  return version > 1 ? version : undefined;
}

/** The version of an event that a type accepted when its code was loaded last. */
async function storedVersion(store: Store, type: string, event: string): Promise<number | undefined> {
  const fact = await store.fact(`type:${type}`);
  const { events = [] } = JSON.parse(fact ?? "{}") as { readonly events?: readonly { readonly name: string; readonly version: number }[] };
  const version = events.find(({ name }) => name === event)?.version ?? 1;
  return version > 1 ? version : undefined;
}

function payloadText(arrival: Arrival, bytesMax: number): string {
  const text = arrival.text ?? toJson(arrival.data ?? null, `payload of ${arrival.name}`);
  if (text.length > bytesMax / 3 && utf8Length(text) > bytesMax) {
    throw new AosError("PAYLOAD_TOO_LARGE", `the payload of ${arrival.name} is larger than ${bytesMax} bytes`, { details: { bytesMax } });
  }
  return text;
}

/**
 * Validates a payload against the loaded contract; undefined where no code is loaded, then it is checked when it is.
 * An older version of an event is first brought up to date; one that has none is of version 1.
 */
export function checkPayload(
  type: LoadedType | undefined,
  kind: MailKind,
  name: string,
  text: string,
  version?: number,
): MaybePromise<{ readonly of: unknown } | undefined> {
  if (type === undefined) return undefined;
  if (kind === "schedule" || kind === "wake") return { of: null };
  const found = kind === "command" ? type.commands.get(name) : type.events.get(name);
  if (found === undefined) {
    throw new AosError("EVENT_NOT_ACCEPTED", `type ${type.name} does not accept ${kind} ${clip(name)}`, {
      details: { accepts: [...(kind === "command" ? type.commands : type.events).keys()] },
    });
  }
  let value: unknown = JSON.parse(text);
  const declared = found.type;
  if (declared.kind === "event") {
    for (let from = version ?? 1; from < declared.version; from++) value = upcasted(declared, from, value);
  }
  const schema = declared.kind === "event" ? declared.data : declared.input;
  const checked = validate(schema, value, `payload of ${name}`);
  return checked instanceof Promise ? checked.then((of) => ({ of })) : { of: checked };
}

const clip = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text);
