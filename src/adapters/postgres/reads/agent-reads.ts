import type { AgentFilter, AgentListing, AgentRow, AgentStatus } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";
import { STATUSES } from "../writes/agent-writes.ts";

const COLUMNS = "no, address, status, turn, head, epoch, state_version, created_at, last_at, meta, state";
const COUNTS = `
  (SELECT count(*) FROM mail m WHERE m.agent = a.no AND m.due IS NULL AND m.parked IS NULL) AS mailbox,
  (SELECT count(*) FROM mail m WHERE m.agent = a.no AND m.parked IS NOT NULL) AS parked,
  (SELECT min(due) FROM mail m WHERE m.agent = a.no) AS next_due`;

interface Stored {
  readonly no: number;
  readonly address: string;
  readonly status: number;
  readonly turn: number;
  readonly head: number;
  readonly epoch: number;
  readonly state_version: number;
  readonly created_at: number;
  readonly last_at: number;
  readonly meta: string | null;
  readonly state: string;
}

interface Listed extends Stored {
  readonly mailbox: number;
  readonly parked: number;
  readonly next_due: number | null;
}

/** How many agents of a type are in a status. */
export interface CensusRow {
  readonly tenant: string;
  readonly type: string;
  readonly status: AgentStatus;
  readonly count: number;
}

/** The agent of an address. */
export async function agentByAddress(db: Connection, address: string): Promise<AgentRow | undefined> {
  const { rows } = await db.run({ name: "agent", text: `SELECT ${COLUMNS} FROM agents WHERE address = $1`, values: [address] });
  return toAgents(rows)[0];
}

/** The agent of a number. */
export async function agentByNo(db: Connection, no: number): Promise<AgentRow | undefined> {
  const { rows } = await db.run({ name: "agent-no", text: `SELECT ${COLUMNS} FROM agents WHERE no = $1`, values: [no] });
  return toAgents(rows)[0];
}

/** By address; a tenant, or a tenant's type, is a range of addresses. */
export async function listAgents(db: Connection, { tenant, type, status, after, limit }: AgentFilter): Promise<readonly AgentListing[]> {
  const values: unknown[] = [];
  const put = (value: unknown): string => `$${values.push(value)}`;
  const terms = [`address > ${put(after ?? "")}`];
  if (tenant !== undefined) {
    // "0" is the character after "/".
    const range = type === undefined ? tenant : `${tenant}/${type}`;
    terms.push(`address > ${put(`${range}/`)}`, `address < ${put(`${range}0`)}`);
  } else if (type !== undefined) terms.push(`split_part(address, '/', 2) = ${put(type)}`);
  if (status === "initialized") terms.push("status = 0");
  else if (status !== undefined) terms.push(`status = ${STATUSES.indexOf(status)} AND status <> 0`);
  const rows = await db.all<Listed>(
    `SELECT ${COLUMNS}, ${COUNTS} FROM agents a WHERE ${terms.join(" AND ")} ORDER BY address LIMIT ${put(limit)}`,
    ...values,
  );
  return rows.map((stored) => ({
    ...toAgent(stored),
    mailbox: stored.mailbox,
    parked: stored.parked,
    nextDueAt: stored.next_due ?? undefined,
  }));
}

/** Counts by tenant, type and status. */
export async function census(db: Connection): Promise<readonly CensusRow[]> {
  const rows = await db.all<{ readonly tenant: string; readonly type: string; readonly status: number; readonly count: number }>(
    "SELECT split_part(address, '/', 1) AS tenant, split_part(address, '/', 2) AS type, status, count(*) AS count FROM agents GROUP BY 1, 2, 3",
  );
  return rows.map(({ tenant, type, status, count }) => ({ tenant, type, status: STATUSES[status] ?? "terminated", count }));
}

function toAgents(rows: readonly unknown[]): readonly AgentRow[] {
  return (rows as readonly Stored[]).map(toAgent);
}

function toAgent(stored: Stored): AgentRow {
  return {
    no: stored.no,
    address: stored.address,
    status: STATUSES[stored.status] ?? "terminated",
    turn: stored.turn,
    head: stored.head,
    epoch: stored.epoch,
    stateVersion: stored.state_version,
    state: stored.state,
    createdAt: stored.created_at,
    lastAt: stored.last_at,
    meta: stored.meta ?? undefined,
  };
}
