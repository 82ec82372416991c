import { fullAddress, shortAddress, typeOf } from "../address.ts";
import type { Dependencies } from "../agents/dependencies.ts";
import type { Directory } from "../agents/directory.ts";
import type { AgentEntry, AgentMeta } from "../agents/entry.ts";
import type { Lifecycle } from "../agents/lifecycle.ts";
import { lifecycleBody } from "../agents/spawner.ts";
import type { Core } from "../core.ts";
import { AosError } from "../errors.ts";
import { canonicalJson, utf8Length } from "../json.ts";
import type { DedupeIndex } from "../mail/dedupe.ts";
import type { Commit } from "../store/store.ts";
import type { Agenda } from "../time/agenda.ts";
import { decodeBody } from "../turn/record.ts";
import { AgentUnit } from "../turn/unit.ts";
import { releaseOp } from "../upgrade/kept-state.ts";
import { arrivalCommit, type Arriving, IMPORTED_CLASS } from "./arrival.ts";
import { collect } from "./collect.ts";
import { type AgentContent, readContent } from "./content.ts";

/** What an import made. */
export interface Imported {
  readonly agent: string;
  readonly from: string;
  readonly export: string;
  readonly mode: "copy" | "move";
  /** Its newest turn: that of the import. */
  readonly turn: number;
}

/** What to import, whose signature was verified. */
export interface ImportOptions {
  /** `type/id` or `tenant/type/id`. */
  readonly address: string;
  readonly export: string;
  readonly isMove: boolean;
  readonly signer: string;
  readonly by?: string | undefined;
}

/** Takes agents out of a system and into one. Signatures and files are others' affair. */
export interface TransferApi {
  /**
   * An agent with everything that it owns. For a move it is paused first, so that it stays as it is.
   * @throws AosError AGENT_NOT_FOUND, AGENT_TERMINATED; LIFECYCLE_ILLEGAL, retryable, where a turn is in flight.
   */
  export(address: string, options?: { readonly isMove?: boolean | undefined; readonly by?: string | undefined }): Promise<AgentContent>;
  /**
   * Terminates an agent that an export by move has all of, with a tombstone that names the export; repeating it changes nothing.
   * @returns when it was terminated, epoch ms.
   * @throws AosError AGENT_NOT_FOUND, AGENT_TERMINATED by something else, EXPORT_STALE where it changed or was resumed since.
   */
  release(address: string, move: { readonly export: string; readonly sha256: string; readonly by?: string | undefined }): Promise<number>;
  /**
   * Makes an agent of an export in one commit; it is paused.
   * @throws AosError EXPORT_INVALID, EXPORT_IMPORTED, AGENT_EXISTS, ADDRESS_INVALID, STATE_TOO_LARGE.
   */
  import(content: unknown, options: ImportOptions): Promise<Imported>;
}

/** Exports, releases and imports agents. */
export class Transfer implements TransferApi {
  readonly #core: Core;
  readonly #parts: TransferParts;

  constructor(core: Core, parts: TransferParts) {
    this.#core = core;
    this.#parts = parts;
  }

