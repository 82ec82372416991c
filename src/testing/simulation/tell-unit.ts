import { type Commit, readRecord } from "../../kernel/index.ts";
import type { Model } from "./model.ts";

/** Writes a unit down for the trace: what it decides, without row ids and durations. */
export function tellUnit(unit: Commit, model: Model): string {
  const parts: string[] = [];
  const who = (no: number): string => model.agents.get(no)?.address ?? "?";
  for (const { row } of unit.create ?? []) parts.push(`create ${row.address} ${row.state}`);
  for (const row of unit.turn?.journal ?? []) {
    const { kind, outcome, cause, attempts, effects, sent, decisions, error, note } = readRecord({ ...row, address: who(row.agent) });
    parts.push(`turn ${who(row.agent)} ${row.turn} ${row.at} ${row.delta ?? "-"}`);
    parts.push(JSON.stringify([kind, outcome, cause, attempts, effects, sent, decisions, error?.code, note]));
  }
  if (unit.turn !== undefined) parts.push(`→ ${unit.turn.status ?? ""} ${unit.turn.epoch ?? ""}`);
  for (const row of unit.mailIn ?? [])
    parts.push(`in ${who(row.agent)} ${row.dueAt ?? ""} ${row.parked ?? ""} ${row.timer ?? ""} ${row.head} ${row.data}`);
  for (const seq of unit.mailOut ?? []) parts.push(`out ${model.mail.get(seq)?.id ?? "?"}`);
  for (const set of unit.mailSet ?? [])
    parts.push(`set ${model.mail.get(set.seq)?.id ?? "?"} ${set.dueAt} ${set.parked} ${set.attempts} ${set.marked}`);
  for (const { agent, timer } of unit.timersOut ?? []) parts.push(`timer out ${who(agent)} ${timer}`);
  for (const row of unit.effects ?? [])
    parts.push(`effect ${row.name} ${row.state} ${row.key} ${row.attempts} ${row.input} ${row.outcome ?? ""}`);
  for (const id of unit.effectsOut ?? []) parts.push(`effects out ${id}`);
  for (const row of unit.deadIn ?? []) parts.push(`dead ${row.id} ${row.reason}`);
  for (const id of unit.deadOut ?? []) parts.push(`undead ${id}`);
  for (const row of unit.replies ?? []) parts.push(`reply ${row.id} ${row.body}`);
  for (const op of unit.ledger ?? []) if (op.op === "add") parts.push(`add ${op.class} ${op.key} ${op.delta}`);
  if (unit.facts !== undefined) parts.push(`facts ${Object.keys(unit.facts).join(" ")}`);
  return parts.join("\n  ");
}
