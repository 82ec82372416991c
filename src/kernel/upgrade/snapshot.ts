import { parseAddress } from "../address.ts";
import type { Page } from "../api.ts";
import type { AgentMeta } from "../agents/entry.ts";
import type { Envelope } from "../mail/envelope.ts";
import { type AgentJournal, journalOf } from "../replay/journal-file.ts";
import type { AgentListing, AgentStatus, MailRow, Store } from "../store/store.ts";

/** A stored agent with all that new code must be able to take up. */
export interface AgentSnapshot {
  /** `tenant/type/id`. */
  readonly address: string;
  readonly status: AgentStatus;
  readonly stateVersion: number;
  /** The state as JSON text. */
  readonly state: string;
  readonly config?: unknown;
  readonly mail: readonly {
    readonly id: string;
    readonly kind: Envelope["kind"];
    readonly name: string;
    readonly version?: number | undefined;
    readonly data: string;
  }[];
  readonly journal?: AgentJournal | undefined;
}

/** Which agents to take snapshots of, and how many of their last turns. */
export interface SnapshotSelection {
  readonly tenant?: string | undefined;
  readonly type?: string | undefined;
  readonly cursor?: string | undefined;
  /** Agents on a page; 500 unless given. */
  readonly limit?: number | undefined;
  /** 0 unless given. */
  readonly turns?: number | undefined;
}

const LIMIT = 500;
/** A page ends early where its texts are longer. */
const PAGE_CHARS = 4 << 20;
const JOURNAL_PAGE = 1_000;

/** A page of snapshots, terminated agents aside. */
export async function takeSnapshots(store: Store, selection: SnapshotSelection): Promise<Page<AgentSnapshot>> {
  const { tenant, type, cursor, limit = LIMIT, turns = 0 } = selection;
  const rows = await store.agents({ tenant, type, after: cursor, limit });
  const items: AgentSnapshot[] = [];
  let chars = 0;
  for (const row of rows) {
    if (row.status !== "terminated") {
      const made = await snapshotOf(store, row, turns);
      items.push(made);
      chars += made.state.length + made.mail.reduce((sum, { data }) => sum + data.length, 0);
    }
    if (chars > PAGE_CHARS) return { items, next: row.address };
  }
  return { items, next: rows.length === limit ? rows.at(-1)?.address : undefined };
}

async function snapshotOf(store: Store, row: AgentListing, turns: number): Promise<AgentSnapshot> {
  const isWaiting = row.mailbox > 0 || row.parked > 0 || row.nextDueAt !== undefined;
  const now = isWaiting ? await store.mail(row.no) : [];
  const later = isWaiting ? await store.delayed(row.no) : [];
  const seen = new Set(now.map(({ seq }) => seq));
  const meta = row.meta === undefined ? {} : (JSON.parse(row.meta) as AgentMeta);
  return {
    address: row.address,
    status: row.status,
    stateVersion: row.stateVersion,
    state: row.state,
    config: meta.config,
    mail: [...now, ...later.filter(({ seq }) => !seen.has(seq))].map(mailOf),
    journal: turns === 0 || row.turn < 3 ? undefined : await lastTurns(store, row, turns),
  };
}

/** Enough rows to have a full copy before the wanted turns. */
async function lastTurns(store: Store, row: AgentListing, turns: number): Promise<AgentJournal | undefined> {
  for (let back = turns + 64; ; back *= 4) {
    const rows = await store.journal(row.no, Math.max(0, row.turn - back), JOURNAL_PAGE);
    const found = journalOf(
      row,
      rows.filter(({ turn }) => turn <= row.turn),
      turns,
    );
    if ((found !== undefined && found.turns.length >= turns) || back >= row.turn || back >= JOURNAL_PAGE) return found;
  }
}

function mailOf({ head, data }: MailRow): AgentSnapshot["mail"][number] {
  const { id, kind, name, version } = JSON.parse(head) as Envelope;
  return { id, kind, name, version, data };
}

/** The contracts of all types that have agents, as they were loaded last. */
export async function storedContracts(store: Store): Promise<readonly { readonly name: string; readonly contract: unknown }[]> {
  const names = new Set((await store.census()).map(({ type }) => type));
  const found: { name: string; contract: unknown }[] = [];
  for (const name of names) {
    const fact = await store.fact(`type:${name}`);
    if (fact !== undefined) found.push({ name, contract: JSON.parse(fact) as unknown });
  }
  return found;
}

/** The type of a snapshot's agent. */
export function typeOfSnapshot({ address }: Pick<AgentSnapshot, "address">): string {
  return parseAddress(address).type;
}
