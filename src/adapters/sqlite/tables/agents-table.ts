import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  AosError,
  type AgentFilter,
  type AgentListing,
  type AgentRow,
  type AgentStatus,
  type JournalWrite,
  type NewAgent,
  type TurnWrite,
} from "../../../kernel/index.ts";
import { isConstraint } from "../faults.ts";
import { LateRows } from "./late-rows.ts";
import { all, first } from "./query.ts";
import type { JournalTable } from "./journal-table.ts";

/** Statuses by the number that stands for them in the table; 0 is the usual one and in no index. */
const STATUSES: readonly AgentStatus[] = ["initialized", "paused", "quarantined", "terminated"];
const COLUMNS = "no, address, status, turn, head, epoch, state_version, created_at, last_at, meta, state";
const COUNTS = `
  (SELECT count(*) FROM mail WHERE agent = no AND due IS NULL AND mail.parked IS NULL) AS mailbox,
  (SELECT count(*) FROM mail WHERE agent = no AND (due IS NOT NULL OR mail.parked IS NOT NULL) AND mail.parked IS NOT NULL) AS parked,
  (SELECT min(due) FROM mail WHERE agent = no AND (due IS NOT NULL OR mail.parked IS NOT NULL)) AS next_due`;

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

/** Agents: one row each, which may be behind its journal for a while; what is read here never is. */
export class AgentsTable {
  readonly late: LateRows;
  readonly #db: DatabaseSync;
  readonly #journal: JournalTable;
  readonly #insert: StatementSync;
  readonly #turn: StatementSync;
  readonly #head: StatementSync;
  readonly #byNo: StatementSync;
  readonly #byAddress: StatementSync;

