import { readEvents } from "./event-stream.ts";
import { type Problem, ProblemError } from "./problem.ts";
import { type Call, type ClientOptions, Transport } from "./transport.ts";
import { TimelineClient } from "./timeline.ts";
import { TransfersClient } from "./transfers.ts";
import { UpgradesClient } from "./upgrades.ts";
import { UpkeepClient } from "./upkeep.ts";
import type {
  Ack,
  Agent,
  AgentChoice,
  AgentMove,
  AgentState,
  AgentType,
  DeadLetter,
  Effect,
  EffectResolution,
  Page,
  Published,
  RoutedAck,
  Schedule,
  TurnRecord,
} from "./wire.ts";

/** How an event is sent. */
export interface SendOptions {
  /** Deduplicates; the event's own id unless given. */
  readonly key?: string | undefined;
  /** CloudEvents `source`; `client` unless given. */
  readonly source?: string | undefined;
  /** 0–9. */
  readonly priority?: number | undefined;
  /** A duration such as `5m`: the event joins the mailbox after it. */
  readonly in?: string | undefined;
}

/** Whom a stream of records is about, and where it goes on. */
export interface FollowOptions {
  /** `type/id`; every agent unless given. */
  readonly agent?: string | undefined;
  /** The `seq` of the last record seen. */
  readonly after?: number | undefined;
  readonly signal: AbortSignal;
}

const RECONNECT_MIN_MS = 250;
const RECONNECT_MAX_MS = 10_000;

