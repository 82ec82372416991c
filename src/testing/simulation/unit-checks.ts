import { applyDelta } from "../../kernel/index.ts";
import type { Report } from "./invariants.ts";
import type { Folded, Model, ModelAgent, ModelMail } from "./model.ts";

/** What a check of a unit may know beside it. */
export interface UnitScene {
  readonly model: Model;
  /** The time as the writing process sees it, epoch ms. */
  readonly now: number;
  /** Mail that was in the store when the process began. */
  readonly survivors: ReadonlySet<number>;
  /** The latest time that the store held when the process began. */
  readonly storedAt: number;
  readonly mailboxDepth: number;
  /** By `type|quantity|period`. */
  readonly budgets: Readonly<Record<string, number>>;
  /** Whether the wall clock jumped so far that windows of time may have passed. */
  readonly hasJumped: boolean;
  /** Envelopes that were refused to their senders. */
  readonly refused: ReadonlySet<string>;
  readonly report: Report;
}

const MAIL_KINDS = new Set(["event", "command", "timer", "schedule", "wake"]);
const FINAL = new Set(["done", "skipped", "refused", "dead"]);

/** Checks one unit that was committed, after it was folded into the model. */
export function checkUnit(folded: Folded, scene: UnitScene): void {
  checkTurn(folded, scene);
  checkEnds(folded, scene);
  checkTraces(folded, scene);
  checkOrder(folded, scene);
  checkTimes(folded, scene);
  checkIntents(folded, scene);
  checkKeys(folded, scene);
  checkMarks(folded, scene);
  checkRefused(folded, scene);
  checkBudgets(folded, scene);
  checkDepth(folded, scene);
}

/** Turns are dense and linked; the state is what the splices make of it. */
function checkTurn({ unit, agent, before, records }: Folded, { report, storedAt }: UnitScene): void {
  if (unit.turn === undefined || agent === undefined || before === undefined) return;
  let { turn, head, state } = before;
  for (const { row } of records) {
    if (row.turn !== turn + 1 || row.prev !== head)
      report("numbers", `${agent.address}: turn ${row.turn} on row ${row.prev} follows turn ${turn} of row ${head}`);
    if (row.at < storedAt)
      report("clock", `${agent.address}: turn ${row.turn} bears ${row.at}, the store held ${storedAt} when its process began`);
    if (row.delta !== undefined) state = applyDelta(state, row.delta);
    ({ turn, id: head } = row);
  }
  if (state !== agent.state) report("splices", `${agent.address}: turn ${turn} leaves ${clip(agent.state)}, the splices ${clip(state)}`);
}

/** An envelope ends once, and its mail with it. */
function checkEnds({ records, removed, added, agent }: Folded, { model, report }: UnitScene): void {
  for (const { record } of records) {
    if (!MAIL_KINDS.has(record.kind)) continue;
    const ids = [record.cause.id, ...(record.coalesced ?? [])];
    for (const id of ids) {
      const left = removed.some((mail) => mail.id === id);
      const fate = model.fates.get(id);
      if (!FINAL.has(record.outcome)) {
        if (fate !== "mail") report("traced", `${agent?.address}: ${record.outcome} of ${id}, but it waits nowhere`);
        continue;
      }
      if (fate === "mail" && !added.some((mail) => mail.id === id))
        report("once", `${agent?.address}: ${id} is ${record.outcome}, but its mail stays`);
      if (!left && fate !== undefined && fate !== "mail" && !(fate === "dead" && record.outcome === "dead"))
        report("once", `${agent?.address}: ${id} is ${record.outcome} though it was ${fate} before`);
      model.fates.set(id, record.outcome as "done");
    }
  }
}

