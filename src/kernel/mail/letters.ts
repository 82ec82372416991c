import type { DeadLetterInfo, EffectInfo, Resolution } from "../api.ts";
import type { Core } from "../core.ts";
import type { Directory } from "../agents/directory.ts";
import { shortAddress } from "../address.ts";
import type { Envelope } from "./envelope.ts";
import { Sequence } from "./sequence.ts";
import { AosError } from "../errors.ts";
import { toJson } from "../json.ts";
import { type Mail, mailRow } from "./mailbox.ts";
import type { ErrorNote } from "../turn/record.ts";
import type { DeadRow, EffectRow, MailRow } from "../store/store.ts";

/** Intents that a process can leave behind: far more than turns in flight at once. */
const ABANDONED_MAX = 100_000;

/** What a human settles: dead letters and effects in doubt. */
export class Letters {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #ready: (agent: number) => void;

  constructor(core: Core, directory: Directory, ready: (agent: number) => void) {
    this.#core = core;
    this.#directory = directory;
    this.#ready = ready;
  }

  /** What two ask for at once happens once: the second finds what the first has left. */
  readonly #order = new Sequence();

  /** @throws AosError DEAD_LETTER_NOT_FOUND. */
  async find(id: string): Promise<DeadRow> {
    const row = await this.#core.store.dead(id);
    if (row !== undefined) return row;
    throw new AosError("DEAD_LETTER_NOT_FOUND", `there is no dead letter ${id.slice(0, 80)}`, { details: { id } });
  }

  /** Puts a dead letter back into its mailbox. It keeps its id, hence what its effects did; `fresh` gives it a new one. */
  redrive(id: string, fresh: boolean): Promise<{ readonly id: string; readonly agent: string }> {
    return this.#order.after(`dead ${id}`, () => this.#redrive(id, fresh));
  }

