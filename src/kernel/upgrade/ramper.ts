import type { Cancel } from "../clock.ts";
import type { Core } from "../core.ts";
import { AosError } from "../errors.ts";
import type { LoadedType } from "../agents/types.ts";
import type { AgentListing } from "../store/store.ts";
import { KEPT_CLASS, keptKey, readKept, releaseOp } from "./kept-state.ts";
import { checkRamp, isPastThreshold, isReached, placeOf, type Ramp, RAMP_CLASS, type RampOptions } from "./ramp.ts";
import type { Upgrades } from "./upgrades.ts";

const PAGE = 500;
const SUSPECTS_MAX = 1_000;
const STORE_RETRY_MS = 5_000;
const HOUSEKEEPING_MS = 3_600_000;

/** What putting agents back did. */
export interface RolledBack {
  readonly rolledBack: number;
  /** In a turn at that moment: ask again. */
  readonly skipped: number;
  /** Turns on the new version whose changes of state are gone; their journal stays. */
  readonly turnsUndone: number;
}

/** How an upgrade of a type stands. */
export interface UpgradeStatus {
  readonly type: string;
  /** The version of the loaded code. */
  readonly version: number;
  readonly revision: string;
  /** Agents by the version of their state, terminated ones aside. */
  readonly versions: Readonly<Record<string, number>>;
  /** Agents that carry a mark, and the first of them. */
  readonly marked: number;
  readonly examples: readonly { readonly agent: string; readonly status: string; readonly message: string }[];
  readonly ramp?: Ramp | undefined;
}

/** Takes types' agents to the version of the loaded code by stages, puts them back, and lets go of old states that are no longer needed. */
export class Ramper {
  readonly #core: Core;
  readonly #upgrades: Upgrades;
  readonly #running = new Set<string>();
  #isStopped = true;
  #cancel: Cancel | undefined;

  constructor(core: Core, upgrades: Upgrades) {
    this.#core = core;
    this.#upgrades = upgrades;
  }

