import { formatAddress, parseAddress } from "../address.ts";
import { recordCall } from "../replay/note.ts";
import type { Attempt, MessageDraft, SpawnDraft } from "./attempt.ts";
import type { AgentClass, AgentRef, Decision, SendOptions, Self } from "../contract/context.ts";
import type { EffectType, EventType } from "../contract/messages.ts";
import type { Core } from "../core.ts";
import type { Directory } from "../agents/directory.ts";
import { parseDuration } from "../time/duration.ts";
import type { AgentEntry } from "../agents/entry.ts";
import { EXTERNAL } from "../mail/envelope.ts";
import { AosError } from "../errors.ts";
import type { Gate } from "../effects/gate.ts";
import { checkPriority } from "../mail/intake.ts";
import { toJson, utf8Length } from "../json.ts";
import { type Routing, wrapMessage } from "../mail/routing.ts";
import { seededRandom, uuidOfHash } from "./seeded.ts";
import { TOPIC_MESSAGE } from "../mail/topics.ts";
import type { MaybePromise } from "../store/store.ts";
import type { LoadedType } from "../agents/types.ts";

/** What a context needs of the kernel. */
export interface ContextParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly gate: Gate;
  readonly routing: Routing;
  /** Runs a command at another agent for this attempt. */
  readonly ask: (attempt: Attempt, target: string, command: string, input: unknown, timeoutMs: number | undefined) => Promise<unknown>;
  /** Checks a configuration against a type's contract. @throws AosError PAYLOAD_INVALID. */
  readonly checkConfig: (type: LoadedType, config: unknown) => MaybePromise<unknown>;
  /** The next planned time of a schedule of this agent. */
  readonly plannedAt: (entry: AgentEntry, schedule: string) => number | undefined;
  /** `models.default`, where it is set. */
  readonly model: string | undefined;
}

const NAME_MAX = 128;
const BROADCAST_MAX = 1_000;

/** What a handler works with; everything it does is noted in the attempt and becomes real only with its commit. */
export class Context {
  state: unknown;
  readonly #parts: ContextParts;
  readonly #attempt: Attempt;
  #random: (() => number) | undefined;

  constructor(parts: ContextParts, attempt: Attempt, state: unknown) {
    this.#parts = parts;
    this.#attempt = attempt;
    this.state = state;
  }

  get self(): Self {
    const { tenant, type, address } = this.#attempt.entry;
    return { tenant, type, id: address.slice(tenant.length + type.length + 2), address };
  }
  get config(): unknown {
    return this.#attempt.entry.meta.config;
  }
  get now(): number {
    return this.#attempt.now;
  }
  get attempt(): number {
    return this.#attempt.mail.attempts + 1;
  }
  get signal(): AbortSignal {
    return this.#attempt.signal;
  }
  get envelope(): { readonly id: string; readonly chain: string; readonly depth: number } {
    const { id, chain, depth } = this.#attempt.mail.envelope;
    return { id, chain, depth };
  }