/** A running system over HTTP. Addresses are `type/id`; every method throws `ProblemError`. */
export class AosClient {
  /** What whoever keeps the system asks of it. */
  readonly upkeep: UpkeepClient;
  /** Upgrades of agents' states. */
  readonly upgrades: UpgradesClient;
  /** The history of agents: looked at, compared, gone back to, branched from. */
  readonly timeline: TimelineClient;
  /** Agents taken out of the system, and into it. */
  readonly transfers: TransfersClient;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.transfers = new TransfersClient(this.#transport);
    this.timeline = new TimelineClient(this.#transport);
    this.upgrades = new UpgradesClient(this.#transport);
    this.upkeep = new UpkeepClient(this.#transport);
  }

  get url(): string {
    return this.#transport.url;
  }

  /** Whether the system answers; needs no credential. */
  async isUp(timeoutMs = 2_000): Promise<boolean> {
    try {
      await this.#transport.send({ path: "/healthz", timeoutMs });
      return true;
    } catch (thrown) {
      // It answered, though not that all is well.
      return thrown instanceof ProblemError && !["UNAVAILABLE", "TIMEOUT"].includes(thrown.code);
    }
  }

  /** Registers an agent, once and for ever: where it exists nothing changes. */
  register(address: string, config?: unknown): Promise<{ readonly address: string; readonly created: boolean }> {
    return this.#transport.json({
      method: "PUT",
      ...at(address),
      body: config === undefined ? {} : { config },
    });
  }

  /** Ends an agent for good. */
  terminate(address: string): Promise<Agent> {
    return this.#transport.json({ method: "DELETE", ...at(address) });
  }

  /** Sends an event to one agent; resolves once it is durable. */
  send(address: string, type: string, data: unknown, options: SendOptions = {}): Promise<Ack> {
    return this.#transport.json({
      method: "POST",
      ...at(address, `/events`),
      type: CLOUD_EVENT,
      body: cloudEvent(type, data, options),
      headers: { "idempotency-key": options.key },
    });
  }

  /**
   * Sends an event to every agent whose contract accepts it; one acknowledgement per agent.
   * @throws ProblemError where the system refused the event.
   */
  async emit(type: string, data: unknown, options: SendOptions = {}): Promise<readonly RoutedAck[]> {
    const [answer] = await this.#transport.json<readonly EventAnswer[]>({
      method: "POST",
      path: "/api/events",
      type: CLOUD_EVENT,
      body: cloudEvent(type, data, options),
      headers: { "idempotency-key": options.key },
    });
    if (answer?.error !== undefined) throw new ProblemError(answer.error);
    return answer?.routed ?? [];
  }

  /** Publishes a message to every subscriber of a topic, as an event of the topic's name unless a `type` is given. */
  publish(
    topic: string,
    data: unknown,
    options: Pick<SendOptions, "key"> & { readonly type?: string | undefined } = {},
  ): Promise<Published> {
    return this.#transport.json({
      method: "POST",
      path: `/api/topics/${encodeURIComponent(topic)}`,
      query: { type: options.type },
      body: data,
      headers: { "idempotency-key": options.key },
    });
  }

  /**
   * Runs a command and waits for its reply.
   * @returns the output, or the id under which a late reply can be fetched.
   */
  async call(
    address: string,
    name: string,
    input: unknown,
    options: Pick<SendOptions, "key"> = {},
  ): Promise<{ readonly id: string; readonly isPending: boolean; readonly output?: unknown }> {
    const response = await this.#transport.send({
      method: "POST",
      ...at(address, `/commands/${encodeURIComponent(name)}`),
      body: input,
      headers: { "idempotency-key": options.key },
      timeoutMs: 0,
    });
    const answer = await this.#transport.read<{ readonly id: string; readonly output?: unknown }>(response);
    return { id: answer.id, isPending: response.status === 202, output: answer.output };
  }

  /** The reply of a command; undefined while there is none. */
  async reply(id: string): Promise<{ readonly output: unknown } | undefined> {
    const response = await this.#transport.send({ path: `/api/replies/${encodeURIComponent(id)}` });
    return response.status === 202 ? undefined : this.#transport.read<{ readonly output: unknown }>(response);
  }

  /** Asks a query of the last committed state. */
  query(address: string, name: string, input: unknown): Promise<unknown> {
    return this.#transport.json({
      method: "POST",
      ...at(address, `/queries/${encodeURIComponent(name)}`),
      body: input,
    });
  }

  /** Wakes an agent. */
  wake(address: string): Promise<Ack> {
    return this.#transport.json({ method: "POST", ...at(address, `:wake`) });
  }

  /** What became of an event: the record of the turn that ended it; undefined where that takes longer than the wait. */
  async outcome(id: string, timeoutMs = 30_000): Promise<TurnRecord | undefined> {
    const response = await this.#transport.send({
      path: `/api/events/${encodeURIComponent(id)}/outcome`,
      query: { timeoutMs },
      timeoutMs: timeoutMs + 10_000,
    });
    return response.status === 200 ? this.#transport.read<TurnRecord>(response) : undefined;
  }

  /** Moves one agent. */
  move(address: string, move: AgentMove, reason?: string): Promise<Agent> {
    return this.#transport.json({
      method: "POST",
      ...at(address, `:${move}`),
      body: { reason },
    });
  }

  /** Moves all agents of a choice. */
  moveAll(choice: AgentChoice, move: AgentMove, reason?: string): Promise<{ readonly moved: number; readonly refused: number }> {
    return this.#transport.json({
      method: "POST",
      path: `/api/agents:${move}`,
      body: { ...choice, reason },
    });
  }

  /** A page of agents. */
  agents(
    filter: {
      readonly type?: string | undefined;
      readonly state?: string | undefined;
      readonly cursor?: string | undefined;
      readonly limit?: number | undefined;
    } = {},
  ): Promise<Page<Agent>> {
    return this.#transport.json({ path: "/api/agents", query: filter });
  }

  agent(address: string): Promise<Agent> {
    return this.#transport.json({ ...at(address) });
  }

  state(address: string): Promise<AgentState> {
    return this.#transport.json({ ...at(address, `/state`) });
  }

  /** An agent's records after a turn, oldest first. */
  async journal(address: string, after = 0, limit?: number): Promise<readonly TurnRecord[]> {
    return rows(
      await this.#transport.json({
        ...at(address, `/journal`),
        query: { after, limit },
      }),
    );
  }

  /** All records of an id: an event, a chain or a correlation. */
  async why(id: string): Promise<readonly TurnRecord[]> {
    return rows(await this.#transport.json({ path: `/api/why/${encodeURIComponent(id)}` }));
  }

  /** Records as they are committed; goes on where it was when the connection breaks, and ends when the signal aborts. */
  async *follow(options: FollowOptions): AsyncGenerator<TurnRecord> {
    let after = options.after;
    let waitMs = RECONNECT_MIN_MS;
    for (;;) {
      try {
        const response = await this.#transport.send({
          path: "/api/stream",
          query: { agent: options.agent, after },
          headers: {
            accept: "text/event-stream",
            "last-event-id": after === undefined ? undefined : String(after),
          },
          signal: options.signal,
          timeoutMs: 0,
        });
        if (response.body === null) throw new TypeError("the stream has no body");
        for await (const message of readEvents(response.body)) {
          waitMs = RECONNECT_MIN_MS;
          const id = Number(message.id);
          if (message.id !== "" && Number.isSafeInteger(id)) after = id;
          if (message.data === undefined || !isRecord(message.event)) continue;
          const record: TurnRecord = JSON.parse(message.data);
          yield record;
        }
      } catch (thrown) {
        if (options.signal.aborted) return;
        // What the system refused it will refuse again; a broken connection may mend.
        if (thrown instanceof ProblemError && thrown.problem.status < 500) throw thrown;
      }
      await pause(waitMs, options.signal);
      if (options.signal.aborted) return;
      waitMs = Math.min(waitMs * 2, RECONNECT_MAX_MS);
    }
  }

  deadLetters(
    filter: {
      readonly agent?: string | undefined;
      readonly reason?: string | undefined;
      readonly cursor?: string | undefined;
      readonly limit?: number | undefined;
    } = {},
  ): Promise<Page<DeadLetter>> {
    return this.#transport.json({ path: "/api/dead-letters", query: filter });
  }

  deadLetter(id: string): Promise<DeadLetter> {
    return this.#transport.json({ path: `/api/dead-letters/${encodeURIComponent(id)}` });
  }

  /** Puts a dead letter back; `fresh` gives it a new id, so that its effects run again. */
  redrive(id: string, fresh = false): Promise<{ readonly id: string; readonly agent: string }> {
    return this.#transport.json({
      method: "POST",
      path: `/api/dead-letters/${encodeURIComponent(id)}:redrive`,
      body: { fresh },
    });
  }

  /** Puts back every dead letter of a filter. */
  redriveAll(
    filter: { readonly agent?: string | undefined; readonly reason?: string | undefined },
    fresh = false,
  ): Promise<{ readonly redriven: number }> {
    return this.#transport.json({
      method: "POST",
      path: "/api/dead-letters:redrive",
      body: { ...filter, fresh },
      timeoutMs: 0,
    });
  }

  /** Drops a dead letter for good. */
  async drop(id: string): Promise<void> {
    await this.#transport.json({
      method: "DELETE",
      path: `/api/dead-letters/${encodeURIComponent(id)}`,
    });
  }

  async effects(
    filter: {
      readonly state?: string | undefined;
      readonly agent?: string | undefined;
      readonly limit?: number | undefined;
    } = {},
  ): Promise<readonly Effect[]> {
    return rows(await this.#transport.json({ path: "/api/effects", query: filter }));
  }

  /** Says what became of an effect in doubt. */
  resolveEffect(id: string, resolution: EffectResolution): Promise<Effect> {
    return this.#transport.json({
      method: "POST",
      path: `/api/effects/${encodeURIComponent(id)}:resolve`,
      body: resolution,
    });
  }

  async schedules(agent?: string): Promise<readonly Schedule[]> {
    return rows(await this.#transport.json({ path: "/api/schedules", query: { agent } }));
  }

  /** The next times of a schedule. */
  async nextTimes(address: string, name: string, count = 5): Promise<readonly (string | number)[]> {
    return rows(
      await this.#transport.json({
        ...at(address, `/schedules/${encodeURIComponent(name)}/next`),
        query: { count },
      }),
    );
  }

  /** Fires a schedule now. */
  runSchedule(address: string, name: string): Promise<Ack> {
    return this.#transport.json({
      method: "POST",
      ...at(address, `/schedules/${encodeURIComponent(name)}:run`),
    });
  }

  async types(): Promise<readonly AgentType[]> {
    return rows(await this.#transport.json({ path: "/api/types" }));
  }

  /** What the store holds: names to bytes or counts. */
  usage(): Promise<Readonly<Record<string, number>>> {
    return this.#transport.json({ path: "/api/usage" });
  }
}