  async export(
    given: string,
    { isMove = false, by }: { readonly isMove?: boolean | undefined; readonly by?: string | undefined } = {},
  ): Promise<AgentContent> {
    const address = fullAddress(given);
    const entry = await this.#living(address);
    if (isMove && entry.status === "initialized") await this.#parts.lifecycle.move(address, "pause", { reason: "it is being moved", by });
    await this.#rested(entry);
    return plain(await collect(this.#core, address));
  }

  async release(
    given: string,
    { export: id, sha256, by }: { readonly export: string; readonly sha256: string; readonly by?: string | undefined },
  ): Promise<number> {
    const address = fullAddress(given);
    const entry = await this.#found(address);
    const { movedBy } = entry.meta;
    if (entry.status === "terminated" && movedBy?.export === id && movedBy.sha256 === sha256) return movedBy.at;
    await this.#living(address);
    if (entry.status === "initialized") throw stale(address, "it was resumed");
    await this.#rested(entry);
    await this.#assertSame(address, sha256);
    const was = entry.status;
    // From here on nobody can tell it anything; what was told before stands in the queue, and is waited for.
    entry.status = "terminated";
    let content: AgentContent;
    try {
      await this.#core.committer.write({});
      await entry.settled();
      content = await this.#assertSame(address, sha256);
      if (entry.isStale) throw stale(address, "a write of it failed");
    } catch (thrown) {
      entry.status = was;
      throw thrown;
    }
    const at = await this.#bury(entry, content, was, { id, sha256, by });
    this.#core.report({ event: "agent.moved", agent: address, from: was, to: "terminated" });
    // What came at the last moment is a dead letter, as with any agent that ends.
    await this.#parts.lifecycle.move(address, "terminate");
    return at;
  }

  async import(given: unknown, options: ImportOptions): Promise<Imported> {
    const content = readContent(given);
    const address = fullAddress(options.address);
    const arriving: Arriving = { ...options, content, address, by: options.by };
    await this.#assertFree(arriving);
    const { committer, published } = this.#core;
    let turn = 0;
    await new Promise<void>((resolve, reject) => {
      let made: ReturnType<typeof arrivalCommit> | undefined;
      committer.push({
        build: () => (made = arrivalCommit(this.#core, arriving)).commit,
        settled: (error) => {
          if (error !== undefined) return reject(refusal(error, arriving));
          if (made !== undefined) this.#remember(made);
          turn = made?.journal.at(-1)?.turn ?? 0;
          if (made !== undefined) published(made.journal, address);
          resolve();
        },
      });
    });
    this.#parts.agenda.refresh();
    this.#parts.dependencies.changed();
    const mode = options.isMove ? "move" : "copy";
    return { agent: shortAddress(address), from: shortAddress(content.address), export: options.export, mode, turn };
  }

  /** The keys are found through their rows, which have other ids here. */
  #remember({ no, journal }: ReturnType<typeof arrivalCommit>): void {
    for (const row of journal) {
      if (!row.body.includes('"k":[')) continue;
      for (const [hash, digest, seq, id] of decodeBody(row.body).dedupe ?? []) {
        this.#parts.dedupe.add({ hash, digest, seq, id, at: row.at });
        this.#parts.dedupe.journaled(no, hash, row.id, id);
      }
    }
  }

  async #assertFree({ content, address, export: id, isMove }: Arriving): Promise<void> {
    const { store, limits, types } = this.#core;
    if (typeOf(address) !== typeOf(content.address))
      throw new AosError("ADDRESS_INVALID", `an agent of type ${typeOf(content.address)} cannot be imported as ${shortAddress(address)}`);
    if (utf8Length(content.state) > limits.stateBytes)
      throw new AosError("STATE_TOO_LARGE", `the state of ${content.address} is larger than ${limits.stateBytes} bytes`);
    if ((await this.#parts.directory.get(address)) !== undefined)
      throw new AosError("AGENT_EXISTS", `${shortAddress(address)} exists already; import it under another id with --as`, {
        details: { agent: address },
      });
    if (isMove && (await store.ledgerGet(IMPORTED_CLASS, id)) !== undefined) throw imported(id);
    // A move keeps its names: where they are taken, something of it is here already.
    for (const { id: taken } of isMove ? content.dead : []) if ((await store.dead(taken)) !== undefined) throw imported(id);
    for (const { id: taken } of isMove ? content.effects : []) if ((await store.effect(taken)) !== undefined) throw imported(id);
    const name = `type:${typeOf(address)}`;
    // What it accepts is known here before its code is.
    if (content.contract !== null && types.get(typeOf(address)) === undefined && (await store.fact(name)) === undefined)
      await this.#core.committer.write({ facts: { [name]: JSON.stringify(content.contract) } });
  }

  async #assertSame(address: string, sha256: string): Promise<AgentContent> {
    const content = plain(await collect(this.#core, address));
    if (this.#core.hasher.sha256(canonicalJson(content)) !== sha256) throw stale(address, "it changed");
    return content;
  }

  /** The agent ends, and nothing of what was moved stays behind, in one commit. */
  #bury(
    entry: AgentEntry,
    content: AgentContent,
    was: AgentEntry["status"],
    { id, sha256, by }: { readonly id: string; readonly sha256: string; readonly by: string | undefined },
  ): Promise<number> {
    const at = this.#core.clock.now();
    const reason = `moved by export ${id}`;
    const meta: AgentMeta = { ...entry.meta, reason, movedBy: { export: id, sha256, at } };
    const revision = this.#core.types.get(entry.type)?.revision ?? "none";
    const doubtful = content.effects.filter(({ state }) => state === "in-doubt");
    const commit: Commit = {
      unsubscribe: [{ agent: entry.no }],
      mailOut: content.mail.map(({ seq }) => seq),
      deadOut: content.dead.map(({ id: dead }) => dead),
      // What is in doubt is dropped only once it is something else; here it is another store's to settle.
      effects: doubtful.map((row) => ({ ...row, agent: entry.no, state: "failed" })),
      effectsOut: [...new Set(content.effects.map(({ envelope }) => envelope))],
      ledger: [releaseOp(entry.no)],
    };
    entry.epoch++;
    entry.meta = meta;
    entry.mailbox.clear();
    return new Promise((resolve, reject) => {
      this.#core.committer.push(
        new AgentUnit(this.#core, entry, {
          rows: [{ at, body: lifecycleBody(entry.address, `${was} → terminated: ${reason}`, by, revision) }],
          status: "terminated",
          epoch: entry.epoch,
          meta,
          commit,
          onDurable: () => resolve(at),
          onFailure: (error) => reject(error ?? new AosError("STORE_FAILED", `agent ${entry.address} changed meanwhile; try again`)),
        }),
      );
    });
  }

  async #found(address: string): Promise<AgentEntry> {
    const entry = await this.#parts.directory.get(address);
    if (entry === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
    return entry;
  }

  async #living(address: string): Promise<AgentEntry> {
    const entry = await this.#found(address);
    if (entry.status !== "terminated") return entry;
    const { movedBy } = entry.meta;
    const how = movedBy === undefined ? "" : ` by export ${movedBy.export}, which moved it`;
    throw new AosError("AGENT_TERMINATED", `agent ${address} was terminated${how}`, {
      details: { agent: address, export: movedBy?.export },
    });
  }

  async #rested(entry: AgentEntry): Promise<void> {
    if (entry.attempt === undefined) await entry.settled();
    if (entry.attempt === undefined && entry.pending === 0) return;
    throw new AosError("LIFECYCLE_ILLEGAL", `agent ${entry.address} has a turn in flight; pause it, and try again when that has ended`, {
      retryable: true,
      details: { agent: entry.address },
    });
  }
}

/** What a transfer works with. */
export interface TransferParts {
  readonly directory: Directory;
  readonly lifecycle: Lifecycle;
  readonly agenda: Agenda;
  readonly dedupe: DedupeIndex;
  readonly dependencies: Pick<Dependencies, "changed">;
}

/** As it is in a file: what is undefined is absent. */
function plain(content: AgentContent): AgentContent {
  return JSON.parse(JSON.stringify(content)) as AgentContent;
}

function stale(address: string, why: string): AosError {
  return new AosError("EXPORT_STALE", `${why}: ${address} is not what was exported; export it again`, { details: { agent: address } });
}

function imported(id: string): AosError {
  return new AosError("EXPORT_IMPORTED", `export ${id} moves an agent that is here already`, { details: { export: id } });
}

function refusal(error: AosError, { export: id }: Arriving): AosError {
  return error.code === "LEDGER_CONFLICT" ? imported(id) : error;
}
