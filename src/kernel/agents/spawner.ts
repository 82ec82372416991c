import type { SpawnDraft } from "../turn/attempt.ts";
import { validate } from "../contract/schema.ts";
import type { Core } from "../core.ts";
import type { Directory } from "./directory.ts";
import type { AgentMeta } from "./entry.ts";
import { toJson } from "../json.ts";
import { encodeBody, type RecordBody } from "../turn/record.ts";
import type { Agenda } from "../time/agenda.ts";
import type { AgentRow, Commit, JournalWrite, MaybePromise, NewAgent } from "../store/store.ts";
import type { Mutable } from "../turn/unit.ts";
import { tenantOf } from "../address.ts";
import type { LoadedType } from "./types.ts";
import { checkPattern } from "../mail/topics.ts";

/** An agent about to be created. */
export interface Birth {
  readonly no: number;
  readonly type: LoadedType;
  readonly address: string;
  readonly config?: unknown;
  readonly tags?: readonly string[] | undefined;
  readonly spawnedBy?: string | undefined;
}

/** Makes the rows of new agents: state, first journal row, subscriptions, schedules; all or nothing. */
export class Spawner {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #agenda: Agenda;
  readonly #initial = new Map<LoadedType, string>();
  /** Told that agents exist that did not before. */
  readonly #onCreated: () => void;
  #written = new Map<number, { readonly row: AgentRow; readonly journal: JournalWrite }>();

  constructor(core: Core, directory: Directory, agenda: Agenda, onCreated: () => void) {
    this.#core = core;
    this.#directory = directory;
    this.#agenda = agenda;
    this.#onCreated = onCreated;
  }

  /** Checks a configuration against the contract. @throws AosError PAYLOAD_INVALID. */
  checkConfig(type: LoadedType, config: unknown): MaybePromise<unknown> {
    const { config: schema } = type.contract;
    if (schema === undefined) return config === undefined ? undefined : JSON.parse(toJson(config, "config"));
    return validate(schema, config ?? {}, `config of type ${type.name}`);
  }

  /** Checks a type's first state once. @throws AosError STATE_INVALID, NOT_JSON. */
  async prepare(type: LoadedType): Promise<void> {
    if (this.#initial.has(type)) return;
    const { schema, initial } = type.contract.state;
    const checked = await validate(schema, initial(), `initial state of type ${type.name}`, "STATE_INVALID");
    this.#initial.set(type, toJson(checked, `initial state of type ${type.name}`));
    for (const { topic } of type.contract.topics ?? []) checkPattern(topic);
  }

  /** Adds an agent's rows to a commit. `prepare` must have been called for its type. */
  create(births: readonly (Birth | SpawnDraft)[], now: number, spawnedBy: string | undefined, commit: Mutable<Commit>): void {
    commit.create = [...(commit.create ?? []), ...births.map((birth) => this.#rows(birth, now, spawnedBy))];
    const subscribe = births.flatMap(({ no, type, address }) =>
      (type.contract.topics ?? []).map(({ topic, event, where }) => ({
        tenant: tenantOf(address),
        pattern: topic,
        agent: no,
        event: event.name,
        filter: where === undefined ? undefined : JSON.stringify(where),
      })),
    );
    if (subscribe.length > 0) commit.subscribe = subscribe;
    const ticks = births.flatMap(({ no, type, address }) => this.#agenda.firstTicks(no, type, address, now));
    if (ticks.length > 0) commit.mailIn = [...(commit.mailIn ?? []), ...ticks];
  }

  /** After the commit. */
  created(births: readonly { readonly no: number; readonly address: string }[]): void {
    for (const { no, address } of births) {
      const written = this.#written.get(no);
      if (written === undefined) continue;
      this.#written.delete(no);
      this.#directory.adopt(written.row);
      this.#core.published([written.journal], address);
    }
    this.#agenda.refresh();
    this.#onCreated();
  }

  /** After the commit of many: they stay out of memory until something is for them. */
  createdInBulk(births: readonly { readonly no: number; readonly address: string }[]): void {
    for (const { no, address } of births) {
      const written = this.#written.get(no);
      this.#written.delete(no);
      if (written !== undefined) this.#core.published([written.journal], address);
    }
    this.#agenda.refresh();
    this.#onCreated();
  }

  failed(births: readonly { readonly no: number }[]): void {
    for (const { no } of births) this.#written.delete(no);
  }

  #rows(birth: Birth | SpawnDraft, now: number, spawnedBy: string | undefined): NewAgent {
    const { no, type, address } = birth;
    const state = this.#initial.get(type) ?? toJson(type.contract.state.initial(), `initial state of type ${type.name}`);
    const meta: AgentMeta = { config: birth.config, tags: "tags" in birth ? birth.tags : undefined, spawnedBy };
    const id = ++this.#core.numbers.journalId;
    const journal: JournalWrite = {
      id,
      prev: 0,
      agent: no,
      turn: 1,
      at: now,
      body: encodeBody(lifecycleBody(address, "created → initialized", spawnedBy, type.revision)),
    };
    const text = JSON.stringify(meta);
    const row: AgentRow = {
      no,
      address,
      status: "initialized",
      turn: 1,
      head: id,
      epoch: 0,
      stateVersion: type.contract.state.version,
      state,
      createdAt: now,
      lastAt: 0,
      meta: text === "{}" ? undefined : text,
    };
    this.#written.set(no, { row, journal });
    return { row, journal };
  }
}

/** The record of a lifecycle move. */
export function lifecycleBody(address: string, note: string, by: string | undefined, revision: string): RecordBody {
  return {
    kind: "lifecycle",
    cause: { id: address, type: "lifecycle", source: by ?? "operator", chain: address, depth: 0 },
    outcome: "done",
    attempts: 0,
    effects: [],
    sent: 0,
    decisions: [],
    costMs: 0,
    revision,
    changed: false,
    note,
  };
}