  constructor(db: DatabaseSync, journal: JournalTable, mark: number) {
    this.#db = db;
    this.#journal = journal;
    this.late = new LateRows(db, mark);
    this.#insert = db.prepare(`INSERT INTO agents (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#turn = db.prepare(
      `UPDATE agents SET turn = ?, head = ?, last_at = ?, state = coalesce(?, state), state_version = coalesce(?, state_version),
       status = coalesce(?, status), epoch = coalesce(?, epoch), meta = coalesce(?, meta) WHERE no = ? AND turn BETWEEN ? AND ?`,
    );
    this.#head = db.prepare("SELECT head FROM agents WHERE no = ?");
    this.#byNo = db.prepare(`SELECT ${COLUMNS} FROM agents WHERE no = ?`);
    this.#byAddress = db.prepare(`SELECT ${COLUMNS} FROM agents WHERE address = ?`);
  }

  /** @throws AosError AGENT_EXISTS where the address is taken. */
  create({ row, journal }: NewAgent): void {
    try {
      this.#insert.run(
        row.no,
        row.address,
        STATUSES.indexOf(row.status),
        row.turn,
        row.head,
        row.epoch,
        row.stateVersion,
        row.createdAt,
        row.lastAt,
        row.meta ?? null,
        row.state,
      );
    } catch (thrown) {
      if (isConstraint(thrown) && this.byAddress(row.address) !== undefined) {
        throw new AosError("AGENT_EXISTS", `agent ${row.address} exists already`, {
          cause: thrown,
          details: { agent: row.address },
        });
      }
      throw thrown;
    }
    if (journal !== undefined) this.#append(journal);
  }

  /** @throws AosError STORE_FAILED where the stored turn is not one before the first row's. */
  turn(write: TurnWrite): void {
    const { journal, state, stateVersion, status, epoch, meta } = write;
    const earliest = journal[0];
    const last = journal.at(-1);
    if (earliest === undefined || last === undefined) throw new AosError("INTERNAL", "a turn has no journal row");
    const isPlain = stateVersion === undefined && status === undefined && epoch === undefined && meta === undefined;
    const follows = isPlain && LateRows.mayWait(journal, state) ? this.late.take(last, state) : this.#write(write, earliest.turn - 1, last);
    if (!follows) {
      throw new AosError(
        "STORE_FAILED",
        `a turn ${earliest.turn} of agent number ${earliest.agent} does not follow the stored one: it comes late, or the agent is unknown`,
        {
          details: { agent: earliest.agent, turn: earliest.turn },
        },
      );
    }
    for (const row of journal) this.#append(row);
  }

  #write({ state, stateVersion, status, epoch, meta }: TurnWrite, before: number, last: JournalWrite): boolean {
    const late = this.late.get(last.agent);
    if (late !== undefined && late.turn !== before) return false;
    const { changes } = this.#turn.run(
      last.turn,
      last.id,
      last.at,
      state ?? late?.state ?? null,
      stateVersion ?? null,
      status === undefined ? null : STATUSES.indexOf(status),
      epoch ?? null,
      meta ?? null,
      last.agent,
      late === undefined ? before : 0,
      before,
    );
    this.late.drop(last.agent);
    return changes === 1;
  }

  #append(row: JournalWrite): void {
    this.#journal.append(row);
    this.late.appended(row);
  }

  /** The id of an agent's newest journal row; 0 where there is none. */
  head(no: number): number {
    return this.late.get(no)?.head ?? first<{ readonly head: number }>(this.#head, no)?.head ?? 0;
  }

  byNo(no: number): AgentRow | undefined {
    return this.#read(first<Stored>(this.#byNo, no));
  }

  byAddress(address: string): AgentRow | undefined {
    return this.#read(first<Stored>(this.#byAddress, address));
  }

  /** By address; a tenant, or a tenant's type, is a range of addresses. */
  list(filter: AgentFilter): readonly AgentListing[] {
    const { tenant, type, status, after, limit } = filter;
    const terms = ["address > ?"];
    const values: (string | number)[] = [after ?? ""];
    if (tenant !== undefined) {
      // "0" is the character after "/".
      const range = type === undefined ? tenant : `${tenant}/${type}`;
      terms.push("address > ?", "address < ?");
      values.push(`${range}/`, `${range}0`);
    } else if (type !== undefined) {
      terms.push("instr(address, ?) > 0");
      values.push(`/${type}/`);
    }
    if (status !== undefined) {
      terms.push(status === "initialized" ? "status = 0" : `status = ${STATUSES.indexOf(status)} AND status <> 0`);
    }
    const page = this.#db.prepare(`SELECT ${COLUMNS}, ${COUNTS} FROM agents WHERE ${terms.join(" AND ")} ORDER BY address LIMIT ?`);
    return all<Listed>(page, ...values, limit).map((stored) => ({
      ...this.#toAgent(stored),
      mailbox: stored.mailbox,
      parked: stored.parked,
      nextDueAt: stored.next_due ?? undefined,
    }));
  }

  /** Counts without reading a state: all from the index of addresses, the unusual statuses from their own. */
  census(): readonly CensusRow[] {
    const counts = new Map<string, number[]>();
    const kind = "substr(address, 1, instr(address, '/') + instr(substr(address, instr(address, '/') + 1), '/') - 1) AS kind";
    const every = all<Counted>(this.#db.prepare(`SELECT ${kind}, count(*) AS count FROM agents GROUP BY 1`));
    const unusual = all<Counted>(this.#db.prepare(`SELECT ${kind}, status, count(*) AS count FROM agents WHERE status <> 0 GROUP BY 1, 2`));
    for (const row of every) counts.set(row.kind, [row.count]);
    for (const { kind: of, status = 0, count } of unusual) {
      const found = counts.get(of) ?? [];
      found[status] = count;
      found[0] = (found[0] ?? 0) - count;
      counts.set(of, found);
    }
    return [...counts].flatMap(([of, byStatus]) => {
      const [tenant = "", type = ""] = of.split("/");
      return STATUSES.flatMap((status, at) => {
        const count = byStatus[at] ?? 0;
        return count > 0 ? [{ tenant, type, status, count }] : [];
      });
    });
  }

  #read(found: Stored | undefined): AgentRow | undefined {
    return found === undefined ? undefined : this.#toAgent(found);
  }

  #toAgent(stored: Stored): AgentRow {
    const late = this.late.get(stored.no);
    return {
      no: stored.no,
      address: stored.address,
      status: STATUSES[stored.status] ?? "terminated",
      turn: late?.turn ?? stored.turn,
      head: late?.head ?? stored.head,
      epoch: stored.epoch,
      stateVersion: stored.state_version,
      state: late?.state ?? stored.state,
      createdAt: stored.created_at,
      lastAt: late?.lastAt ?? stored.last_at,
      meta: stored.meta ?? undefined,
    };
  }
}

interface Counted {
  readonly kind: string;
  readonly status?: number;
  readonly count: number;
}