  /** Reads the ramps that are stored; before anything runs. */
  async recall(): Promise<void> {
    for (const { key, bytes } of await this.#core.store.ledgerList(RAMP_CLASS, undefined, 1_000))
      this.#upgrades.ramps.set(key, JSON.parse(new TextDecoder().decode(bytes)) as Ramp);
  }

  /** Goes on with ramps that the last process left, and keeps house. */
  start(): void {
    this.#isStopped = false;
    for (const type of this.#core.types.all()) this.#resume(type);
    this.#keepHouse();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  /** Begins a ramp, or answers with the one that runs. @throws AosError USAGE, and LIFECYCLE_ILLEGAL while one of other stages runs. */
  async apply(type: LoadedType, options: RampOptions): Promise<Ramp> {
    const wanted = checkRamp(options);
    const known = this.#upgrades.ramps.get(type.name);
    if (known?.status === "running" && known.revision === type.revision) {
      if (JSON.stringify(known.stages) !== JSON.stringify(wanted.stages))
        throw new AosError("LIFECYCLE_ILLEGAL", `an upgrade of ${type.name} by ${known.stages.join(", ")} % runs already`, {
          details: { type: type.name },
        });
      this.#resume(type);
      return known;
    }
    const ramp: Ramp = {
      type: type.name,
      to: type.contract.state.version,
      revision: type.revision,
      ...wanted,
      status: "running",
      stage: 0,
      migrated: 0,
      failed: 0,
      suspects: [],
      startedAt: this.#core.clock.now(),
    };
    await this.#store(ramp);
    this.#upgrades.changed();
    this.#resume(type);
    return ramp;
  }

  /** Told of a turn that failed for good; counts against a ramp that has reached the agent. */
  turnFailed(address: string, typeName: string): void {
    const ramp = this.#upgrades.ramps.get(typeName);
    if (ramp?.status !== "running" || ramp.suspects.length >= SUSPECTS_MAX || ramp.suspects.includes(address)) return;
    if (!isReached(ramp, placeOf(this.#core.hasher, address))) return;
    const next: Ramp = { ...ramp, failed: ramp.failed + 1, suspects: [...ramp.suspects, address] };
    this.#upgrades.ramps.set(typeName, next);
    // What is not written now is written with the next step.
    void (isPastThreshold(next) ? this.#halt(typeName) : this.#store(next)).catch(() => undefined);
  }

  /** Puts a type's agents back to the states before their last migration. */
  async rollback(type: string): Promise<RolledBack> {
    const ramp = this.#upgrades.ramps.get(type);
    if (ramp?.status === "running") await this.#end(ramp, "stopped", "rolled back");
    let [rolledBack, skipped, turnsUndone] = [0, 0, 0];
    for await (const { no, kept } of this.#kept()) {
      const agent = await this.#core.store.agentByNo(no);
      if (agent === undefined || agent.status === "terminated" || agent.address.split("/")[1] !== type) continue;
      if (await this.#upgrades.restore(no, kept)) {
        rolledBack++;
        turnsUndone += Math.max(0, agent.turn - kept.turn - 1);
      } else skipped++;
    }
    return { rolledBack, skipped, turnsUndone };
  }

  /** How the agents of a type stand. */
  async status(type: LoadedType): Promise<UpgradeStatus> {
    const versions: Record<string, number> = {};
    const examples: { agent: string; status: string; message: string }[] = [];
    let marked = 0;
    for await (const row of this.#agents(type.name)) {
      if (row.status === "terminated") continue;
      versions[row.stateVersion] = (versions[row.stateVersion] ?? 0) + 1;
      if (row.stateVersion === type.contract.state.version || row.meta === undefined) continue;
      const { upgrade } = JSON.parse(row.meta) as { readonly upgrade?: { readonly status: string; readonly message: string } };
      if (upgrade === undefined) continue;
      marked++;
      if (examples.length < 20) examples.push({ agent: row.address, status: upgrade.status, message: upgrade.message });
    }
    const { name, revision, contract } = type;
    return {
      type: name,
      version: contract.state.version,
      revision,
      versions,
      marked,
      examples,
      ramp: asItIs(this.#upgrades.ramps.get(name), revision),
    };
  }

  #resume(type: LoadedType): void {
    const ramp = this.#upgrades.ramps.get(type.name);
    if (this.#isStopped || ramp?.status !== "running" || ramp.revision !== type.revision || this.#running.has(type.name)) return;
    this.#running.add(type.name);
    void this.#run(type).then(
      () => this.#running.delete(type.name),
      () => {
        this.#running.delete(type.name);
        // What the store does not take now is tried again soon.
        const { clock } = this.#core;
        if (!this.#isStopped) clock.at(clock.now() + STORE_RETRY_MS, () => this.#resume(type));
      },
    );
  }

  async #run(type: LoadedType): Promise<void> {
    const running = (): Ramp | undefined => {
      const ramp = this.#upgrades.ramps.get(type.name);
      return !this.#isStopped && ramp?.status === "running" && ramp.revision === type.revision ? ramp : undefined;
    };
    for (let ramp = running(); ramp !== undefined; ramp = running()) {
      const page = await this.#core.store.agents({ type: type.name, after: ramp.after, limit: PAGE });
      await this.#migrate(page, type, ramp);
      const now = running();
      if (now === undefined) return;
      if (isPastThreshold(now)) return this.#halt(type.name);
      const last = page.at(-1);
      if (page.length === PAGE && last !== undefined) await this.#store({ ...now, after: last.address });
      else if (now.stage + 1 === now.stages.length) return this.#end(now, "done");
      else {
        await this.#soak(now.soakMs);
        const after = running();
        if (after === undefined) return;
        await this.#store({ ...after, stage: after.stage + 1, after: undefined });
        this.#upgrades.changed();
      }
    }
  }

  async #migrate(page: readonly AgentListing[], type: LoadedType, ramp: Ramp): Promise<void> {
    const reached = page.filter(
      ({ status, stateVersion, address }) =>
        status !== "terminated" && stateVersion !== ramp.to && isReached(ramp, placeOf(this.#core.hasher, address)),
    );
    // An agent that failed before, in an earlier stage or before a crash, is not counted again.
    const known = new Set(reached.filter((row) => isMarked(row, ramp)).map(({ no }) => no));
    const done = await Promise.all(reached.filter(({ no }) => !known.has(no)).map(({ no }) => this.#upgrades.migrate(no, type)));
    const now = this.#upgrades.ramps.get(type.name);
    if (now === undefined) return;
    const count = (what: string): number => done.filter((each) => each === what).length;
    this.#upgrades.ramps.set(type.name, { ...now, migrated: now.migrated + count("migrated"), failed: now.failed + count("failed") });
  }

  async #halt(type: string): Promise<void> {
    const ramp = this.#upgrades.ramps.get(type);
    if (ramp?.status !== "running") return;
    await this.#end(ramp, "stopped", `${ramp.failed} agents failed, ${ramp.stopAt} are borne`);
    this.#core.report({ event: "upgrade.stopped", type, failed: ramp.failed });
    for (const address of ramp.suspects) {
      const agent = await this.#core.store.agent(address);
      const kept = agent === undefined ? undefined : await this.#core.store.ledgerGet(KEPT_CLASS, keptKey(agent.no));
      if (agent !== undefined && kept !== undefined) await this.#upgrades.restore(agent.no, readKept(kept));
    }
  }

  async #end(ramp: Ramp, status: "stopped" | "done", why?: string): Promise<void> {
    await this.#store({ ...ramp, status, why, after: undefined, endedAt: this.#core.clock.now() });
    this.#upgrades.changed();
  }

  async #store(ramp: Ramp): Promise<void> {
    this.#upgrades.ramps.set(ramp.type, ramp);
    const bytes = new TextEncoder().encode(JSON.stringify(ramp));
    await this.#core.committer.write({ ledger: [{ op: "put", class: RAMP_CLASS, key: ramp.type, bytes }] });
  }

  #soak(ms: number): Promise<void> {
    const { clock } = this.#core;
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => void clock.at(clock.now() + ms, resolve));
  }

  async *#agents(type: string): AsyncGenerator<AgentListing> {
    let after: string | undefined;
    while (true) {
      const page: readonly AgentListing[] = await this.#core.store.agents({ type, after, limit: PAGE });
      yield* page;
      if (page.length < PAGE) return;
      after = page.at(-1)?.address;
    }
  }

  async *#kept(): AsyncGenerator<{ readonly no: number; readonly kept: ReturnType<typeof readKept> }> {
    let after: string | undefined;
    while (true) {
      const page = await this.#core.store.ledgerList(KEPT_CLASS, after, PAGE);
      for (const entry of page) yield { no: Number(entry.key), kept: readKept(entry) };
      if (page.length < PAGE) return;
      after = page.at(-1)?.key;
    }
  }

  #keepHouse(): void {
    const { clock } = this.#core;
    this.#cancel = clock.at(clock.now() + HOUSEKEEPING_MS, () => {
      void this.releaseProven().catch(() => undefined);
      this.#keepHouse();
    });
  }

