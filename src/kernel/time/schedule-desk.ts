import { type Agenda, settledAtOf } from "./agenda.ts";
import type { ScheduleInfo } from "../api.ts";
import type { Attempt } from "../turn/attempt.ts";
import type { Core } from "../core.ts";
import type { Directory } from "../agents/directory.ts";
import { parseDuration } from "./duration.ts";
import type { AgentEntry } from "../agents/entry.ts";
import type { Envelope } from "../mail/envelope.ts";
import { AosError } from "../errors.ts";
import { preview, type ScheduleSpec } from "./schedule.ts";
import type { Mutable } from "../turn/unit.ts";
import type { Commit, MailRow } from "../store/store.ts";
import type { LoadedType } from "../agents/types.ts";
import { shortAddress, tenantOf, typeOf } from "../address.ts";

const LIST_MAX = 1_000;
/** A debounce waits at most this many times its quiet time. */
const DEBOUNCE_ROUNDS = 10;
const QUIET_MAX = 10_000;

/** Schedules as people and handlers deal with them: lists, previews, ticks brought forward, debounce. */
export class ScheduleDesk {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #agenda: Agenda;
  /** When a debounced event's first piece of the present burst arrived, and when the burst ends. */
  readonly #bursts = new Map<string, { readonly since: number; readonly until: number }>();

  constructor(core: Core, directory: Directory, agenda: Agenda) {
    this.#core = core;
    this.#directory = directory;
    this.#agenda = agenda;
  }

