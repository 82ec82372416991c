import type { AgentInfo, DeadLetterInfo, EffectInfo, MailInfo, ScheduleInfo, TurnRecord } from "../kernel/index.ts";

/** A moment on the wire: RFC 3339 in UTC; null for never. */
export function moment(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

/** A record as journal, stream and log show it. */
export function recordRow(record: TurnRecord): Readonly<Record<string, unknown>> & { readonly seq: number } {
  return { ...record, at: moment(record.at) };
}

/** An agent as a process list shows it. */
export function agentRow(info: AgentInfo): Readonly<Record<string, unknown>> {
  return {
    ...info,
    lastTurnAt: moment(info.lastTurnAt),
    nextWakeAt: moment(info.nextWakeAt),
    createdAt: moment(info.createdAt),
    upgrade: info.upgrade === undefined ? undefined : { ...info.upgrade, at: moment(info.upgrade.at) },
  };
}

/** A piece of mail as it is listed. */
export function mailRow(mail: MailInfo): Readonly<Record<string, unknown>> {
  return { ...mail, at: moment(mail.at), dueAt: moment(mail.dueAt) };
}

/** A dead letter as it is listed. */
export function deadLetterRow(letter: DeadLetterInfo): Readonly<Record<string, unknown>> {
  return { ...letter, at: moment(letter.at) };
}

/** An effect as it is listed. */
export function effectRow(effect: EffectInfo): Readonly<Record<string, unknown>> {
  return { ...effect, at: moment(effect.at) };
}

/** A schedule as it is listed. */
export function scheduleRow(schedule: ScheduleInfo): Readonly<Record<string, unknown>> {
  return { ...schedule, nextAt: moment(schedule.nextAt) };
}