  /** Lets go of old states whose new ones are proven: kept long enough, with a turn on the new version since; or whose agent is gone. */
  async releaseProven(): Promise<number> {
    const { clock, limits, store, committer } = this.#core;
    const before = clock.now() - limits.upgradeKeepMs;
    let released = 0;
    for await (const { no, kept } of this.#kept()) {
      if (kept.at >= before) continue;
      const agent = await store.agentByNo(no);
      if (agent !== undefined && agent.status !== "terminated" && agent.turn <= kept.turn + 1) continue;
      await committer.write({ ledger: [releaseOp(no)] });
      released++;
    }
    return released;
  }
}

/** A ramp of code that was replaced meanwhile runs no more. */
function asItIs(ramp: Ramp | undefined, revision: string): Ramp | undefined {
  if (ramp?.status !== "running" || ramp.revision === revision) return ramp;
  return { ...ramp, status: "stopped", why: "other code was loaded since; apply it again" };
}

function isMarked(row: AgentListing, ramp: Ramp): boolean {
  if (row.meta === undefined) return false;
  const { upgrade } = JSON.parse(row.meta) as {
    readonly upgrade?: { readonly status: string; readonly at: number; readonly revision: string };
  };
  return upgrade?.status === "failed" && upgrade.revision === ramp.revision && upgrade.at >= ramp.startedAt;
}