/** Mail that leaves is told of: by the turn, by a dead letter, or by what took its place. */
function checkTraces({ removed, added, records, unit, agent }: Folded, { model, report }: UnitScene): void {
  for (const mail of removed) {
    if (mail.row.timer !== undefined) continue;
    const isTold =
      records.some(({ record }) => record.cause.id === mail.id || record.coalesced?.includes(mail.id) === true) ||
      unit.deadIn?.some(({ id }) => id === mail.id) === true ||
      added.some(({ id }) => id === mail.id);
    if (!isTold) report("traced", `${agent?.address ?? model.agents.get(mail.row.agent)?.address}: mail ${mail.id} left without a trace`);
  }
}

/** Whoever came earlier in the lane, and did not have to wait for a time or a condition, is through. */
function checkOrder({ records, removed, agent }: Folded, { report }: UnitScene): void {
  if (agent === undefined) return;
  for (const { record } of records) {
    if (record.outcome !== "done" && record.outcome !== "dead") continue;
    const own = removed.find(({ id }) => id === record.cause.id);
    if (own === undefined || own.isLate || (record.coalesced?.length ?? 0) > 0) continue;
    const earlier = overtaken(agent, own);
    if (earlier !== undefined) report("fifo", `${agent.address}: ${own.id} (${own.row.seq}) overtook ${earlier.id} (${earlier.row.seq})`);
  }
}

function overtaken(agent: ModelAgent, own: ModelMail): ModelMail | undefined {
  for (const mail of agent.mail.values()) if (mail.row.seq < own.row.seq && mail.lane === own.lane && !mail.isLate) return mail;
  return undefined;
}

/** What waits for a time does not join before it. */
function checkTimes({ changed, removed, added }: Folded, { now, report }: UnitScene): void {
  for (const { before, mail } of changed) {
    if (mail.row.dueAt === undefined && mail.row.parked === undefined && before.dueAt !== undefined && before.parked === undefined)
      if (before.dueAt > now) report("early", `mail ${mail.id} joined ${before.dueAt - now} ms before its time, ${before.dueAt}`);
  }
  for (const mail of added) {
    const before = removed.find(({ row, id }) => row.seq === mail.row.seq && id === mail.id);
    if (before?.row.dueAt !== undefined && mail.row.dueAt === undefined && before.row.dueAt > now)
      report("early", `timer ${before.row.timer} fired ${before.row.dueAt - now} ms before its time`);
  }
}

/** Nobody who is fenced declares a call. */
function checkIntents({ unit }: Folded, { model, report }: UnitScene): void {
  for (const row of unit.effects ?? []) {
    const agent = model.agents.get(row.agent);
    if (row.state === "intent" && agent?.isFenced === true)
      report("fence", `${agent.address}: intent of ${row.name} after it was fenced (epoch ${agent.epoch})`);
  }
}

/** Less than the window by what lies between an acceptance and its commit. */
const DEDUPE_MS = 24 * 3_600_000 - 60_000;
const MINUTE_MS = 60_000;

/** One key brings one envelope within the window. */
function checkKeys({ added, removed, records }: Folded, { model, hasJumped, report }: UnitScene): void {
  const seen = (hash: string, id: string, at: number): void => {
    const first = model.keys.get(hash);
    if (first !== undefined && first.id !== id && at - first.at < DEDUPE_MS)
      report("dedupe", `${id} came under the key of ${first.id}, ${at - first.at} ms later`);
    if (first === undefined || first.id !== id) model.keys.set(hash, { id, at });
  };
  for (const mail of added) if (mail.dedupe !== undefined) seen(mail.dedupe, mail.id, mail.at);
  for (const { row, record } of records) {
    if (!row.body.includes('"k":[')) continue;
    for (const [hash, given] of keysOf(row.body)) {
      const id = given === "" ? record.cause.id : given;
      // What waited in the mailbox was looked at when it came. Of what never did the row tells when it was handled, and not
      // when it came: after a jump of the clock a window may lie between.
      if (!hasJumped && !removed.some((mail) => mail.id === id)) seen(hash, id, record.at);
    }
  }
}

