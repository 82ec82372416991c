import type { Commit, MailChange, MailRow } from "../../../kernel/index.ts";
import type { Statement } from "../driver.ts";

/** Mail that comes, goes and changes; a timer takes the place of the one of its name. */
export function mailWrites(units: readonly Commit[]): readonly Statement[] {
  const rows = lastByTimer(units.flatMap(({ mailIn }) => mailIn ?? []));
  const timers = [
    ...units.flatMap(({ timersOut }) => timersOut ?? []),
    ...rows.flatMap(({ agent, timer }) => (timer === undefined ? [] : [{ agent, timer }])),
  ];
  const out = units.flatMap(({ mailOut }) => mailOut ?? []);
  const changes = new Map(units.flatMap(({ mailSet }) => mailSet ?? []).map((change) => [change.seq, change]));
  const statements: Statement[] = [];
  if (timers.length > 0) {
    statements.push({
      name: "timers-out",
      text: "DELETE FROM mail m USING unnest($1::bigint[], $2::text[]) AS t (agent, timer) WHERE m.agent = t.agent AND m.timer = t.timer",
      values: [timers.map(({ agent }) => agent), timers.map(({ timer }) => timer)],
    });
  }
  if (rows.length > 0) statements.push(inRows(rows));
  if (out.length > 0) statements.push({ name: "mail-out", text: "DELETE FROM mail WHERE seq = ANY ($1::bigint[])", values: [out] });
  if (changes.size > 0) statements.push(changeRows([...changes.values()]));
  return statements;
}

function lastByTimer(rows: readonly MailRow[]): readonly MailRow[] {
  if (rows.every(({ timer }) => timer === undefined)) return rows;
  const last = new Map(rows.map((row, at) => [row.timer === undefined ? at : `${row.agent} ${row.timer}`, row]));
  return [...last.values()];
}

function inRows(rows: readonly MailRow[]): Statement {
  return {
    name: "mail-in",
    text: `INSERT INTO mail (seq, agent, priority, due, parked, attempts, marked, timer, head, data)
      SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::text[],
      $10::text[])`,
    values: [
      rows.map((row) => row.seq),
      rows.map((row) => row.agent),
      rows.map((row) => row.priority),
      rows.map((row) => row.dueAt),
      rows.map((row) => row.parked),
      rows.map((row) => row.attempts),
      rows.map((row) => row.marked),
      rows.map((row) => row.timer),
      rows.map((row) => row.head),
      rows.map((row) => row.data),
    ],
  };
}

function changeRows(changes: readonly MailChange[]): Statement {
  return {
    name: "mail-set",
    text: `UPDATE mail m SET due = n.due, parked = n.parked, attempts = n.attempts, marked = n.marked
      FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) AS n (seq, due, parked, attempts, marked)
      WHERE m.seq = n.seq`,
    values: [
      changes.map(({ seq }) => seq),
      changes.map(({ dueAt }) => dueAt),
      changes.map(({ parked }) => parked),
      changes.map(({ attempts }) => attempts),
      changes.map(({ marked }) => marked),
    ],
  };
}
