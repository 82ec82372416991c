import { DEFAULT_TENANT, formatAddress } from "../address.ts";
import type { AgentInfo, Move, Page, Registration } from "../api.ts";
import type { Core } from "../core.ts";
import type { Dependencies } from "./dependencies.ts";
import { type Directory, readMail } from "./directory.ts";
import type { AgentEntry } from "./entry.ts";
import { AosError } from "../errors.ts";
import { deadRow, replyOf } from "../mail/dead.ts";
import type { Mail } from "../mail/mailbox.ts";
import { type Birth, lifecycleBody, type Spawner } from "./spawner.ts";
import type { AgentStatus, Commit, ReplyRow } from "../store/store.ts";
import type { Mutable } from "../turn/unit.ts";
import type { LoadedType } from "./types.ts";
import { AgentUnit } from "../turn/unit.ts";

const BULK = 1_000;
const BULK_MAX = 1_000_000;
/** Mail that one commit clears. */
const CLEAR = 500;

/** From which states a move is legal, and where it leads. */
const MOVES: Readonly<Record<Move, { readonly from: readonly AgentStatus[]; readonly to: AgentStatus; readonly fences: boolean }>> = {
  pause: { from: ["initialized", "paused"], to: "paused", fences: false },
  resume: { from: ["paused", "quarantined", "initialized"], to: "initialized", fences: false },
  kill: { from: ["initialized", "paused", "quarantined"], to: "paused", fences: true },
  quarantine: { from: ["initialized", "paused", "quarantined"], to: "quarantined", fences: true },
  terminate: { from: ["initialized", "paused", "quarantined", "terminated"], to: "terminated", fences: true },
};

/** Births, moves and deaths of agents. Each is one commit with a journal row; asking for what is already so changes nothing. */
export class Lifecycle {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #spawner: Spawner;
  readonly #dependencies: Dependencies;
  readonly #ready: (entry: AgentEntry) => void;
  readonly #dead: (mail: Mail, reply: ReplyRow | undefined) => void;

  constructor(
    core: Core,
    directory: Directory,
    spawner: Spawner,
    dependencies: Dependencies,
    told: { readonly ready: (entry: AgentEntry) => void; readonly dead: (mail: Mail, reply: ReplyRow | undefined) => void },
  ) {
    this.#core = core;
    this.#directory = directory;
    this.#spawner = spawner;
    this.#dependencies = dependencies;
    this.#ready = told.ready;
    this.#dead = told.dead;
  }

  /** @throws AosError TYPE_UNKNOWN where no code of that type is loaded. */
  typeOf(name: string): LoadedType {
    const type = this.#core.types.get(name);
    if (type !== undefined) return type;
    const known = this.#core.types.all().map((each) => each.name);
    throw new AosError("TYPE_UNKNOWN", `no code is loaded for type "${name.slice(0, 80)}"; loaded: ${known.join(", ") || "none"}`, {
      details: { type: name, loaded: known },
    });
  }

  /** @throws AosError DEPENDENCY_INVALID, and what the parts of a registration are refused with. */
  async register(name: string, registration: Registration): Promise<{ readonly address: string; readonly created: boolean }> {
    const type = this.typeOf(name);
    await this.#dependencies.check(type);
    const address = formatAddress(name, registration.id, registration.tenant ?? DEFAULT_TENANT);
    const config = await this.#spawner.checkConfig(type, registration.config);
    await this.#spawner.prepare(type);
    const known = await this.#directory.get(address);
    if (known !== undefined) return this.#existing(known, registration, config);
    const birth: Birth = { no: ++this.#core.numbers.agentNo, type, address, config, tags: registration.tags };
    const commit: Mutable<Commit> = {};
    this.#spawner.create([birth], this.#core.clock.now(), undefined, commit);
    try {
      await this.#core.committer.write(commit);
    } catch (thrown) {
      this.#spawner.failed([birth]);
      // Somebody registered it at the same moment.
      if (thrown instanceof AosError && thrown.code === "AGENT_EXISTS") return { address, created: false };
      throw thrown;
    }
    this.#spawner.created([birth]);
    return { address, created: true };
  }

  async #existing(
    known: AgentEntry,
    registration: Registration,
    config: unknown,
  ): Promise<{ readonly address: string; readonly created: boolean }> {
    if (known.status === "terminated") {
      throw new AosError("AGENT_TERMINATED", `agent ${known.address} was terminated; its address stays taken`, {
        details: { agent: known.address },
      });
    }
    if (registration.config !== undefined && JSON.stringify(known.meta.config) !== JSON.stringify(config)) {
      known.meta = { ...known.meta, config };
      await this.#move(known, { meta: known.meta, note: "configuration changed", by: undefined });
    }
    return { address: known.address, created: false };
  }

