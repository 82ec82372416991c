import { AosError, type AgentStatus, type Commit, type JournalWrite, type TurnWrite } from "../../../kernel/index.ts";
import type { Statement } from "../driver.ts";

/** Statuses by the number that stands for them in the table. */
export const STATUSES: readonly AgentStatus[] = ["initialized", "paused", "quarantined", "terminated"];

/**
 * New agents, turns and their journal rows.
 * @throws AosError STORE_FAILED where turns of one agent do not follow each other.
 */
export function agentWrites(units: readonly Commit[]): readonly Statement[] {
  const created = units.flatMap(({ create }) => create ?? []);
  const journal = [
    ...created.flatMap((agent) => (agent.journal === undefined ? [] : [agent.journal])),
    ...units.flatMap(({ turn }) => turn?.journal ?? []),
  ];
  const turns = foldTurns(units.flatMap(({ turn }) => (turn === undefined ? [] : [turn])));
  const statements: Statement[] = [];
  if (created.length > 0) {
    const rows = created.map(({ row }) => row);
    statements.push({
      name: "agents-in",
      text: `INSERT INTO agents (no, address, status, turn, head, epoch, state_version, created_at, last_at, meta, state)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::text[], $11::text[])`,
      values: [
        rows.map((row) => row.no),
        rows.map((row) => row.address),
        rows.map((row) => STATUSES.indexOf(row.status)),
        rows.map((row) => row.turn),
        rows.map((row) => row.head),
        rows.map((row) => row.epoch),
        rows.map((row) => row.stateVersion),
        rows.map((row) => row.createdAt),
        rows.map((row) => row.lastAt),
        rows.map((row) => row.meta),
        rows.map((row) => row.state),
      ],
    });
  }
  if (turns.length > 0) statements.push(turnStatement(turns));
  if (journal.length > 0) statements.push(journalStatement(journal));
  return statements;
}

interface Fold {
  readonly before: number;
  last: JournalWrite;
  write: Omit<TurnWrite, "journal">;
}

/** What several turns of one agent leave, each following the one before. */
function foldTurns(turns: readonly TurnWrite[]): readonly Fold[] {
  const folds = new Map<number, Fold>();
  for (const { journal, ...write } of turns) {
    const first = journal[0];
    const last = journal.at(-1);
    if (first === undefined || last === undefined) throw new AosError("INTERNAL", "a turn has no journal row");
    const fold = folds.get(first.agent);
    if (fold === undefined) folds.set(first.agent, { before: first.turn - 1, last, write });
    else {
      if (fold.last.turn !== first.turn - 1) throw lateTurn(first);
      fold.last = last;
      fold.write = {
        state: write.state ?? fold.write.state,
        stateVersion: write.stateVersion ?? fold.write.stateVersion,
        status: write.status ?? fold.write.status,
        epoch: write.epoch ?? fold.write.epoch,
        meta: write.meta ?? fold.write.meta,
      };
    }
  }
  return [...folds.values()];
}

/** The error of a turn that does not follow the stored one. */
export function lateTurn({ agent, turn }: Pick<JournalWrite, "agent" | "turn">): AosError {
  return new AosError(
    "STORE_FAILED",
    `a turn ${turn} of agent number ${agent} does not follow the stored one: it comes late, or the agent is unknown`,
    {
      details: { agent, turn },
    },
  );
}

/** Divides by zero where a turn does not follow the stored one. */
function turnStatement(folds: readonly Fold[]): Statement {
  return {
    name: "turns",
    text: `WITH moved AS (
        UPDATE agents a SET turn = n.turn, head = n.head, last_at = n.at, state = coalesce(n.state, a.state),
          state_version = coalesce(n.state_version, a.state_version), status = coalesce(n.status, a.status), epoch = coalesce(n.epoch, a.epoch),
          meta = coalesce(n.meta, a.meta)
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::smallint[], $9::bigint[],
          $10::text[]) AS n (no, before, turn, head, at, state, state_version, status, epoch, meta)
        WHERE a.no = n.no AND a.turn = n.before RETURNING 1)
      SELECT 1 / (count(*) = $11::bigint)::int FROM moved`,
    values: [
      folds.map(({ last }) => last.agent),
      folds.map(({ before }) => before),
      folds.map(({ last }) => last.turn),
      folds.map(({ last }) => last.id),
      folds.map(({ last }) => last.at),
      folds.map(({ write }) => write.state),
      folds.map(({ write }) => write.stateVersion),
      folds.map(({ write }) => (write.status === undefined ? undefined : STATUSES.indexOf(write.status))),
      folds.map(({ write }) => write.epoch),
      folds.map(({ write }) => write.meta),
      folds.length,
    ],
  };
}

function journalStatement(rows: readonly JournalWrite[]): Statement {
  return {
    name: "journal-in",
    text: `INSERT INTO journal (id, prev, agent, turn, at, body, delta)
      SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])`,
    values: [
      rows.map((row) => row.id),
      rows.map((row) => row.prev),
      rows.map((row) => row.agent),
      rows.map((row) => row.turn),
      rows.map((row) => row.at),
      rows.map((row) => row.body),
      rows.map((row) => row.delta),
    ],
  };
}