  effect(type: EffectType, input: unknown): Promise<never> {
    return handled(this.#recorded(`effect ${type.name}`, input, this.#parts.gate.call(this.#attempt, type, input))) as Promise<never>;
  }

  agent<A extends AgentClass>(type: A, id: string): AgentRef<A> {
    return this.#ref(formatAddress(type.contract.type, id, this.#attempt.entry.tenant));
  }

  tell(to: string, type: EventType, data: unknown, options?: SendOptions): void {
    const { tenant, type: kind, id } = parseAddress(to, this.#attempt.entry.tenant);
    // Another tenant's agents do not exist here.
    if (tenant !== this.#attempt.entry.tenant)
      throw new AosError("AGENT_NOT_FOUND", `there is no agent ${to}; register or spawn it first`, { details: { agent: to } });
    this.#tell(formatAddress(kind, id, tenant), type, data, options);
  }

  reply(type: EventType, data: unknown, options?: SendOptions): void {
    const { sender } = this.#attempt.mail.envelope;
    if (sender.startsWith(EXTERNAL)) throw new AosError("AGENT_NOT_FOUND", "this mail came from outside; there is no agent to reply to");
    this.#tell(sender, type, data, options);
  }

  broadcast(type: EventType, data: unknown, filter: { readonly type?: string; readonly tag?: string } = {}): Promise<number> {
    return this.#settledFirst(this.#recorded(`broadcast ${type.name}`, { data, filter }, this.#broadcast(type, data, filter)));
  }

  async #broadcast(type: EventType, data: unknown, filter: { readonly type?: string; readonly tag?: string }): Promise<number> {
    this.#attempt.assertAlive();
    const text = this.#payload(type, data);
    const found = await this.#parts.routing.accepting(this.#attempt.entry.tenant, type.name, filter);
    const others = found.filter(({ no }) => no !== this.#attempt.entry.no);
    if (others.length > BROADCAST_MAX) throw new AosError("LIMIT_EXCEEDED", `a broadcast reaches at most ${BROADCAST_MAX} agents`);
    for (const { no, address } of others) this.#assertRoom(no, address);
    for (const { no, address } of others) this.#draft({ agent: no, address, ...this.#event(type, text, {}), isFanned: true });
    return others.length;
  }

  publish(topic: string, type: EventType, data: unknown): Promise<number> {
    return this.#settledFirst(this.#recorded(`publish ${topic} ${type.name}`, data, this.#publish(topic, type, data)));
  }

  async #publish(topic: string, type: EventType, data: unknown): Promise<number> {
    this.#attempt.assertAlive();
    const text = this.#payload(type, data);
    const found = await this.#parts.routing.subscribed(this.#attempt.entry.tenant, topic, type.name, JSON.parse(text));
    const id = this.uuid();
    for (const { no, address } of found) this.#assertRoom(no, address);
    for (const { no, address, isWrapped } of found) {
      const plain = { ...this.#event(type, text, {}), expiresAt: this.#attempt.now + this.#parts.core.limits.topicMs };
      const event =
        isWrapped === true ? { ...plain, name: TOPIC_MESSAGE, version: undefined, data: wrapMessage(topic, type.name, text, id) } : plain;
      this.#draft({ agent: no, address, ...event, isFanned: true }, false);
    }
    return found.length;
  }

  spawn<A extends AgentClass>(type: A, id: string, config?: unknown): AgentRef<A> {
    this.#attempt.assertAlive();
    const { core, directory } = this.#parts;
    const loaded = core.types.get(type.contract.type);
    if (loaded === undefined) throw new AosError("TYPE_UNKNOWN", `no code is loaded for type ${type.contract.type}`);
    const address = formatAddress(loaded.name, id, this.#attempt.entry.tenant);
    const spawned = this.#attempt.spawns.find((spawn) => spawn.address === address);
    if (spawned === undefined) {
      const known = directory.get(address);
      const checked = this.#parts.checkConfig(loaded, config);
      const create = (entry: AgentEntry | undefined): void => {
        if (entry !== undefined) return;
        const draft: { -readonly [K in keyof SpawnDraft]: SpawnDraft[K] } = { no: ++core.numbers.agentNo, type: loaded, address };
        this.#attempt.addSpawn(draft);
        if (checked instanceof Promise) this.#attempt.check(checked.then((value) => void (draft.config = value)));
        else draft.config = checked;
      };
      if (known instanceof Promise) this.#attempt.check(known.then(create));
      else create(known);
    }
    return this.#ref(address);
  }

  timer(name: string, after: string | number, type: EventType, data: unknown): void {
    this.#attempt.assertAlive();
    checkTimerName(name);
    const { entry } = this.#attempt;
    const text = this.#payload(type, data);
    if (!this.#attempt.type.events.has(type.name))
      throw new AosError("EVENT_NOT_ACCEPTED", `type ${entry.type} sets a timer for ${type.name}, which it does not accept`);
    this.cancelTimer(name);
    this.#count();
    this.#attempt.addMessage({
      agent: entry.no,
      address: entry.address,
      ...this.#event(type, text, {}),
      kind: "timer",
      dueAt: this.#at(after),
      timer: `t:${name}`,
    });
  }

  cancelTimer(name: string): void {
    this.#attempt.assertAlive();
    this.#attempt.dropTimer(`t:${name}`);
  }

  wakeEarlier(schedule: string, after: string | number): void {
    this.#attempt.assertAlive();
    if (!this.#attempt.type.schedules.has(schedule))
      throw new AosError("NOT_FOUND", `type ${this.#attempt.type.name} has no schedule ${schedule}`);
    const planned = this.#parts.plannedAt(this.#attempt.entry, schedule);
    const wanted = this.#at(after);
    // The operator's schedule is the ceiling: it may come earlier, never later.
    if (planned !== undefined && wanted >= planned) return;
    this.#attempt.earlier ??= new Map();
    this.#attempt.earlier.set(schedule, wanted);
  }

  decide(decision: Decision): void {
    this.#attempt.assertAlive();
    this.#count();
    this.#attempt.addDecision(JSON.parse(toJson(decision, "decision")) as Decision);
  }

  uuid(): string {
    this.#attempt.assertAlive();
    return uuidOfHash(this.#parts.core.hasher.sha256(`uuid\n${this.#attempt.mail.envelope.id}\n${this.#attempt.draws++}`));
  }

  random(): number {
    this.#attempt.assertAlive();
    this.#random ??= seededRandom(this.#parts.core.hasher.sha256(`random\n${this.#attempt.mail.envelope.id}`));
    return this.#random();
  }

  progress(): void {
    this.#attempt.assertAlive();
    this.#attempt.progressAt = this.#parts.core.clock.monotonic();
  }

  think(name: string): Promise<never> {
    const { model } = this.#parts;
    const why =
      model === undefined
        ? "no model is configured; set `models.default`"
        : `\`models.default\` is ${model}, but no model gateway is part of this version`;
    return Promise.reject(new AosError("MODEL_NOT_CONFIGURED", `think "${name}": ${why}`, { details: { key: "models.default", model } }));
  }

  /** Notes what a call gives, where the journal keeps that. */
  #recorded<T>(name: string, input: unknown, work: Promise<T>): Promise<T> {
    const { core } = this.#parts;
    return core.limits.replayBytes === 0 ? work : recordCall(this.#attempt, core.hasher, name, input, work);
  }

  #ref(address: string): AgentRef<AgentClass> {
    return {
      address,
      tell: (type: EventType, data: unknown, options?: SendOptions): void => this.#tell(address, type, data, options),
      ask: (command: string, input: unknown, options?: { readonly timeoutMs?: number }) =>
        handled(
          this.#recorded(`ask ${address}#${command}`, input, this.#parts.ask(this.#attempt, address, command, input, options?.timeoutMs)),
        ),
    };
  }

  #tell(address: string, type: EventType, data: unknown, options: SendOptions = {}): void {
    this.#attempt.assertAlive();
    const { directory } = this.#parts;
    const text = this.#payload(type, data);
    const spawned = this.#attempt.spawns.find((spawn) => spawn.address === address);
    if (spawned !== undefined) {
      assertAccepts(spawned.type, type.name, address);
      this.#draft({ agent: spawned.no, address, ...this.#event(type, text, options) });
      return;
    }
    const entry = directory.get(address);
    if (entry instanceof Promise) {
      this.#attempt.check(entry.then((loaded) => this.#draftFor(loaded, address, type, text, options)));
    } else this.#draftFor(entry, address, type, text, options);
  }

  #draftFor(entry: AgentEntry | undefined, address: string, type: EventType, text: string, options: SendOptions): void {
    if (entry === undefined)
      throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}; register or spawn it first`, { details: { agent: address } });
    if (entry.status === "terminated")
      throw new AosError("AGENT_TERMINATED", `agent ${address} was terminated`, { details: { agent: address } });
    this.#assertRoom(entry.no, address);
    const loaded = this.#parts.core.types.get(entry.type);
    if (loaded !== undefined) assertAccepts(loaded, type.name, address);
    this.#draft({ agent: entry.no, address, ...this.#event(type, text, options) });
  }

  /** The turn ends after what it began, awaited or not; where nobody hears of a failure, the turn fails of it. */
  #settledFirst<T>(work: Promise<T>): Promise<T> {
    const heard = new Heard<T>((resolve) => resolve(work));
    void handled(heard);
    heard.isHeard = false;
    this.#attempt.check(async () => {
      try {
        await work;
      } catch (thrown) {
        if (!heard.isHeard) throw thrown;
      }
    });
    return heard;
  }

  /** @throws AosError MAILBOX_FULL where an agent in memory has no room for one more. */
  #assertRoom(agent: number, address: string): void {
    const { mailboxDepth } = this.#parts.core.limits;
    const { messages } = this.#attempt;
    const depth = this.#parts.directory.cachedNo(agent)?.mailbox.depth ?? 0;
    if (depth + messages.length < mailboxDepth) return;
    const drafted = messages.filter((draft) => draft.agent === agent && draft.dueAt === undefined).length;
    if (depth + drafted < mailboxDepth) return;
    throw new AosError("MAILBOX_FULL", `the mailbox of ${address} is full`, { details: { agent: address, depth } });
  }

  #payload(type: EventType, data: unknown): string {
    const { core } = this.#parts;
    const { sends } = this.#attempt.type.contract;
    if (sends !== undefined && !sends.some(({ name }) => name === type.name)) {
      throw new AosError("EVENT_NOT_ACCEPTED", `type ${this.#attempt.type.name} does not declare ${type.name} in \`sends\``);
    }
    const text = toJson(data ?? null, `payload of ${type.name}`);
    if (text.length > core.limits.payloadBytes / 3 && utf8Length(text) > core.limits.payloadBytes) {
      throw new AosError("PAYLOAD_TOO_LARGE", `the payload of ${type.name} is larger than ${core.limits.payloadBytes} bytes`);
    }
    const checked = type.data["~standard"].validate(JSON.parse(text));
    if (checked instanceof Promise) this.#attempt.check(checked.then((result) => assertValid(result, type.name)));
    else assertValid(checked, type.name);
    return text;
  }

  #event(type: EventType, text: string, options: SendOptions): Omit<MessageDraft, "agent" | "address"> {
    const { now } = this.#attempt;
    return {
      kind: "event",
      name: type.name,
      data: text,
      version: type.version > 1 ? type.version : undefined,
      priority: checkPriority(options.priority),
      key: options.key,
      dueAt: options.after === undefined ? undefined : this.#at(options.after),
      expiresAt: options.expires === undefined ? undefined : now + parseDuration(options.expires),
    };
  }

