import { formatAddress, fullAddress, parseAddress, shortAddress } from "../address.ts";
import type { Dependencies } from "../agents/dependencies.ts";
import type { Directory } from "../agents/directory.ts";
import type { AgentEntry, AgentMeta } from "../agents/entry.ts";
import { lifecycleBody } from "../agents/spawner.ts";
import type { Core } from "../core.ts";
import { AosError } from "../errors.ts";
import type { AgentRow, JournalWrite } from "../store/store.ts";
import { encodeDelta, encodeFull } from "../turn/delta.ts";
import { encodeBody, type RecordBody, rewindNote } from "../turn/record.ts";
import { AgentUnit } from "../turn/unit.ts";
import type { Upgrades } from "../upgrade/upgrades.ts";
import { History, type PastState } from "./history.ts";
import { jsonPatch, type PatchOp } from "./json-patch.ts";

const TRIES = 3;

/** The state of an agent as a turn left it. */
export interface StateAt {
  readonly state: unknown;
  readonly version: number;
  readonly turn: number;
  /** When the turn was, epoch ms. */
  readonly at: number;
}

/** How a state changed between two turns. */
export interface StateDiff {
  readonly agent: string;
  readonly from: number;
  readonly to: number;
  readonly patch: readonly PatchOp[];
}

/** What a rewind did. */
export interface Rewound {
  readonly agent: string;
  /** The turn whose state the agent has again. */
  readonly to: number;
  /** The turn that it had before. */
  readonly from: number;
  /** The turn of the rewind itself. */
  readonly turn: number;
}

/** What a fork made. */
export interface Forked {
  readonly agent: string;
  readonly from: string;
  readonly turn: number;
}

/** How to fork. */
export interface ForkOptions {
  /** The turn to fork at; the newest unless given. */
  readonly turn?: number | undefined;
  /** Lets the fork take mail at once, its effects dry until it is resumed. */
  readonly start?: boolean | undefined;
  readonly by?: string | undefined;
}

/** Looks and goes back in the history of agents. History itself is never changed: a rewind and a fork are new turns. */
export interface TimelineApi {
  /** The state after a turn, as it was stored. @throws AosError AGENT_NOT_FOUND, TURN_NOT_FOUND, FOLDED with `nearest`. */
  stateAt(address: string, turn: number): Promise<StateAt>;
  /** What made the state of one turn that of another. @throws AosError AGENT_NOT_FOUND, TURN_NOT_FOUND, FOLDED. */
  diff(address: string, from: number, to: number): Promise<StateDiff>;
  /**
   * Gives an agent the state of an earlier turn, as a new turn. Its mail, timers and effects stay as they are.
   * @throws AosError AGENT_NOT_FOUND, TURN_NOT_FOUND, FOLDED, AGENT_TERMINATED, LIFECYCLE_ILLEGAL where a turn is in flight.
   */
  rewind(
    address: string,
    turn: number,
    options?: { readonly reason?: string | undefined; readonly by?: string | undefined },
  ): Promise<Rewound>;
  /**
   * Makes a new agent of another one's state, paused, without mail, timers, schedules and subscriptions; its effects are dry until it is resumed.
   * @throws AosError AGENT_NOT_FOUND, TURN_NOT_FOUND, FOLDED, AGENT_EXISTS, ADDRESS_INVALID.
   */
  fork(address: string, newId: string, options?: ForkOptions): Promise<Forked>;
}

/** Reads what the journal retains and branches from it. */
export class Timeline implements TimelineApi {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #upgrades: Pick<Upgrades, "changed">;
  readonly #dependencies: Pick<Dependencies, "changed">;

  constructor(core: Core, directory: Directory, upgrades: Pick<Upgrades, "changed">, dependencies: Pick<Dependencies, "changed">) {
    this.#core = core;
    this.#directory = directory;
    this.#upgrades = upgrades;
    this.#dependencies = dependencies;
  }