/** One entry of the answer to a batch. */
interface EventAnswer {
  readonly routed?: readonly RoutedAck[];
  readonly error?: Problem;
}

const CLOUD_EVENT = "application/cloudevents+json";

function cloudEvent(type: string, data: unknown, options: SendOptions): Readonly<Record<string, unknown>> {
  return {
    specversion: "1.0",
    id: crypto.randomUUID(),
    source: options.source ?? "client",
    type,
    ...(data === undefined ? {} : { datacontenttype: "application/json", data }),
    ...(options.priority === undefined ? {} : { aospriority: options.priority }),
    ...(options.in === undefined ? {} : { aosdelay: options.in }),
  };
}

/** Where an agent is: a tenant in its address goes into a header. */
function at(address: string, rest = ""): Pick<Call, "path" | "tenant"> {
  const parts = address.split("/");
  const [type = "", id = ""] = parts.slice(-2);
  const path = `/api/agents/${encodeURIComponent(type)}/${encodeURIComponent(id)}${rest}`;
  return { path, tenant: parts.length > 2 ? parts[0] : undefined };
}

/** A list, bare or in the `items` of a page. */
function rows<T>(answer: readonly T[] | Page<T>): readonly T[] {
  return "items" in answer ? answer.items : answer;
}

function isRecord(event: string): boolean {
  return event === "message" || event === "turn";
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
