import { formatAddress, parseAddress } from "../address.ts";
import type { Hasher } from "../clock.ts";
import type { AgentClass, Decision, Self, SendOptions } from "../contract/context.ts";
import type { EffectType, EventType } from "../contract/messages.ts";
import { AosError, type AosErrorCode, ERROR_CODES } from "../errors.ts";
import { toJson } from "../json.ts";
import { parseDuration } from "../time/duration.ts";
import { seededRandom, uuidOfHash } from "../turn/seeded.ts";
import type { JournalTurn } from "./journal-file.ts";
import { inputDigest, type RecordedCall, type RecordedMessage } from "./note.ts";

/** What a handler works with when a recorded turn is run again: its calls are answered from the journal, nothing leaves. */
export class ReplayContext {
  state: unknown;
  readonly config: unknown;
  readonly self: Self;
  readonly now: number;
  readonly attempt: number;
  readonly envelope: { readonly id: string; readonly chain: string; readonly depth: number };
  readonly signal: AbortSignal = new AbortController().signal;
  messages: RecordedMessage[] = [];
  readonly decisions: Decision[] = [];
  /** Calls that the journal knows no answer to. */
  readonly unknownCalls: string[] = [];
  readonly #open: RecordedCall[];
  readonly #hasher: Hasher;
  readonly #from: string | undefined;
  #draws = 0;
  #random: (() => number) | undefined;

  constructor(hasher: Hasher, address: string, config: unknown, turn: JournalTurn, state: unknown) {
    const { tenant, type, id } = parseAddress(address);
    const { cause, replay } = turn;
    this.self = { tenant, type, id, address };
    this.state = state;
    this.config = config;
    this.now = turn.at;
    this.attempt = turn.attempts;
    this.envelope = { id: cause.id, chain: cause.chain, depth: cause.depth };
    this.#from = cause.from;
    this.#open = [...(replay?.calls ?? [])];
    this.#hasher = hasher;
  }

  /** Recorded calls that were not made again. */
  get unclaimed(): readonly RecordedCall[] {
    return this.#open;
  }

  effect(type: EffectType, input: unknown): Promise<unknown> {
    return this.#answer(`effect ${type.name}`, input);
  }

  agent(type: AgentClass, id: string): object {
    return this.#ref(formatAddress(type.contract.type, id, this.self.tenant));
  }

  tell(to: string, type: EventType, data: unknown, options: SendOptions = {}): void {
    const { tenant, type: kind, id } = parseAddress(to, this.self.tenant);
    this.#send(formatAddress(kind, id, tenant), type, data, options);
  }

  reply(type: EventType, data: unknown, options: SendOptions = {}): void {
    if (this.#from === undefined) throw new AosError("AGENT_NOT_FOUND", "this mail came from outside; there is no agent to reply to");
    this.tell(this.#from, type, data, options);
  }

  broadcast(type: EventType, data: unknown, filter: object = {}): Promise<unknown> {
    return this.#answer(`broadcast ${type.name}`, { data, filter });
  }

  publish(topic: string, type: EventType, data: unknown): Promise<unknown> {
    return this.#answer(`publish ${topic} ${type.name}`, data);
  }

  spawn(type: AgentClass, id: string, config?: unknown): object {
    const to = formatAddress(type.contract.type, id, this.self.tenant);
    const isThere = this.messages.some((message) => message.kind === "spawn" && message.to === to);
    if (!isThere) this.messages.push({ to, kind: "spawn", name: "spawn", data: JSON.parse(toJson(config ?? null, "config")) as unknown });
    return this.#ref(to);
  }

  timer(name: string, after: string | number, type: EventType, data: unknown): void {
    this.cancelTimer(name);
    const to = this.self.address;
    this.messages.push({ to, kind: "timer", name: type.name, data: this.#payload(type, data), dueAt: this.#at(after), timer: `t:${name}` });
  }

  cancelTimer(name: string): void {
    this.messages = this.messages.filter(({ timer }) => timer !== `t:${name}`);
  }

  wakeEarlier(): void {
    // A schedule is no part of what a turn is compared by.
  }

  decide(decision: Decision): void {
    this.decisions.push(JSON.parse(toJson(decision, "decision")) as Decision);
  }

  uuid(): string {
    return uuidOfHash(this.#hasher.sha256(`uuid\n${this.envelope.id}\n${this.#draws++}`));
  }

  random(): number {
    this.#random ??= seededRandom(this.#hasher.sha256(`random\n${this.envelope.id}`));
    return this.#random();
  }

  progress(): void {
    // Nobody waits.
  }

  think(name: string): Promise<never> {
    return Promise.reject(new AosError("MODEL_NOT_CONFIGURED", `think "${name}": a replay calls no model`));
  }

  #ref(address: string): object {
    return {
      address,
      tell: (type: EventType, data: unknown, options: SendOptions = {}): void => this.#send(address, type, data, options),
      ask: (command: string, input: unknown) => this.#answer(`ask ${address}#${command}`, input),
    };
  }

  #send(to: string, type: EventType, data: unknown, options: SendOptions): void {
    const dueAt = options.after === undefined ? undefined : this.#at(options.after);
    this.messages.push({ to, kind: "event", name: type.name, data: this.#payload(type, data), dueAt, key: options.key });
  }

  #payload(type: EventType, data: unknown): unknown {
    const value = JSON.parse(toJson(data ?? null, `payload of ${type.name}`)) as unknown;
    const checked = type.data["~standard"].validate(value);
    const [issue] = checked instanceof Promise ? [] : (checked.issues ?? []);
    if (issue !== undefined) throw new AosError("PAYLOAD_INVALID", `payload of ${type.name} is invalid: ${issue.message}`);
    return value;
  }

  #answer(name: string, input: unknown): Promise<unknown> {
    const digest = inputDigest(this.#hasher, input);
    const at = this.#open.findIndex((call) => call.name === name && call.input === digest);
    const [call] = at < 0 ? [] : this.#open.splice(at, 1);
    if (call === undefined) {
      const isOther = this.#open.some((open) => open.name === name);
      this.unknownCalls.push(isOther ? `${name}, with another input` : name);
      return unanswerable(new AosError("NOT_FOUND", `the journal has no answer to ${name} with this input`, { retryable: false }));
    }
    if (call.error === undefined) return Promise.resolve(call.output);
    const code = call.error.code in ERROR_CODES ? (call.error.code as AosErrorCode) : "EFFECT_FAILED";
    const details = (call.error.details ?? {}) as Readonly<Record<string, unknown>>;
    return unanswerable(new AosError(code, call.error.message, { retryable: call.error.retryable, details }));
  }

  #at(after: string | number): number {
    return typeof after === "number" ? after : this.now + parseDuration(after);
  }
}

/** A rejection that nobody need await. */
function unanswerable(failure: AosError): Promise<never> {
  const rejected = Promise.reject(failure);
  rejected.catch(() => undefined);
  return rejected;
}
