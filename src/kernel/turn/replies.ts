import { shortAddress } from "../address.ts";
import type { Attempt } from "./attempt.ts";
import type { Core } from "../core.ts";
import type { CommandResult } from "../api.ts";
import { AosError, type AosErrorCode, ERROR_CODES } from "../errors.ts";
import type { Ack, Arrival, Intake } from "../mail/intake.ts";
import { canonicalJson, toJson } from "../json.ts";
import type { ErrorNote, RecordBody } from "./record.ts";
import { uuidOfHash } from "./seeded.ts";
import type { ReplyRow } from "../store/store.ts";

interface Waiter {
  readonly resolve: (reply: ReplyRow) => void;
  readonly cancel: () => void;
}

/** Commands and asks: they are durable mail; their replies follow the commit and are kept for late callers. */
export class Replies {
  readonly #core: Core;
  readonly #intake: Intake;
  readonly #waiters = new Map<string, Waiter[]>();

  constructor(core: Core, intake: Intake) {
    this.#core = core;
    this.#intake = intake;
  }

  /** A command from outside. @throws AosError REPLY_PENDING with `details.id` once `waitMs` passed. */
  async command(arrival: Omit<Arrival, "kind">, waitMs: number): Promise<CommandResult> {
    const ack = await this.#intake.accept({ ...arrival, kind: "command" });
    const reply = await this.#await(ack, waitMs);
    if (reply === undefined) {
      throw new AosError("REPLY_PENDING", `command ${arrival.name} is durable but was not answered within ${waitMs} ms`, {
        details: { id: ack.id, seq: ack.seq },
      });
    }
    return { id: ack.id, seq: ack.seq, output: openReply(reply) };
  }

  async reply(id: string): Promise<{ readonly output: unknown } | undefined> {
    const row = await this.#core.store.reply(id);
    return row === undefined ? undefined : { output: openReply(row) };
  }

  /**
   * A command from an agent's turn: its id follows from the asker's envelope, so that a retry finds the same reply.
   * @throws AosError ASK_CYCLE, ASK_TIMEOUT, CHAIN_CUT, and whatever the command failed with.
   */
  async ask(attempt: Attempt, target: string, name: string, input: unknown, timeoutMs: number): Promise<unknown> {
    attempt.assertAlive();
    const { entry, mail } = attempt;
    const waiters = [...(mail.envelope.waiters ?? []), entry.address];
    if (waiters.includes(target)) {
      throw new AosError("ASK_CYCLE", `${target} waits for this answer itself: ${[...waiters, target].join(" → ")}`, {
        details: { waiters, target },
        retryable: false,
      });
    }
    if (mail.envelope.depth + 1 > this.#core.limits.chainDepth) {
      throw new AosError("CHAIN_CUT", `chain ${mail.envelope.chain} is ${mail.envelope.depth + 1} hops deep`, {
        details: { chain: mail.envelope.chain },
      });
    }
    const text = toJson(input ?? null, `input of ${name}`);
    const place = `ask ${target} ${name}\n${this.#core.hasher.sha256(canonicalJson(JSON.parse(text)))}`;
    const occurrence = attempt.occurrence(place);
    const id = uuidOfHash(this.#core.hasher.sha256(`${mail.envelope.id}\n${place}\n${occurrence}`));
    // Its work stands, hence what it stands on must: the turns before, and the mail at hand.
    if (entry.turnsPending > 0 || mail.arriving !== undefined) await entry.settled();
    attempt.assertAlive();
    const known = await this.#core.store.reply(id);
    const reply = known ?? (await this.#leave(attempt, target, name, text, id, waiters, timeoutMs));
    attempt.assertAlive();
    attempt.progressAt = this.#core.clock.monotonic();
    attempt.noteEffect({ name: `ask:${target}.${name}`, key: id, state: known === undefined ? "done" : "memo:done" });
    return openReply(reply);
  }

  /** Gives a reply to whoever waits for it. */
  settle(reply: ReplyRow): void {
    for (const waiter of this.#waiters.get(reply.id) ?? []) {
      waiter.cancel();
      waiter.resolve(reply);
    }
    this.#waiters.delete(reply.id);
  }

  async #leave(
    attempt: Attempt,
    target: string,
    name: string,
    text: string,
    id: string,
    waiters: readonly string[],
    timeoutMs: number,
  ): Promise<ReplyRow> {
    attempt.calls++;
    attempt.patientUntil = Math.max(attempt.patientUntil, this.#core.clock.monotonic() + timeoutMs + 1_000);
    try {
      return await this.#ask(attempt, target, name, text, id, waiters, timeoutMs);
    } finally {
      if (--attempt.calls === 0) attempt.patientUntil = 0;
    }
  }

  async #ask(
    attempt: Attempt,
    target: string,
    name: string,
    text: string,
    id: string,
    waiters: readonly string[],
    timeoutMs: number,
  ): Promise<ReplyRow> {
    const { mail, entry } = attempt;
    const ack = await this.#intake.accept({
      target,
      kind: "command",
      name,
      text,
      id,
      key: `ask ${id}`,
      source: shortAddress(entry.address),
      from: entry.address,
      waiters,
      correlation: mail.envelope.correlation,
      priority: mail.envelope.priority,
      chain: { id: mail.envelope.chain, depth: mail.envelope.depth + 1, causation: mail.envelope.id },
    });
    const reply = await this.#await(ack, timeoutMs);
    if (reply === undefined) {
      throw new AosError("ASK_TIMEOUT", `${target} did not answer ${name} within ${timeoutMs} ms`, {
        details: { target, command: name, id },
      });
    }
    return reply;
  }

  /** Waits for a reply that may be there already; undefined once the time is up. */
  async #await(ack: Ack, waitMs: number): Promise<ReplyRow | undefined> {
    const late = Promise.withResolvers<ReplyRow | undefined>();
    const cancel = this.#core.clock.at(this.#core.clock.now() + waitMs, () => late.resolve(undefined));
    const waiter: Waiter = { resolve: late.resolve, cancel };
    this.#waiters.set(ack.id, [...(this.#waiters.get(ack.id) ?? []), waiter]);
    // The turn may have committed together with the acceptance, before anyone could wait.
    const known = await this.#core.store.reply(ack.id);
    if (known !== undefined) late.resolve(known);
    try {
      return await late.promise;
    } finally {
      cancel();
      const rest = (this.#waiters.get(ack.id) ?? []).filter((other) => other !== waiter);
      if (rest.length === 0) this.#waiters.delete(ack.id);
      else this.#waiters.set(ack.id, rest);
    }
  }
}

/** Opens a reply. @throws AosError what the command failed with. */
function openReply(row: ReplyRow): unknown {
  const body = JSON.parse(row.body) as { readonly ok?: unknown; readonly error?: ErrorNote };
  if (body.error === undefined) return body.ok;
  const { code, message, details } = body.error;
  throw new AosError(code in ERROR_CODES ? (code as AosErrorCode) : "TURN_FAILED", message, {
    details: (details as Record<string, unknown> | undefined) ?? {},
    retryable: false,
  });
}

/** Whether a record says that its envelope is through, or waits for something that is not time alone. */
export function isFinal(body: RecordBody): boolean {
  return body.outcome !== "retry";
}