  async #redrive(id: string, fresh: boolean): Promise<{ readonly id: string; readonly agent: string }> {
    const row = await this.find(id);
    const found = this.#directory.getNo(row.agent);
    const entry = found instanceof Promise ? await found : found;
    if (entry === undefined || entry.status === "terminated") {
      throw new AosError("AGENT_TERMINATED", `the agent of dead letter ${id} was terminated`, { details: { id } });
    }
    const old = JSON.parse(row.head) as Envelope;
    const newId = fresh ? this.#core.entropy.uuid() : old.id;
    // A cut chain begins anew, or it would be cut again at once.
    const isCut = row.reason === "CHAIN_CUT";
    const envelope: Envelope = { ...old, id: newId, expiresAt: undefined, ...(isCut || fresh ? { chain: newId, depth: 0 } : {}) };
    const mail: Mail = { seq: this.#core.numbers.seq(), envelope, data: row.data, attempts: 0, marked: 0, stored: true };
    await this.#core.committer.write(
      {
        deadOut: [id],
        mailIn: [mailRow(mail, row.agent)],
        effectsOut: fresh ? [old.id] : undefined,
      },
      () => {
        const now = this.#directory.cachedNo(row.agent);
        if (now !== undefined && !now.isStale) now.mailbox.add(mail);
        this.#ready(row.agent);
      },
    );
    return { id: newId, agent: shortAddress(entry.address) };
  }

  drop(id: string): Promise<void> {
    return this.#order.after(`dead ${id}`, async () => {
      await this.find(id);
      await this.#core.committer.write({ deadOut: [id], effectsOut: [id] });
    });
  }

  info(row: DeadRow): DeadLetterInfo {
    const envelope = JSON.parse(row.head) as Envelope;
    return {
      id: row.id,
      agent: shortAddress(envelope.target),
      at: row.at,
      reason: row.reason,
      attempts: row.attempts,
      kind: envelope.kind,
      name: envelope.name,
      chain: envelope.chain,
      depth: envelope.depth,
      data: JSON.parse(row.data) as unknown,
      error: JSON.parse(row.error) as ErrorNote,
    };
  }

  /**
   * Lists in doubt, at the start, every call that must never repeat and whose outcome died with the last process: the
   * envelope may never make that call again, and then nobody else would.
   */
  async doubtAbandoned(): Promise<void> {
    const abandoned: EffectRow[] = [];
    for (const row of await this.#core.store.listEffects({ state: "intent", limit: ABANDONED_MAX })) {
      const found = this.#directory.getNo(row.agent);
      const entry = found instanceof Promise ? await found : found;
      const effect = entry === undefined ? undefined : this.#core.types.get(entry.type)?.effects.get(row.name);
      if (entry === undefined || effect === undefined || (effect.spec.repeat ?? "never") !== "never") continue;
      abandoned.push({ ...row, state: "in-doubt" });
      this.#core.report({ event: "effect.in-doubt", agent: entry.address, effect: row.id, name: row.name });
    }
    if (abandoned.length > 0) await this.#core.committer.write({ effects: abandoned });
  }

  /** Says what became of an effect in doubt; the envelope that waits for it goes on. */
  resolve(id: string, resolution: Resolution): Promise<EffectRow> {
    return this.#order.after(`effect ${id}`, () => this.#resolve(id, resolution));
  }

  async #resolve(id: string, resolution: Resolution): Promise<EffectRow> {
    const row = await this.#core.store.effect(id);
    if (row === undefined) throw new AosError("EFFECT_NOT_FOUND", `there is no effect ${id.slice(0, 80)}`, { details: { id } });
    if (row.state !== "in-doubt") {
      throw new AosError("LIFECYCLE_ILLEGAL", `effect ${id} is ${row.state}, not in doubt`, { details: { id, state: row.state } });
    }
    const resolved = resolvedRow(row, resolution);
    await this.#order.after(`release in-doubt ${id}`, () => this.#release("in-doubt", id, [resolved]));
    // What was parked while that was on its way found the effect in doubt still.
    await this.release("in-doubt", id);
    return resolved;
  }

  /** Lets mail go on whose effect was settled while nobody could tell it: before it was parked, or as the process died. */
  async releaseSettled(on?: string): Promise<void> {
    const parked = on === undefined ? await this.#core.store.parked("in-doubt") : [];
    const effects = on === undefined ? parked.map((row) => (JSON.parse(row.parked ?? "{}") as { on?: string }).on ?? "") : [on];
    for (const id of new Set(effects)) {
      const row = await this.#core.store.effect(id);
      if (row?.state !== "in-doubt") await this.release("in-doubt", id);
    }
  }

  /** Lets parked mail go on whose condition is this one. */
  release(kind: string, on: string): Promise<number> {
    return this.#order.after(`release ${kind} ${on}`, () => this.#release(kind, on));
  }

  /** All of it in one commit, together with what made the condition hold: otherwise a failure between would leave mail that nobody lets go. */
  async #release(kind: string, on: string, effects?: readonly EffectRow[]): Promise<number> {
    const parked = await this.#core.store.parked(kind);
    const waiting = parked.filter((row) => (JSON.parse(row.parked ?? "{}") as { on?: string }).on === on);
    if (waiting.length === 0 && effects === undefined) return 0;
    const mailSet = waiting.map(({ seq, attempts }) => ({ seq, dueAt: null, parked: null, attempts, marked: 0 }));
    await this.#core.committer.write({ effects, mailSet }, () => {
      for (const row of waiting) this.#released(row);
    });
    return waiting.length;
  }

  #released(row: MailRow): void {
    const entry = this.#directory.cachedNo(row.agent);
    const mail = entry?.mailbox.unpark(row.seq);
    // Mail that is not parked any more went on already.
    if (entry !== undefined && !entry.isStale && mail !== undefined) {
      mail.parked = undefined;
      mail.joinedAt = this.#core.clock.now();
      entry.mailbox.add(mail);
    }
    this.#ready(row.agent);
  }

  async effectInfo(row: EffectRow): Promise<EffectInfo> {
    const agent = await this.#core.store.agentByNo(row.agent);
    return {
      id: row.id,
      agent: shortAddress(agent?.address ?? ""),
      envelope: row.envelope,
      name: row.name,
      state: row.state,
      key: row.key,
      attempts: row.attempts,
      at: row.at,
      input: JSON.parse(row.input) as unknown,
      outcome: row.outcome === undefined ? undefined : (JSON.parse(row.outcome) as unknown),
    };
  }
}

/** A resolved row begins with `{"resolved"`, by which the gate knows that a human spoke. */
function resolvedRow(row: EffectRow, resolution: Resolution): EffectRow {
  switch (resolution.outcome) {
    case "done":
      return { ...row, state: "done", outcome: `{"resolved":true,"output":${toJson(resolution.output ?? null, "output")}}` };
    case "failed": {
      const error: ErrorNote = {
        code: "EFFECT_FAILED",
        message: resolution.message ?? `an operator said that effect ${row.name} did not happen`,
      };
      return { ...row, state: "failed", outcome: `{"resolved":true,"error":${JSON.stringify(error)}}` };
    }
    case "retry":
      return { ...row, state: "retryable", outcome: '{"resolved":true}' };
  }
}
