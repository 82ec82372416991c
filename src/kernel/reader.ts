import type { AgentInfo, AgentSelection, DeadLetterInfo, MailInfo, Page } from "./api.ts";
import type { Core } from "./core.ts";
import type { Dependencies } from "./agents/dependencies.ts";
import type { Directory } from "./agents/directory.ts";
import type { AgentEntry } from "./agents/entry.ts";
import { formatAddress, parseAddress, typeOf } from "./address.ts";
import { AosError } from "./errors.ts";
import { readRecord, type TurnRecord } from "./turn/record.ts";
import { RESTORED_REASON } from "./store/incarnation.ts";
import type { AgentListing, DeadRow, MaybePromise } from "./store/store.ts";
import type { Upgrades } from "./upgrade/upgrades.ts";
import { agentInfo, mailInfo, metaOf } from "./agents/views.ts";

const LIMIT = 100;
const LIMIT_MAX = 1_000;

/** Reads for the outside; changes nothing. */
export class Reader {
  readonly #core: Core;
  readonly #directory: Directory;
  readonly #dependencies: Dependencies;
  readonly #upgrades: Upgrades;
  readonly #node: string;

  constructor(core: Core, directory: Directory, dependencies: Dependencies, upgrades: Upgrades, node: string) {
    this.#core = core;
    this.#upgrades = upgrades;
    this.#directory = directory;
    this.#dependencies = dependencies;
    this.#node = node;
  }

  /** @throws AosError AGENT_NOT_FOUND. */
  async entry(address: string): Promise<AgentEntry> {
    const entry = await this.#directory.get(address);
    if (entry === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
    return entry;
  }

  async agents(
    selection: AgentSelection,
    page: { readonly cursor?: string | undefined; readonly limit?: number | undefined },
  ): Promise<Page<AgentInfo>> {
    const limit = bounded(page.limit);
    const { state } = selection;
    const status =
      state === undefined ? undefined : state === "running" || state === "sleeping" || state === "code-missing" ? "initialized" : state;
    const items: AgentInfo[] = [];
    let after = page.cursor;
    while (true) {
      const rows: readonly AgentListing[] = await this.#core.store.agents({
        tenant: selection.tenant,
        type: selection.type,
        status,
        after,
        limit,
      });
      for (const row of rows) {
        after = row.address;
        const told = this.#info(row);
        const info = told instanceof Promise ? await told : told;
        if ((state === undefined || info.state === state) && (selection.restored !== true || isRestored(info))) items.push(info);
        if (items.length === limit) return { items, next: after };
      }
      if (rows.length < limit) return { items };
    }
  }

  async agent(address: string): Promise<AgentInfo> {
    await this.entry(address);
    const { tenant, type } = parseAddress(address);
    // The row right at the address: what lies before it ends with the last smaller text.
    const rows = await this.#core.store.agents({ tenant, type, after: before(address), limit: 1 });
    const row = rows.find((each) => each.address === address);
    if (row === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
    return this.#info(row);
  }

  async journal(address: string, after: number, limit: number): Promise<readonly TurnRecord[]> {
    const { no } = await this.entry(address);
    return (await this.#core.store.journal(no, after, bounded(limit))).map(readRecord);
  }

  async mailbox(address: string): Promise<readonly MailInfo[]> {
    const { no } = await this.entry(address);
    const now = await this.#core.store.mail(no);
    const later = await this.#core.store.delayed(no);
    const seen = new Set(now.map(({ seq }) => seq));
    return [...now, ...later.filter(({ seq }) => !seen.has(seq))].map(mailInfo);
  }

  async deadLetters(
    filter: { readonly agent?: string | undefined; readonly tenant?: string | undefined; readonly reason?: string | undefined },
    page: { readonly cursor?: string | undefined; readonly limit?: number | undefined },
    info: (row: DeadRow) => DeadLetterInfo,
  ): Promise<Page<DeadLetterInfo>> {
    const limit = bounded(page.limit);
    const agent = await this.#agentNo(filter.agent);
    const rows = await this.#core.store.listDead({ agent, tenant: filter.tenant, reason: filter.reason, after: page.cursor, limit });
    return { items: rows.map(info), next: rows.length === limit ? rows.at(-1)?.id : undefined };
  }

  /** The ids of the dead letters that a filter finds now. */
  async *deadIds(filter: { readonly agent?: string | undefined; readonly reason?: string | undefined }): AsyncGenerator<string> {
    const agent = await this.#agentNo(filter.agent);
    let after: string | undefined;
    while (true) {
      const rows: readonly DeadRow[] = await this.#core.store.listDead({ agent, reason: filter.reason, after, limit: LIMIT_MAX });
      for (const { id } of rows) yield id;
      if (rows.length < LIMIT_MAX) return;
      after = rows.at(-1)?.id;
    }
  }

  async #agentNo(address: string | undefined): Promise<number | undefined> {
    if (address === undefined) return undefined;
    const { tenant, type, id } = parseAddress(address);
    return (await this.entry(formatAddress(type, id, tenant))).no;
  }

  #info(row: AgentListing): MaybePromise<AgentInfo> {
    const type = row.status === "initialized" ? this.#core.types.get(typeOf(row.address)) : undefined;
    if (type === undefined) return this.#told(row, undefined);
    const waitsFor = this.#upgrades.reason(row, metaOf(row), type) ?? this.#dependencies.reason(row.address, type);
    return waitsFor instanceof Promise ? waitsFor.then((reason) => this.#told(row, reason)) : this.#told(row, waitsFor);
  }

  #told(row: AgentListing, waitsFor: string | undefined): AgentInfo {
    const entry = this.#directory.cachedNo(row.no);
    const isHeld = waitsFor !== undefined || (entry?.heldUntil ?? 0) > this.#core.clock.now();
    // Mail that waits for a dependency or the budget keeps nobody busy.
    // A move that is not written yet holds already.
    const mayRun = entry?.status === "initialized" && !isHeld;
    const isBusy = entry !== undefined && (entry.attempt !== undefined || (mayRun && (entry.isQueued || entry.mailbox.ready > 0)));
    const info = agentInfo(row, this.#core.types, isBusy, this.#node);
    return waitsFor === undefined ? info : { ...info, reason: waitsFor };
  }
}

function isRestored({ state, reason }: AgentInfo): boolean {
  return state === "paused" && (reason?.startsWith(RESTORED_REASON) ?? false);
}

/** The largest text below an address, for the alphabet of ids. */
function before(address: string): string {
  return address.slice(0, -1) + String.fromCharCode(address.charCodeAt(address.length - 1) - 1) + "\u{10FFFF}";
}

/** @throws AosError LIMIT_EXCEEDED where a page size is not a whole number from 1 to 1,000. */
function bounded(limit: number | undefined): number {
  if (limit === undefined) return LIMIT;
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new AosError("LIMIT_EXCEEDED", `a page has 1–${LIMIT_MAX} rows`, { details: { limit } });
}