  #draft(draft: MessageDraft, isCounted = true): void {
    if (isCounted) this.#count();
    this.#attempt.addMessage(draft);
  }

  #count(): void {
    const { messagesPerTurn } = this.#parts.core.limits;
    if (this.#attempt.messages.length + this.#attempt.decisions.length >= messagesPerTurn) {
      throw new AosError("LIMIT_EXCEEDED", `a turn may leave ${messagesPerTurn} messages, timers and decisions`);
    }
  }

  #at(after: string | number): number {
    return typeof after === "number" ? after : this.#attempt.now + parseDuration(after);
  }
}

/** A promise that knows whether anybody waits for it. */
class Heard<T> extends Promise<T> {
  isHeard = false;
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  override then<A = T, B = never>(
    onDone?: ((value: T) => A | PromiseLike<A>) | null,
    onFailed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isHeard = true;
    return super.then(onDone, onFailed);
  }
}

/** A promise whose rejection is its caller's to see: one that nobody awaits must not end the process. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function assertAccepts(type: LoadedType, event: string, address: string): void {
  if (!type.events.has(event)) {
    throw new AosError("EVENT_NOT_ACCEPTED", `agent ${address} does not accept ${event}`, {
      details: { accepts: [...type.events.keys()] },
    });
  }
}

function assertValid(result: { readonly issues?: readonly { readonly message: string }[] | undefined }, name: string): void {
  const first = result.issues?.[0];
  if (first !== undefined)
    throw new AosError("PAYLOAD_INVALID", `payload of ${name} is invalid: ${first.message}`, {
      details: { faults: result.issues?.slice(0, 32) },
    });
}

function checkTimerName(name: string): void {
  if (name.length === 0 || name.length > NAME_MAX) throw new AosError("USAGE", `a timer's name has 1–${NAME_MAX} characters`);
}
