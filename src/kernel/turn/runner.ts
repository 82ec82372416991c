import type { Attempt } from "./attempt.ts";
import { Context, type ContextParts } from "./context.ts";
import type { ReceivedEvent, Tick } from "../contract/context.ts";
import type { AgentEntry } from "../agents/entry.ts";
import { EXTERNAL } from "../mail/envelope.ts";
import { AosError, toAosError } from "../errors.ts";
import { deepFreeze } from "../json.ts";
import type { Mail } from "../mail/mailbox.ts";
import { migrateState } from "./migrate.ts";
import type { Settler } from "./settle.ts";
import type { HandlerParts, LoadedType } from "../agents/types.ts";

/** Told which agent's code is running, so that a blocked event loop can be blamed on it; 0 for none. */
export type Watch = (agent: number) => void;

/** Runs a handler for an attempt and hands what comes of it to be settled. */
export class Runner {
  readonly #context: ContextParts;
  readonly #settler: Settler;
  readonly #ended: (attempt: Attempt) => void;
  readonly #watch: Watch;

  constructor(context: ContextParts, settler: Settler, ended: (attempt: Attempt) => void, watch: Watch) {
    this.#context = context;
    this.#settler = settler;
    this.#ended = ended;
    this.#watch = watch;
  }

  /** Asks a handler's `wakeIf`. A gate that throws wakes. */
  wants(entry: AgentEntry, type: LoadedType, mail: Mail): boolean {
    if (mail.envelope.kind !== "event" && mail.envelope.kind !== "timer") return true;
    const gate = type.events.get(mail.envelope.name)?.handler.wakeIf as ((state: unknown, e: unknown) => unknown) | undefined;
    if (gate === undefined) return true;
    this.#watch(entry.no);
    try {
      const state = deepFreeze(migrateState(type, entry));
      return gate(state, received(mail, mail.value?.of, [mail.value?.of])) !== false;
    } catch {
      return true;
    } finally {
      this.#watch(0);
    }
  }

  run(attempt: Attempt): void {
    attempt.onAbort(this.#abort);
    let result: unknown;
    let context: Context | undefined;
    this.#watch(attempt.entry.no);
    try {
      context = new Context(this.#context, attempt, migrateState(attempt.type, attempt.entry));
      result = this.#call(attempt, context);
    } catch (thrown) {
      this.#watch(0);
      this.#failed(attempt, thrown);
      return;
    }
    this.#watch(0);
    if (isThenable(result)) this.#await(attempt, context, result);
    else this.#succeeded(attempt, context.state, result);
  }

  /** Told of an attempt that was aborted from outside: it is dead, and its mail must be dealt with. */
  onAborted: (attempt: Attempt, error: AosError) => void = () => undefined;

  /** What a running handler is told when its attempt is aborted; one for all, since a turn that ends at once needs none. */
  readonly #abort = (error: AosError, attempt: Attempt): void => {
    this.#ended(attempt);
    if (attempt.entry.attempt === attempt) attempt.entry.attempt = undefined;
    this.onAborted(attempt, error);
  };

  #await(attempt: Attempt, context: Context, result: PromiseLike<unknown>): void {
    void Promise.resolve(result).then(
      (output) => this.#succeeded(attempt, context.state, output),
      (thrown: unknown) => this.#failed(attempt, thrown),
    );
  }

  #failed(attempt: Attempt, thrown: unknown): void {
    // What an aborted attempt still does is nobody's business any more.
    if (attempt.isDead) return;
    try {
      this.#settler.fail(attempt, thrown);
    } catch (again) {
      this.#settler.failed(attempt, toAosError(again, "INTERNAL"));
    }
    this.#ended(attempt);
  }

  #succeeded(attempt: Attempt, state: unknown, output: unknown): void {
    if (attempt.isDead) return;
    try {
      const settled = this.#settler.succeed(attempt, state, output);
      if (settled instanceof Promise) {
        this.#endAfter(attempt, settled);
        return;
      }
    } catch (thrown) {
      this.#settler.failed(attempt, toAosError(thrown, "INTERNAL"));
    }
    this.#ended(attempt);
  }

  #endAfter(attempt: Attempt, settled: Promise<void>): void {
    void settled.finally(() => this.#ended(attempt));
  }

  #call(attempt: Attempt, context: Context): unknown {
    const { type, mail, others } = attempt;
    const { envelope } = mail;
    switch (envelope.kind) {
      case "event":
      case "timer": {
        const handler = handlerOf(type.events.get(envelope.name), attempt);
        const data = mail.value?.of;
        const batch = others.length === 0 ? [data] : [mail, ...others].toSorted((left, right) => left.seq - right.seq).map(valueOf);
        return handler(context, received(mail, data, batch));
      }
      case "command":
        return handlerOf(type.commands.get(envelope.name), attempt)(context, mail.value?.of);
      case "schedule": {
        const handler = type.schedules.get(envelope.name);
        if (handler === undefined)
          throw new AosError("SCHEMA_MISMATCH", `type ${type.name} has no schedule ${envelope.name} any more`, { retryable: false });
        const tick: Tick = {
          schedule: envelope.name,
          scheduledAt: envelope.tick?.scheduledAt ?? envelope.at,
          missed: envelope.tick?.missed ?? 0,
        };
        return call(handler)(context, tick);
      }
      case "wake":
        return undefined;
    }
  }
}

type Handler = (context: Context, given: unknown) => unknown;

function call(parts: HandlerParts): Handler {
  return parts.run as unknown as Handler;
}

function handlerOf(found: { readonly handler: HandlerParts } | undefined, attempt: Attempt): Handler {
  if (found !== undefined) return call(found.handler);
  const { name } = attempt.mail.envelope;
  throw new AosError("EVENT_NOT_ACCEPTED", `type ${attempt.type.name} does not accept ${name} any more`, { retryable: false });
}

/** The payload of mail that is consumed along with another: parsed here, since only the first was validated alone. */
function valueOf(mail: Mail): unknown {
  return mail.value === undefined ? (JSON.parse(mail.data) as unknown) : mail.value.of;
}

function received(mail: Mail, data: unknown, batch: readonly unknown[]): ReceivedEvent {
  const { envelope } = mail;
  return {
    id: envelope.eventId ?? envelope.id,
    type: envelope.name,
    data,
    source: envelope.source,
    subject: envelope.subject,
    at: envelope.at,
    from: envelope.sender.startsWith(EXTERNAL) ? undefined : envelope.sender,
    correlation: envelope.correlation,
    batch,
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