  async stateAt(address: string, turn: number): Promise<StateAt> {
    const found = (await History.read(this.#core.store, fullAddress(address))).at(turn);
    return { state: JSON.parse(found.text) as unknown, version: found.version, turn, at: found.at };
  }

  async diff(address: string, from: number, to: number): Promise<StateDiff> {
    const history = await History.read(this.#core.store, fullAddress(address));
    const patch = jsonPatch(JSON.parse(history.at(from).text), JSON.parse(history.at(to).text));
    return { agent: shortAddress(history.agent.address), from, to, patch };
  }

  async rewind(
    given: string,
    turn: number,
    { reason, by }: { readonly reason?: string | undefined; readonly by?: string | undefined } = {},
  ): Promise<Rewound> {
    const address = fullAddress(given);
    for (let tries = 0; tries < TRIES; tries++) {
      const entry = await this.#resting(address);
      const history = await History.read(this.#core.store, address);
      const past = history.at(turn);
      // A turn that began or ended since then is not in this history.
      if (isBusy(entry) || entry.turn !== history.agent.turn) continue;
      const from = entry.turn;
      return { agent: shortAddress(address), to: turn, from, turn: await this.#write(entry, past, reason, by) };
    }
    throw busy(address);
  }

  async fork(given: string, newId: string, { turn, start = false, by }: ForkOptions = {}): Promise<Forked> {
    const address = fullAddress(given);
    const { tenant, type } = parseAddress(address);
    const target = formatAddress(type, newId, tenant);
    const history = await History.read(this.#core.store, address);
    const past = history.at(turn ?? history.agent.turn);
    if ((await this.#directory.get(target)) !== undefined)
      throw new AosError("AGENT_EXISTS", `${shortAddress(target)} exists already; fork under another id`, { details: { agent: target } });
    await this.#create(history.agent, past, target, start, by);
    return { agent: shortAddress(target), from: shortAddress(address), turn: past.turn };
  }

  async #resting(address: string): Promise<AgentEntry> {
    const found = await this.#directory.get(address);
    if (found === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
    if (found.attempt !== undefined) throw busy(address);
    await found.settled();
    const entry = (await this.#directory.get(address)) ?? found;
    if (entry.status === "terminated")
      throw new AosError("AGENT_TERMINATED", `agent ${address} was terminated; fork it instead`, { details: { agent: address } });
    if (isBusy(entry)) throw busy(address);
    return entry;
  }

  async #write(entry: AgentEntry, past: PastState, reason: string | undefined, by: string | undefined): Promise<number> {
    const { types, clock, committer } = this.#core;
    const note = rewindNote(past.turn, entry.stateVersion, past.version);
    const isChanged = past.text !== entry.state;
    const isOther = past.version !== entry.stateVersion;
    const body: RecordBody = {
      ...lifecycleBody(entry.address, reason === undefined ? note : `${note}: ${reason}`, by, types.get(entry.type)?.revision ?? "none"),
      kind: "rewind",
      changed: isChanged,
    };
    const { upgrade: _upgrade, ...unmarked } = entry.meta;
    const written = new Promise<number>((resolve, reject) => {
      committer.push(
        new AgentUnit(this.#core, entry, {
          rows: [{ at: clock.now(), body, delta: isChanged ? encodeDelta(entry.state, past.text) : undefined }],
          state: isChanged ? past.text : undefined,
          stateVersion: isOther ? past.version : undefined,
          meta: isOther ? unmarked : undefined,
          commit: {},
          onDurable: ([row]) => resolve(row?.turn ?? 0),
          onFailure: (error) => reject(error ?? new AosError("STORE_FAILED", `agent ${entry.address} changed meanwhile; try again`)),
        }),
      );
    });
    entry.state = past.text;
    entry.stateVersion = past.version;
    if (isOther) entry.meta = unmarked;
    const turn = await written;
    if (isOther) this.#upgrades.changed();
    return turn;
  }

  async #create(from: AgentRow, past: PastState, address: string, start: boolean, by: string | undefined): Promise<void> {
    const { numbers, clock, committer, types, published } = this.#core;
    const origin = { agent: shortAddress(from.address), turn: past.turn };
    const note = `forked from ${origin.agent} at turn ${origin.turn}`;
    const old: AgentMeta = from.meta === undefined ? {} : (JSON.parse(from.meta) as AgentMeta);
    const meta: AgentMeta = {
      config: old.config,
      tags: old.tags,
      dry: true,
      forkedFrom: origin,
      reason: `${note}; its effects are dry until it is resumed`,
    };
    const revision = types.get(parseAddress(address).type)?.revision ?? "none";
    const now = clock.now();
    const no = ++numbers.agentNo;
    let row: AgentRow | undefined;
    let journal: JournalWrite | undefined;
    await new Promise<void>((resolve, reject) => {
      committer.push({
        build: () => {
          const id = ++numbers.journalId;
          const body = encodeBody({ ...lifecycleBody(address, note, by, revision), kind: "fork", changed: true });
          journal = { id, prev: 0, agent: no, turn: 1, at: now, body, delta: encodeFull(past.text) };
          row = {
            no,
            address,
            status: start ? "initialized" : "paused",
            turn: 1,
            head: id,
            epoch: 0,
            stateVersion: past.version,
            state: past.text,
            createdAt: now,
            lastAt: 0,
            meta: JSON.stringify(meta),
          };
          return { create: [{ row, journal }] };
        },
        settled: (error) => {
          if (error !== undefined) return reject(error);
          if (row !== undefined) this.#directory.adopt(row);
          if (journal !== undefined) published([journal], address);
          resolve();
        },
      });
    });
    this.#dependencies.changed();
  }
}

function isBusy(entry: AgentEntry): boolean {
  return entry.attempt !== undefined || entry.pending > 0 || entry.isStale;
}

function busy(address: string): AosError {
  return new AosError("LIFECYCLE_ILLEGAL", `agent ${address} has a turn in flight; pause it, and rewind it when that has ended`, {
    details: { agent: address },
    retryable: true,
  });
}
