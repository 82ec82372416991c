import type { Retention } from "../../kernel/index.ts";
import type { Connection } from "./connection.ts";

/** What a round of pruning did. */
export interface Pruned {
  readonly isMore: boolean;
  /** Rows dropped, by table. */
  readonly dropped: Readonly<Record<string, number>>;
  /** The last agent whose journal was looked at; 0 where the round came to the end. */
  readonly lastAgent: number;
}

/** Drops what retention no longer keeps, at most about `limit` rows of each table, inside of the open transaction. */
export async function prune(db: Connection, retention: Retention, limit: number, afterAgent: number): Promise<Pruned> {
  const drop = async (text: string, ...values: readonly unknown[]): Promise<number> => (await db.run({ text, values })).rowCount ?? 0;
  const { repliesBefore, dedupeBefore, sums } = retention;
  const dropped = {
    replies: await drop(
      "DELETE FROM replies WHERE id IN (SELECT id FROM replies WHERE at < $1 ORDER BY at LIMIT $2)",
      repliesBefore,
      limit,
    ),
    dedupe: await drop(
      "DELETE FROM dedupe WHERE hash IN (SELECT hash FROM dedupe WHERE at < $1 ORDER BY at LIMIT $2)",
      dedupeBefore,
      limit,
    ),
    dedupe_chunks: await drop(
      "DELETE FROM dedupe_chunks WHERE (agent, chunk) IN (SELECT agent, chunk FROM dedupe_chunks WHERE at < $1 ORDER BY at LIMIT $2)",
      dedupeBefore,
      limit,
    ),
    ledger_sums:
      sums === undefined
        ? 0
        : await drop(
            "DELETE FROM ledger_sums WHERE class = $1 AND key IN (SELECT key FROM ledger_sums WHERE class = $1 AND key < $2 ORDER BY key LIMIT $3)",
            Buffer.from(sums.class, "utf8"),
            Buffer.from(sums.keysBefore, "utf8"),
            limit,
          ),
  };
  const trimmed = await trim(db, retention, limit, afterAgent);
  return {
    isMore: trimmed.lastAgent > 0 || Object.values(dropped).includes(limit),
    dropped: { ...dropped, journal: trimmed.count },
    lastAgent: trimmed.lastAgent,
  };
}

async function trim(
  db: Connection,
  retention: Retention,
  limit: number,
  afterAgent: number,
): Promise<{ readonly count: number; readonly lastAgent: number }> {
  const agents = await db.all<{ readonly no: number; readonly head: number }>(
    "SELECT no, head FROM agents WHERE no > $1 ORDER BY no LIMIT $2",
    afterAgent,
    limit,
  );
  let looked = 0;
  let count = 0;
  for (const { no, head } of agents) {
    const steps = await db.all<Step>(WALK, head);
    const old = stale(steps, retention);
    if (old.length > 0) await db.run({ text: "DELETE FROM journal WHERE id = ANY ($1::bigint[])", values: [old] });
    count += old.length;
    looked += steps.length;
    if (looked >= limit) return { count, lastAgent: no };
  }
  return { count, lastAgent: agents.length === limit ? (agents.at(-1)?.no ?? 0) : 0 };
}

const WALK = `
  WITH RECURSIVE walk AS (
    SELECT 1 AS depth, j.* FROM journal j WHERE id = $1
    UNION ALL SELECT walk.depth + 1, back.* FROM walk JOIN journal back ON back.id = walk.prev)
  SELECT id, at, octet_length(body) + coalesce(octet_length(delta), 0) AS bytes, left(delta, 1) AS mark FROM walk ORDER BY depth`;

interface Step {
  readonly id: number;
  readonly at: number;
  readonly bytes: number;
  /** `=` for a full copy, another character for a difference. */
  readonly mark: string | null;
}

/** Goes back from an agent's newest row: what is kept begins, if it may, with a full copy of the state. */
function stale(steps: readonly Step[], { journalBytes, journalBefore, dedupeBefore, dedupePerAgent }: Retention): readonly number[] {
  const old: number[] = [];
  let kept = 0;
  let bytes = 0;
  let lacksCopy = false;
  for (const row of steps) {
    bytes += row.bytes;
    const isNeeded = kept === 0 || (row.at >= dedupeBefore && kept < dedupePerAgent);
    // A state that is never copied whole must not keep its journal for ever.
    const isDropping =
      old.length > 0 || (!isNeeded && (lacksCopy ? bytes > 2 * journalBytes : bytes > journalBytes || row.at < journalBefore));
    if (isDropping) old.push(row.id);
    else kept++;
    if (row.mark !== null) lacksCopy = row.mark !== "=";
  }
  return old;
}