  async registerMany(
    name: string,
    registrations: readonly Registration[],
    progress?: (done: number) => void,
  ): Promise<{ readonly created: number; readonly existing: number }> {
    const type = this.typeOf(name);
    if (registrations.length > BULK_MAX) throw new AosError("LIMIT_EXCEEDED", `at most ${BULK_MAX} agents are registered at once`);
    await this.#dependencies.check(type);
    await this.#spawner.prepare(type);
    // All are checked before any is created.
    const births: Birth[] = [];
    const seen = new Set<string>();
    let existing = 0;
    for (const { id, tenant, config, tags } of registrations) {
      const address = formatAddress(name, id, tenant ?? DEFAULT_TENANT);
      const checked = this.#spawner.checkConfig(type, config);
      const settled = checked instanceof Promise ? await checked : checked;
      const row = this.#core.store.agent(address);
      const known = row instanceof Promise ? await row : row;
      if (known?.status === "terminated")
        throw new AosError("AGENT_TERMINATED", `agent ${address} was terminated`, { details: { agent: address } });
      if (known !== undefined || seen.has(address)) existing++;
      else births.push({ no: ++this.#core.numbers.agentNo, type, address, config: settled, tags });
      seen.add(address);
    }
    const now = this.#core.clock.now();
    for (let from = 0; from < births.length; from += BULK) {
      const batch = births.slice(from, from + BULK);
      const commit: Mutable<Commit> = {};
      this.#spawner.create(batch, now, undefined, commit);
      await this.#core.committer.write(commit);
      this.#spawner.createdInBulk(batch);
      progress?.(Math.min(from + BULK, births.length));
    }
    return { created: births.length, existing };
  }

  /** @throws AosError AGENT_NOT_FOUND, LIFECYCLE_ILLEGAL. */
  async move(
    address: string,
    move: Move,
    options: { readonly reason?: string | undefined; readonly by?: string | undefined } = {},
  ): Promise<AgentEntry> {
    const entry = await this.#directory.get(address);
    if (entry === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
    const { from, to, fences } = MOVES[move];
    if (!from.includes(entry.status)) {
      throw new AosError("LIFECYCLE_ILLEGAL", `agent ${address} is ${entry.status}; it cannot ${move}`, {
        details: { agent: address, from: entry.status, move },
      });
    }
    const isRevived = move === "resume" && entry.meta.dry === true;
    if (entry.status === to && !isRevived && !(move === "kill" && entry.attempt !== undefined)) {
      // What a crash left of it, or came at its last moment, is cleared too.
      if (to === "terminated") await this.#clear(entry);
      return entry;
    }
    const was = entry.status;
    entry.status = to;
    if (fences) entry.epoch++;
    const { reason: _reason, ...rest } = entry.meta;
    entry.meta =
      to === "initialized"
        ? { ...rest, failures: undefined, stuck: undefined, crashes: undefined, dry: undefined }
        : { ...rest, reason: options.reason };
    // Whoever is killed is told at once; a paused one finishes the turn it is in.
    if (fences) entry.attempt?.abort(new AosError("KILLED", `agent ${address} was told to ${move}`));
    await this.#move(entry, {
      status: to,
      meta: entry.meta,
      note: `${was} → ${to}${options.reason === undefined ? "" : `: ${options.reason}`}`,
      by: options.by,
      isEnd: to === "terminated",
    });
    this.#core.report({ event: "agent.moved", agent: address, from: was, to });
    if (to === "terminated") await this.#clear(entry);
    if (to === "initialized") {
      this.#ready(entry);
      this.#dependencies.changed();
    }
    return entry;
  }

  /** Pages through what is selected and moves each. */
  async moveAll(
    select: (cursor: string | undefined) => Promise<Page<AgentInfo>>,
    move: Move,
    options: { readonly reason?: string | undefined; readonly by?: string | undefined },
  ): Promise<{ readonly moved: number; readonly refused: number }> {
    let after: string | undefined;
    let moved = 0;
    let refused = 0;
    while (true) {
      const { items, next } = await select(after);
      const outcomes = await Promise.allSettled(
        items.map(({ type, id, tenant }) => this.move(formatAddress(type, id, tenant), move, options)),
      );
      moved += outcomes.filter(({ status }) => status === "fulfilled").length;
      refused += outcomes.filter(({ status }) => status === "rejected").length;
      if (next === undefined) return { moved, refused };
      after = next;
    }
  }

  #move(
    entry: AgentEntry,
    how: {
      readonly status?: AgentStatus;
      readonly meta: AgentEntry["meta"];
      readonly note: string;
      readonly by: string | undefined;
      readonly isEnd?: boolean;
    },
  ): Promise<void> {
    const revision = this.#core.types.get(entry.type)?.revision ?? "none";
    const commit: Mutable<Commit> = how.isEnd === true ? { unsubscribe: [{ agent: entry.no }], timersOut: this.#timersOf(entry) } : {};
    return new Promise((resolve, reject) => {
      // No later turn may join an acceptance that stands before this in the queue.
      entry.turnsUpTo = this.#core.numbers.lastSeq;
      this.#core.committer.push(
        new AgentUnit(this.#core, entry, {
          rows: [{ at: this.#core.clock.now(), body: lifecycleBody(entry.address, how.note, how.by, revision) }],
          status: how.status,
          epoch: entry.epoch,
          meta: how.meta,
          commit,
          onDurable: () => resolve(),
          onFailure: (error) => reject(error ?? new AosError("STORE_FAILED", `agent ${entry.address} changed meanwhile; try again`)),
        }),
      );
    });
  }

  /** Mail of a terminated agent becomes dead letters, a page at a time; its timers and schedules go. */
  async #clear(entry: AgentEntry): Promise<void> {
    const { store, clock, committer } = this.#core;
    const waiting = [...(await store.mail(entry.no)), ...(await store.delayed(entry.no))];
    const rows = [...new Map(waiting.map((row) => [row.seq, row])).values()];
    const error = new AosError("AGENT_TERMINATED", `agent ${entry.address} was terminated`, { details: { agent: entry.address } });
    for (let from = 0; from < rows.length; from += CLEAR) {
      const page = rows.slice(from, from + CLEAR);
      const mails = page.filter(({ timer }) => timer === undefined).map(readMail);
      const now = clock.now();
      const replies = mails.map((mail) => replyOf(mail, error, now));
      const commit: Commit = {
        mailOut: page.map(({ seq }) => seq),
        deadIn: mails.map((mail) => deadRow(entry.no, mail, error.code, error, now, mail.attempts)),
        effectsOut: mails.map(({ envelope }) => envelope.id),
        replies: replies.filter((reply) => reply !== undefined),
      };
      await committer.write(commit, () => mails.forEach((mail, at) => this.#dead(mail, replies[at])));
    }
    entry.mailbox.clear();
  }

  #timersOf(entry: AgentEntry): readonly { readonly agent: number; readonly timer: string }[] {
    const rows = this.#core.store.delayed(entry.no);
    if (rows instanceof Promise) return [];
    return rows.flatMap(({ timer }) => (timer === undefined ? [] : [{ agent: entry.no, timer }]));
  }
}
