import type { AgentEntry, AgentMeta, UpgradeMark } from "../agents/entry.ts";
import type { Directory } from "../agents/directory.ts";
import { lifecycleBody } from "../agents/spawner.ts";
import type { LoadedType } from "../agents/types.ts";
import type { Core } from "../core.ts";
import type { LedgerOp } from "../store/ledger.ts";
import { encodeDelta, encodeFull } from "../turn/delta.ts";
import { migrationNote } from "../turn/record.ts";
import { AgentUnit } from "../turn/unit.ts";
import { explainFailure, upgradedState } from "./check-state.ts";
import { keepOp, type KeptState, releaseOp } from "./kept-state.ts";
import { isReached, placeOf, type Ramp } from "./ramp.ts";

/** What became of one agent. */
export type Upgraded = "migrated" | "failed" | "skipped";

/**
 * Whether an agent's state may be brought to the version of the loaded code, and what follows where it cannot: it is
 * marked, stays on its old state, and keeps its mail. Every start of a process tries once more.
 */
export class Upgrades {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #wake: (agent: number) => void;
  readonly #isHeldAtFirst: boolean;
  /** Agents with mail that were held back. */
  readonly #waiting = new Set<number>();
  /** Agents whose state this process could bring up to date, and those where it failed. */
  readonly #tried = new Map<number, boolean>();
  /** The ramps of types, as they are stored. */
  readonly ramps = new Map<string, Ramp>();

  constructor(core: Core, directory: Directory, wake: (agent: number) => void, isHeldAtFirst: boolean) {
    this.#core = core;
    this.#directory = directory;
    this.#wake = wake;
    this.#isHeldAtFirst = isHeldAtFirst;
  }