  /** When a debounced event joins the mailbox: at the end of the burst that it extends. */
  debounce(agent: number, address: string, envelope: Envelope): number | undefined {
    const { kind, name: event, at: now } = envelope;
    const handler = this.#core.types.get(typeOf(address))?.events.get(event)?.handler;
    if (kind !== "event" || handler?.debounce === undefined) return undefined;
    const quietMs = parseDuration(handler.debounce);
    const key = `${agent}|${event}`;
    const burst = this.#bursts.get(key);
    const since = burst === undefined || now >= burst.until ? now : burst.since;
    const until = Math.min(now + quietMs, since + quietMs * DEBOUNCE_ROUNDS);
    if (this.#bursts.size > QUIET_MAX) this.#bursts.clear();
    this.#bursts.set(key, { since, until });
    return until;
  }

  /** Until when mail that is due must wait, since its burst still goes on. */
  quietUntil(agent: number, event: string, now: number): number | undefined {
    const burst = this.#bursts.get(`${agent}|${event}`);
    return burst !== undefined && burst.until > now ? burst.until : undefined;
  }

  async spec(address: string, name: string): Promise<{ readonly entry: AgentEntry; readonly spec: ScheduleSpec }> {
    const entry = await this.#directory.get(address);
    if (entry === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
    const spec = this.#core.types.get(entry.type)?.contract.schedules?.[name];
    if (spec === undefined)
      throw new AosError("NOT_FOUND", `agent ${address} has no schedule "${name.slice(0, 80)}"`, {
        details: { agent: address, schedule: name },
      });
    return { entry, spec };
  }

  async preview(address: string, name: string, count: number): Promise<readonly number[]> {
    const { spec } = await this.spec(address, name);
    return preview(spec, this.#core.clock.now(), count, this.#core.calendar);
  }

  /** The schedules of one agent, or of all agents whose types have any; at most 1,000. */
  async list(address: string | undefined): Promise<readonly ScheduleInfo[]> {
    const found: ScheduleInfo[] = [];
    if (address !== undefined) {
      const entry = await this.#directory.get(address);
      if (entry === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
      return this.#ofAgent(entry.no, entry.address, entry.type);
    }
    for (const type of this.#core.types.all()) {
      if (type.schedules.size === 0) continue;
      for (const agent of await this.#core.store.agents({ type: type.name, limit: LIST_MAX })) {
        if (agent.status === "terminated") continue;
        found.push(...(await this.#ofAgent(agent.no, agent.address, type.name)));
        if (found.length >= LIST_MAX) return found;
      }
    }
    return found;
  }

  async #ofAgent(no: number, address: string, type: string): Promise<ScheduleInfo[]> {
    const rows = await this.#core.store.delayed(no);
    const planned = new Map(rows.map(({ timer, dueAt }) => [timer, dueAt]));
    return Object.entries(this.#core.types.get(type)?.contract.schedules ?? {}).map(([name, spec]) => ({
      agent: shortAddress(address),
      name,
      spec,
      nextAt: planned.get(`s:${name}`),
    }));
  }

  /** The planned time of an agent's schedule. */
  plannedAt(entry: AgentEntry, name: string): number | undefined {
    const rows = this.#core.store.delayed(entry.no);
    if (rows instanceof Promise) return undefined;
    return rows.find(({ timer }) => timer === `s:${name}`)?.dueAt;
  }

  /** Adds the ticks that a turn brought forward to its commit. */
  earlier(attempt: Attempt, commit: Mutable<Commit>): void {
    const rows: MailRow[] = [];
    for (const [name, at] of attempt.earlier ?? []) {
      const spec = attempt.type.contract.schedules?.[name];
      const row = spec === undefined ? undefined : this.#agenda.earlierTick(attempt.entry, name, spec, at, attempt.now);
      if (row === undefined) continue;
      rows.push(row);
      this.#agenda.expect(row.dueAt ?? attempt.now);
    }
    const timersOut = rows.map(({ timer }) => ({ agent: attempt.entry.no, timer: timer ?? "" }));
    commit.timersOut = [...(commit.timersOut ?? []), ...timersOut];
    commit.mailIn = [...(commit.mailIn ?? []), ...rows];
  }

  /** Brings the schedules and subscriptions of all agents of a type up to its contract, which changed since `before`. */
  async replan(type: LoadedType, before: Described): Promise<void> {
    const { schedules = {}, topics = [] } = type.contract;
    const isSame = (name: string): boolean => JSON.stringify(before.schedules?.[name]) === JSON.stringify(schedules[name]);
    const gone = (before.topics ?? []).filter(({ topic }) => !topics.some((each) => each.topic === topic));
    const now = this.#core.clock.now();
    let after: string | undefined;
    while (true) {
      const page = await this.#core.store.agents({ type: type.name, after, limit: LIST_MAX });
      for (const { no, address, status } of page) {
        if (status === "terminated") continue;
        const old = (await this.#core.store.delayed(no)).filter(({ timer }) => timer?.startsWith("s:") === true);
        const named = new Map(old.map((row) => [row.timer?.slice(2) ?? "", row]));
        // A tick that is planned stays as it is where its schedule does; where that changed, what was missed is not forgotten.
        const kept = new Set([...named.keys()].filter(isSame));
        const settled = new Map([...named].map(([name, row]) => [name, settledAtOf(row)]));
        await this.#core.committer.write({
          timersOut: [...named.keys()].flatMap((name) => (kept.has(name) ? [] : [{ agent: no, timer: `s:${name}` }])),
          mailIn: this.#agenda.firstTicks(no, type, address, now, settled).filter(({ timer }) => !kept.has(timer?.slice(2) ?? "")),
          unsubscribe: gone.map(({ topic }) => ({ agent: no, pattern: topic })),
          subscribe: topics.map(({ topic, event, where }) => ({
            tenant: tenantOf(address),
            pattern: topic,
            agent: no,
            event: event.name,
            filter: where === undefined ? undefined : JSON.stringify(where),
          })),
        });
      }
      if (page.length < LIST_MAX) return;
      after = page.at(-1)?.address;
    }
  }
}

/** The parts of a stored contract that agents' rows follow from. */
export interface Described {
  readonly schedules?: Readonly<Record<string, unknown>> | undefined;
  readonly topics?: readonly { readonly topic: string }[] | undefined;
}