/** After an unclean death nothing is handled but behind a durable start mark. */
function checkMarks({ records, removed, agent }: Folded, { survivors, report }: UnitScene): void {
  for (const { record } of records) {
    const own = removed.find(({ id }) => id === record.cause.id);
    if (record.outcome !== "done" || own === undefined || !survivors.has(own.row.seq)) continue;
    if (own.row.marked === 0) report("marked", `${agent?.address}: ${own.id} survived a crash and ran without a start mark`);
  }
}

/** Nobody handles what its sender was told is not in. */
function checkRefused({ added, records }: Folded, { refused, report }: UnitScene): void {
  if (refused.size === 0) return;
  for (const { id } of added) if (refused.has(id)) report("refused", `${id} was refused to its sender, but entered the store`);
  for (const { record } of records)
    if (refused.has(record.cause.id)) report("refused", `${record.cause.id} was refused to its sender, but is ${record.outcome}`);
}

/** What was counted, and what was done, stays below the limit of its period. */
function checkBudgets({ unit, records, agent }: Folded, { model, budgets, report }: UnitScene): void {
  for (const op of unit.ledger ?? []) {
    if (op.op !== "add" || op.class !== "count") continue;
    const [, address = "", quantity, period] = op.key.split("|");
    const limit = budgets[`${address.split("/")[1]}|${quantity}|${period}`];
    const sum = model.sums.get(op.key) ?? 0;
    if (limit !== undefined && sum > limit) report("budget", `${address}: ${sum} ${quantity} in a ${period}, ${limit} are allowed`);
  }
  if (agent === undefined) return;
  const type = agent.address.split("/")[1];
  const limit = budgets[`${type}|turns|minute`];
  for (const { record } of limit === undefined ? [] : records) {
    if (!MAIL_KINDS.has(record.kind) || (record.outcome !== "done" && record.outcome !== "retry")) continue;
    const minute = Math.floor(record.at / MINUTE_MS);
    const turns = (agent.turnsByMinute.get(minute) ?? 0) + 1;
    agent.turnsByMinute.set(minute, turns);
    if (turns > (limit ?? Infinity)) report("budget", `${agent.address}: ${turns} turns in a minute, ${limit} are allowed`);
  }
}

/** Whether mail of a lane came from a client; what is published goes to all who listen, or to nobody. */
const isClient = (lane: string): boolean => lane.includes("|~") && !lane.includes("|~|");

/** One message may be in the hands of its handler; retries that come back are never refused. */
const UNCOUNTED = 4;

/**
 * From outside no more gets in than fits. As many again may be in the store still, whose turns are over and wait for
 * their commit behind what was accepted since.
 */
function checkDepth({ added, unit }: Folded, { model, mailboxDepth, report }: UnitScene): void {
  if (unit.turn !== undefined || unit.mailOut !== undefined || unit.deadOut !== undefined) return;
  for (const { row, lane } of added) {
    if (!isClient(lane) || row.dueAt !== undefined || row.timer !== undefined) continue;
    let depth = 0;
    const agent = model.agents.get(row.agent);
    for (const mail of agent?.mail.values() ?? []) if (isClient(mail.lane) && !mail.isLate && mail.row.dueAt === undefined) depth++;
    if (depth > 2 * mailboxDepth + UNCOUNTED && !agent?.address.includes("/batcher/"))
      report("mailbox", `${agent?.address} holds ${depth} messages from outside, its limit is ${mailboxDepth}`);
  }
}

/** The dedupe keys that a journal row carries. */
function keysOf(body: string): [hash: string, id: string][] {
  const extra = (JSON.parse(body) as unknown[]).at(-1) as { readonly k?: readonly (readonly [string, number, number, string])[] };
  return (extra.k ?? []).map(([hash, , , id]) => [hash, id]);
}

const clip = (text: string): string => (text.length > 120 ? `${text.slice(0, 120)}…` : text);
