import type { MailRow } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";

const COLUMNS = "seq, agent, priority, due, parked, attempts, marked, timer, head, data";

interface Stored {
  readonly seq: number;
  readonly agent: number;
  readonly priority: number;
  readonly due: number | null;
  readonly parked: string | null;
  readonly attempts: number;
  readonly marked: number;
  readonly timer: string | null;
  readonly head: string;
  readonly data: string;
}

/** Which mail to read; each is a WHERE with its order. */
export const MAIL = {
  ofAgent: "agent = $1 AND (due IS NULL OR attempts > 0 OR parked IS NOT NULL) ORDER BY seq",
  bySeq: "seq = $1",
  delayed: "agent = $1 AND due IS NOT NULL AND parked IS NULL ORDER BY due, seq",
  due: "due <= $1 ORDER BY due, seq LIMIT $2",
  parked: "parked IS NOT NULL AND parked::json ->> 'kind' = $1 ORDER BY seq",
} as const;

/** Mail by one of the ways to look for it. */
export async function readMail(
  db: Connection,
  by: keyof typeof MAIL,
  ...values: readonly (string | number)[]
): Promise<readonly MailRow[]> {
  const { rows } = await db.run({ name: `mail-${by}`, text: `SELECT ${COLUMNS} FROM mail WHERE ${MAIL[by]}`, values });
  return (rows as unknown as readonly Stored[]).map(toMail);
}

/** The earliest time that mail is due. */
export async function nextDue(db: Connection): Promise<number | undefined> {
  const { rows } = await db.run({ name: "mail-next", text: "SELECT due FROM mail WHERE due IS NOT NULL ORDER BY due LIMIT 1" });
  return (rows[0]?.["due"] as number | undefined) ?? undefined;
}

/** Agents with ready mail, oldest mail first. */
export async function readyAgents(db: Connection): Promise<readonly number[]> {
  const rows = await db.all<{ readonly agent: number }>(
    "SELECT agent FROM mail WHERE due IS NULL AND parked IS NULL GROUP BY agent ORDER BY min(seq)",
  );
  return rows.map(({ agent }) => agent);
}

function toMail(stored: Stored): MailRow {
  return {
    seq: stored.seq,
    agent: stored.agent,
    priority: stored.priority,
    dueAt: stored.due ?? undefined,
    parked: stored.parked ?? undefined,
    attempts: stored.attempts,
    marked: stored.marked,
    timer: stored.timer ?? undefined,
    head: stored.head,
    data: stored.data,
  };
}