  /** Whether an agent may have its turn under the loaded code; where not, its mail waits. */
  permits(entry: AgentEntry, type: LoadedType): boolean {
    if (entry.stateVersion === type.contract.state.version) return true;
    const known = this.#tried.get(entry.no);
    if (known === true && !this.#isHeld(entry, type)) return true;
    this.#waiting.add(entry.no);
    if (known === undefined && !this.#isHeld(entry, type)) return this.#try(entry, type);
    return false;
  }

  /** Why an agent's mail waits, in words; undefined where it does not. */
  reason(row: { readonly address: string; readonly stateVersion: number }, meta: AgentMeta, type: LoadedType): string | undefined {
    const { version } = type.contract.state;
    if (row.stateVersion === version) return undefined;
    const mark = markOf(meta, row.stateVersion, version);
    if (mark !== undefined) return `upgrade ${mark.status}: ${mark.message}`;
    return this.#isBeyondRamp(row.address, type) ? `waits for its upgrade from version ${row.stateVersion} to ${version}` : undefined;
  }

  /** Lets whoever was held back ask again, also where an attempt failed before. */
  changed(): void {
    this.#tried.clear();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const no of waiting) this.#wake(no);
  }

  /** Brings one agent's state up to date now, in a commit of its own; one in a turn, or that changed meanwhile, is left to its next turn. */
  async migrate(no: number, type: LoadedType): Promise<Upgraded> {
    const entry = await this.#directory.getNo(no);
    const { version } = type.contract.state;
    if (entry === undefined || entry.status === "terminated" || entry.stateVersion === version) return "skipped";
    const before = entry.state;
    let text: string;
    try {
      const made = upgradedState(type, entry, this.#core.limits.stateBytes);
      text = made instanceof Promise ? await made : made;
    } catch (thrown) {
      if (entry.state === before) await this.#mark(entry, type, thrown);
      return "failed";
    }
    if (entry.attempt !== undefined || entry.isStale || entry.state !== before || entry.stateVersion === version) return "skipped";
    await this.#rewrite(entry, type, { version, state: text, delta: encodeDelta(before, text), meta: unmarked(entry.meta) }, [
      keepOp(entry, version, this.#core.clock.now()),
    ]);
    return "migrated";
  }

  /** Puts an agent back to the state before its last migration; false where it is in a turn or has no such state. */
  async restore(no: number, kept: KeptState): Promise<boolean> {
    const entry = await this.#directory.getNo(no);
    if (entry === undefined || entry.status === "terminated" || entry.stateVersion !== kept.to) return false;
    if (entry.attempt !== undefined || entry.isStale) return false;
    const type = this.#core.types.get(entry.type);
    const known = type?.contract.state.version;
    const isHeld = type !== undefined && known !== kept.version;
    const message = `put back to version ${kept.version}; \`aos upgrade apply\` takes it up again`;
    const mark: UpgradeMark | undefined = isHeld
      ? { ...this.#stamp(kept.version, type), status: "rolled-back", code: "REFUSED", message }
      : undefined;
    const { version, state } = kept;
    const meta = mark === undefined ? unmarked(entry.meta) : { ...entry.meta, upgrade: mark };
    await this.#rewrite(entry, type, { version, state, delta: encodeFull(state), meta }, [releaseOp(no)]);
    this.#tried.delete(no);
    this.#wake(no);
    return true;
  }

  #isHeld(entry: AgentEntry, type: LoadedType): boolean {
    const mark = entry.meta.upgrade;
    if (mark?.status === "rolled-back" && mark.revision === type.revision && mark.from === entry.stateVersion) {
      const ramp = this.ramps.get(type.name);
      // Whoever applies again, later, means these agents too.
      if (ramp === undefined || ramp.startedAt <= mark.at) return true;
    }
    return this.#isBeyondRamp(entry.address, type);
  }

  #isBeyondRamp(address: string, type: LoadedType): boolean {
    const ramp = this.ramps.get(type.name);
    if (ramp === undefined || ramp.revision !== type.revision) return this.#isHeldAtFirst;
    return !isReached(ramp, placeOf(this.#core.hasher, address));
  }

  /** Tries the migration on a copy: the turn then does it again in its own commit. */
  #try(entry: AgentEntry, type: LoadedType): boolean {
    const { no } = entry;
    try {
      const made = upgradedState(type, entry, this.#core.limits.stateBytes);
      if (!(made instanceof Promise)) {
        this.#tried.set(no, true);
        this.#waiting.delete(no);
        return true;
      }
      this.#tried.set(no, false);
      void made.then(
        () => {
          this.#tried.set(no, true);
          this.#wake(no);
        },
        (thrown: unknown) => this.#mark(entry, type, thrown).catch(() => undefined),
      );
    } catch (thrown) {
      this.#tried.set(no, false);
      void this.#mark(entry, type, thrown).catch(() => undefined);
    }
    return false;
  }

  async #mark(entry: AgentEntry, type: LoadedType, thrown: unknown): Promise<void> {
    this.#tried.set(entry.no, false);
    const why = explainFailure(thrown);
    const mark: UpgradeMark = {
      ...this.#stamp(entry.stateVersion, type),
      status: why.code === "STATE_TOO_NEW" ? "too-new" : "failed",
      ...why,
    };
    const old = entry.meta.upgrade;
    // Every start tries again: what it finds once more is known already.
    if (old !== undefined && old.revision === mark.revision && old.message === mark.message && old.from === mark.from) return;
    this.#core.report({ event: "upgrade.failed", agent: entry.address, code: why.code, message: why.message });
    entry.meta = { ...entry.meta, upgrade: mark };
    await this.#write(entry, type, `upgrade ${mark.status}: ${mark.message}`, { meta: entry.meta }, []);
  }

  #stamp(from: number, type: LoadedType): Omit<UpgradeMark, "status" | "code" | "message"> {
    return { from, to: type.contract.state.version, revision: type.revision, at: this.#core.clock.now() };
  }

  async #rewrite(
    entry: AgentEntry,
    type: LoadedType | undefined,
    now: { readonly version: number; readonly state: string; readonly delta: string; readonly meta: AgentMeta },
    ledger: readonly LedgerOp[],
  ): Promise<void> {
    const note = migrationNote(entry.stateVersion, now.version);
    const written = this.#write(entry, type, note, { state: now.state, stateVersion: now.version, meta: now.meta }, ledger, now.delta);
    entry.state = now.state;
    entry.stateVersion = now.version;
    entry.meta = now.meta;
    await written;
  }

  #write(
    entry: AgentEntry,
    type: LoadedType | undefined,
    note: string,
    parts: { readonly state?: string; readonly stateVersion?: number; readonly meta: AgentMeta },
    ledger: readonly LedgerOp[],
    delta?: string,
  ): Promise<void> {
    const core = this.#core;
    const body = lifecycleBody(entry.address, note, "upgrade", type?.revision ?? "none");
    return new Promise((resolve, reject) => {
      const unit = new AgentUnit(core, entry, {
        rows: [{ at: core.clock.now(), body: { ...body, changed: parts.state !== undefined }, delta }],
        ...parts,
        commit: ledger.length === 0 ? {} : { ledger },
        onDurable: () => resolve(),
        onFailure: (error) => reject(error ?? new Error("what it was built on was not written")),
      });
      core.committer.push(unit);
    });
  }
}

/** The mark of an agent, where it is of the version that the agent has and of the one that the code wants. */
export function markOf(meta: AgentMeta, from: number, to: number): UpgradeMark | undefined {
  const { upgrade } = meta;
  return upgrade !== undefined && upgrade.from === from && upgrade.to === to ? upgrade : undefined;
}

function unmarked({ upgrade: _upgrade, ...meta }: AgentMeta): AgentMeta {
  return meta;
}
