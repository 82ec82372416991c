import { accessSync, constants, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { CronerCalendar } from "../adapters/croner/index.ts";
import { lockFolder, SqliteStore } from "../adapters/sqlite/index.ts";
import {
  type Ack,
  type AgentClass,
  type AgentInfo,
  type AgentSelection,
  AosError,
  type Arrival,
  type CommandType,
  DEFAULT_TENANT,
  type EventType,
  formatAddress,
  type Input,
  Kernel,
  type KernelEvent,
  type KernelStats,
  type Ledger,
  type LoadableAgent,
  type Output,
  parseAddress,
  parseDuration,
  shortAddress,
  type PurposeDrivenAgent,
  type QueryType,
  type Store,
  StoreLedger,
  type TurnRecord,
} from "../kernel/index.ts";
import { AOSConfig, type AosConfigOptions, type AosSettings } from "../services/config/index.ts";
import { EnvironmentService } from "../services/environment/index.ts";
import { InjectedClock, SystemClock } from "./clock.ts";
import type { TakeBackup } from "./backups.ts";
import { SystemEntropy, systemHasher } from "./entropy.ts";
import { limitsOf } from "./limits.ts";
import { Transfers } from "./transfers.ts";
import { MessageBus, subscriberType, type TopicHandler } from "./message-bus.ts";
import { refuseUnfinished } from "./restore.ts";
import { loadSettings, type SettingsSources } from "./settings.ts";
import { VERSION } from "./version.ts";
import { takeVerdict, Watchdog } from "./watchdog.ts";

/** How a system is booted: settings, and what only code can say. */
export type BootOptions = AosConfigOptions & {
  /** A configuration file. */
  readonly configFile?: string | undefined;
  /** A digest of the code, for revisions; `AOS_CODE_VERSION` or `dev` unless given. */
  readonly codeVersion?: string | undefined;
  /** Told what happens inside; nothing is printed unless given. */
  readonly report?: ((event: KernelEvent) => void) | undefined;
  /** Whether a launcher starts this process again: then a blocked event loop ends it. */
  readonly isSupervised?: boolean | undefined;
  /** Opens the folder only to read it: no code is loaded, nothing runs, nothing of what the next start must know changes. */
  readonly isDormant?: boolean | undefined;
};

/** Whom an event is for: a type and an id, or an address. */
export type Target<A extends AgentClass = AgentClass> = readonly [type: A, id: string] | string;

/** How an event is sent from outside. */
export interface EmitOptions {
  /** Left out: every agent whose contract accepts the event. */
  readonly to?: Target | undefined;
  readonly key?: string | undefined;
  readonly source?: string | undefined;
  readonly priority?: number | undefined;
  /** A duration, or epoch ms. */
  readonly in?: string | number | undefined;
  readonly tenant?: string | undefined;
}

type Commands<A extends AgentClass> = NonNullable<A["contract"]["commands"]>;
type Queries<A extends AgentClass> = NonNullable<A["contract"]["queries"]>;
type InputOf<T> = T extends CommandType<infer I> ? Input<I> : T extends QueryType<infer I> ? Input<I> : never;
type OutputOf<T> = T extends CommandType<infer _I, infer O> ? Output<O> : T extends QueryType<infer _I, infer O> ? Output<O> : never;

/** An event without types, as the seed's `processEvent` takes it. */
export interface PlainEvent {
  readonly type: string;
  readonly data?: unknown;
  /** `type/id`; left out: every agent that accepts the event. */
  readonly to?: string | undefined;
  readonly id?: string | undefined;
  readonly source?: string | undefined;
}

interface Running {
  readonly kernel: Kernel;
  readonly settings: AosSettings;
  readonly clock: SystemClock | InjectedClock;
  readonly bus: MessageBus;
  readonly transfers: Transfers;
  readonly ledger: Ledger;
  readonly store: Store;
  readonly backup: TakeBackup;
  readonly release: () => Promise<void>;
}

/** The system in one process: boot it, register agents once, send events. Everything it promises is durable. */
export class AgentOperatingSystem {
  readonly #options: BootOptions;
  #running: Running | undefined;
  #isStarted = false;
  #starting: Promise<void> | undefined;

  /** Takes the configuration; `initialize` opens the data folder. */
  constructor(config: AOSConfig | BootOptions = {}) {
    this.#options = config instanceof AOSConfig ? { ...config.runtime } : config;
  }

  /**
   * Opens the data folder and starts. `boot({ dir: ".aos" })` is SQLite in that folder.
   * @throws AosError CONFIG_INVALID, DATA_LOCKED, DATA_TOO_NEW.
   */
  static async boot(options: BootOptions = {}): Promise<AgentOperatingSystem> {
    const system = new AgentOperatingSystem(options);
    await system.initialize();
    return system;
  }

  /** Opens the data folder and starts; calling it again does nothing. */
  initialize(): Promise<void> {
    this.#starting ??= this.#open().catch((thrown: unknown) => {
      this.#starting = undefined;
      throw thrown;
    });
    return this.#starting;
  }

  get kernel(): Kernel {
    return this.#up.kernel;
  }
  get settings(): AosSettings {
    return this.#up.settings;
  }
  get messageBus(): MessageBus {
    return this.#up.bus;
  }
  /** Signed exports and imports of agents. */
  get transfers(): Transfers {
    return this.#up.transfers;
  }

  get ledger(): Ledger {
    return this.#up.ledger;
  }
  get store(): Store {
    return this.#up.store;
  }
  /** The clock that tests advance; undefined where time is real. */
  get testClock(): InjectedClock | undefined {
    const { clock } = this.#up;
    return clock instanceof InjectedClock ? clock : undefined;
  }
  get environment(): EnvironmentService {
    const { settings } = this.#up;
    return new EnvironmentService({ name: settings.get("environment"), features: settings.get("features"), variables: process.env });
  }

  /** Loads an agent type without registering anybody: agents of it that are stored can run. */
  async load(agent: LoadableAgent): Promise<void> {
    await this.#up.kernel.load(agent);
    await this.#begin();
  }

  /** Registers an agent, once and for ever: where it exists nothing changes. */
  async register(
    agent: LoadableAgent,
    id: string,
    options: { readonly config?: unknown; readonly tags?: readonly string[]; readonly tenant?: string } = {},
  ): Promise<{ readonly address: string; readonly created: boolean }> {
    await this.load(agent);
    return this.#up.kernel.register(agent.contract.type, { id, ...options });
  }

  /** The seed's name for `register`: takes the class, or an object of it. */
  registerAgent(
    agent: LoadableAgent | PurposeDrivenAgent,
    id = "main",
    options: { readonly config?: unknown } = {},
  ): Promise<{ readonly address: string; readonly created: boolean }> {
    const type = "contract" in agent ? agent : (agent.constructor as unknown as LoadableAgent);
    return this.register(type, id, options);
  }

  /** Ends an agent for good: its address stays taken, its mail becomes undeliverable. */
  unregister(agent: Target): Promise<AgentInfo> {
    return this.#up.kernel.move(this.#address(agent), "terminate", { by: "application" });
  }

  /** Sends an event; resolves once it is durable in the mailbox of everyone it is for. */
  emit<E extends EventType>(type: E, data: Input<E["data"]>, options: EmitOptions = {}): Promise<readonly Ack[]> {
    return this.#send(
      () => ({
        kind: "event",
        target: this.#targetOf(options.to, options.tenant),
        name: type.name,
        data,
        version: type.version > 1 ? type.version : undefined,
        key: options.key,
        source: options.source,
        priority: options.priority,
        deliverAt: this.#when(options.in),
      }),
      options.tenant,
    );
  }

  /** The seed's `processEvent`: an event without types, for one agent or for all that accept it. */
  processEvent(event: PlainEvent): Promise<readonly Ack[]> {
    return this.#send(() => ({
      kind: "event",
      target: this.#targetOf(event.to, undefined),
      name: event.type,
      data: event.data,
      eventId: event.id,
      source: event.source,
    }));
  }

  /** The seed's `sendAgentMessage`: an event from one agent's address to another's. */
  async sendAgentMessage(from: string, to: string, message: { readonly type: string; readonly data?: unknown }): Promise<Ack> {
    const { tenant, type, id } = parseAddress(from);
    const sender = formatAddress(type, id, tenant);
    if (!(await this.#up.kernel.has(sender))) {
      throw new AosError("AGENT_NOT_FOUND", `there is no agent ${sender}; register it first`, { details: { agent: sender } });
    }
    return this.#up.kernel.accept({
      target: this.#address(to),
      kind: "event",
      name: message.type,
      data: message.data,
      source: shortAddress(sender),
      from: sender,
    });
  }

  /** Runs a command and waits for its reply. */
  async call<A extends AgentClass, K extends keyof Commands<A> & string>(
    type: A,
    id: string,
    name: K,
    input: InputOf<Commands<A>[K]>,
    options: { readonly key?: string; readonly waitMs?: number } = {},
  ): Promise<OutputOf<Commands<A>[K]>> {
    const { output } = await this.#up.kernel.command(
      { target: formatAddress(type.contract.type, id), name, data: input, key: options.key },
      options.waitMs,
    );
    return output as OutputOf<Commands<A>[K]>;
  }

  /** Asks a query of the last committed state. */
  async query<A extends AgentClass, K extends keyof Queries<A> & string>(
    type: A,
    id: string,
    name: K,
    input: InputOf<Queries<A>[K]>,
  ): Promise<OutputOf<Queries<A>[K]>> {
    return (await this.#up.kernel.query(formatAddress(type.contract.type, id), name, input)) as OutputOf<Queries<A>[K]>;
  }

  /** What became of an event: the record of the turn that ended it. */
  outcome(ack: Ack, timeoutMs = 30_000): Promise<TurnRecord | undefined> {
    return this.#up.kernel.outcome(ack.id, timeoutMs);
  }

  /** An agent's turns as they are committed, from now on. */
  watch(agent: Target, options: { readonly signal: AbortSignal; readonly after?: number }): AsyncIterable<TurnRecord> {
    return this.#up.kernel.stream({ agent: this.#address(agent), after: options.after, signal: options.signal });
  }

  async agents(selection: AgentSelection = {}): Promise<readonly AgentInfo[]> {
    return (await this.#up.kernel.agents(selection, { limit: 1_000 })).items;
  }

  status(): { readonly isRunning: boolean; readonly stats: KernelStats } {
    return { isRunning: this.#running !== undefined, stats: this.#up.kernel.stats() };
  }

  /**
   * Copies everything to a file while turns go on; it has its name once it is whole and checked.
   * @throws AosError BACKUP_RUNNING, FILE_EXISTS, USAGE, DISK_FULL, STORE_FAILED, SHUTTING_DOWN.
   */
  readonly backup: TakeBackup = (file, options) => this.#up.backup(resolve(file), options);

  /** Drains, writes what is pending, closes the folder. */
  async shutdown(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    try {
      await running.kernel.stop(running.settings.get("drain.timeoutMs"));
    } finally {
      // Also where the store could not be closed in order: nobody else could start on the folder before this process ends.
      await running.release();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Begins to work, once the first types are loaded; `boot` leaves it to the first `load`, so that no mail meets code that is still to come. */
  async #begin(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    try {
      await this.#up.kernel.start();
    } catch (thrown) {
      // The next `load` tries again; else nothing would ever run.
      this.#isStarted = false;
      throw thrown;
    }
  }

  /** Loads all types, then begins: nothing runs before all code is there. */
  async loadAll(agents: readonly LoadableAgent[]): Promise<void> {
    for (const agent of agents) await this.#up.kernel.load(agent);
    await this.#begin();
  }

  get #up(): Running {
    if (this.#running !== undefined) return this.#running;
    throw new AosError("UNAVAILABLE", "the system is not running: call initialize() first, and nothing after shutdown()");
  }

  async #open(): Promise<void> {
    const { configFile, codeVersion, report = () => undefined, isSupervised = false, isDormant = false, ...runtime } = this.#options;
    const sources: SettingsSources = { runtime: runtime, file: configFile };
    const settings = await loadSettings(sources);
    const store = settings.get("store");
    if (store.startsWith("postgres"))
      throw new AosError("CONFIG_INVALID", "store: a system cannot run on PostgreSQL yet; use sqlite or memory", {
        details: { key: "store" },
      });
    const dir = settings.get("dir");
    const isOnDisk = store === "sqlite";
    if (isOnDisk) makeFolder(dir);
    const lock = isOnDisk ? await lockFolder(dir) : undefined;
    let opened: Kernel | undefined;
    try {
      if (isOnDisk) refuseUnfinished(dir);
      const clock = settings.get("clock") === "inject" ? new InjectedClock() : new SystemClock();
      const entropy = new SystemEntropy(clock);
      const sqlite = new SqliteStore({ path: isOnDisk ? `${dir}/aos.db` : ":memory:" });
      const blamed = isOnDisk && !isDormant ? takeVerdict(dir) : undefined;
      const watchdog =
        isOnDisk && isSupervised && settings.get("watchdog.enabled") ? new Watchdog(dir, settings.get("watchdog.deadlineMs")) : undefined;
      const kernel = await Kernel.open(
        {
          store: sqlite,
          clock,
          entropy,
          hasher: systemHasher,
          calendar: new CronerCalendar(),
          limits: limitsOf(settings),
          report,
        },
        {
          node: settings.get("node.name"),
          codeVersion: codeVersion ?? process.env["AOS_CODE_VERSION"] ?? "dev",
          watch: watchdog?.watch,
          blamed: blamed === undefined ? [] : [blamed],
          commandWaitMs: settings.get("command.waitMs"),
          model: settings.get("models.default"),
          areUpgradesHeld: settings.get("upgrade.mode") === "held",
        },
      );
      opened = kernel;
      const handlers = new Map<string, TopicHandler>();
      if (!isDormant) await kernel.load(subscriberType(handlers));
      this.#running = {
        kernel,
        settings,
        clock,
        store: sqlite,
        backup: (file, options = {}) => sqlite.backup(file, options, { version: VERSION, at: new Date(clock.now()).toISOString() }),
        transfers: new Transfers(kernel, clock, entropy, isOnDisk ? dir : undefined),
        bus: new MessageBus(kernel, handlers, () => this.#begin()),
        ledger: new StoreLedger(sqlite, (commit) => kernel.write(commit)),
        release: async () => {
          await watchdog?.stop();
          lock?.release();
        },
      };
    } catch (thrown) {
      // What stays open would keep the folder from the next attempt. Why it failed first is what must be told.
      await opened?.stop(0).catch(() => undefined);
      lock?.release();
      throw thrown;
    }
  }

  /** To the arrival's target, or, where that is empty, to all who accept it. Made here, so that what is wrong with it is a rejection. */
  #send(make: () => Arrival, tenant: string = DEFAULT_TENANT): Promise<readonly Ack[]> {
    try {
      const { kernel } = this.#up;
      const arrival = make();
      return arrival.target === "" ? kernel.route(tenant, arrival) : kernel.accept(arrival).then(alone);
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  #targetOf(to: Target | undefined, tenant: string | undefined): string {
    return to === undefined ? "" : this.#address(to, tenant);
  }

  #when(given: string | number | undefined): number | undefined {
    if (given === undefined) return undefined;
    return typeof given === "number" ? given : this.#up.clock.now() + parseDuration(given);
  }

  #address(target: Target, tenant?: string): string {
    if (typeof target !== "string") return formatAddress(target[0].contract.type, target[1], tenant);
    const parts = parseAddress(target, tenant);
    return formatAddress(parts.type, parts.id, parts.tenant);
  }
}

function alone(ack: Ack): readonly Ack[] {
  return [ack];
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    const why = thrown instanceof Error && "code" in thrown ? String(thrown.code) : String(thrown);
    throw new AosError(
      "CONFIG_INVALID",
      `dir: the data folder ${dir} cannot be made or written to (${why}); choose another one with --dir or AOS_DIR`,
      { cause: thrown, details: { key: "dir", dir } },
    );
  }
}
