import { tenantOf, typeOf } from "../address.ts";
import type { AgentMeta } from "../agents/entry.ts";
import { describeContract } from "../agents/types.ts";
import type { Core } from "../core.ts";
import { COUNTER_CLASS, counterKeys } from "../effects/counters.ts";
import { AosError } from "../errors.ts";
import { canonicalJson } from "../json.ts";
import { decodeBody } from "../turn/record.ts";
import { KEPT_CLASS, keptKey } from "../upgrade/kept-state.ts";
import type { AgentRow, DeadRow, ReplyRow, SubscriptionRow } from "../store/store.ts";
import type { AgentContent, CounterRow } from "./content.ts";

const PAGE = 1_000;
const EFFECTS_MAX = 100_000;
/** Readings of an agent that goes on changing, until it is refused. */
const READINGS = 5;

/**
 * Reads an agent with everything that it owns. Whatever is read bears numbers that never come back, so that two equal
 * readings one after the other are what the store held between them.
 * @throws AosError AGENT_NOT_FOUND; LIFECYCLE_ILLEGAL, retryable, where it changes all the time.
 */
export async function collect(core: Core, address: string): Promise<AgentContent> {
  let before: string | undefined;
  for (let reading = 0; reading < READINGS; reading++) {
    const content = await readOnce(core, address);
    const text = canonicalJson(content);
    if (text === before) return content;
    before = text;
  }
  throw new AosError("LIFECYCLE_ILLEGAL", `agent ${address} changes all the time; pause it, then export it`, {
    retryable: true,
    details: { agent: address },
  });
}

async function readOnce(core: Core, address: string): Promise<AgentContent> {
  const { store } = core;
  const agent = await store.agent(address);
  if (agent === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
  const { no } = agent;
  const journal = await journalOf(core, agent);
  const mail = new Map([...(await store.mail(no)), ...(await store.delayed(no))].map((row) => [row.seq, row]));
  const kept = await store.ledgerGet(KEPT_CLASS, keptKey(no));
  return {
    address,
    status: agent.status,
    turn: agent.turn,
    epoch: agent.epoch,
    stateVersion: agent.stateVersion,
    state: agent.state,
    createdAt: agent.createdAt,
    lastAt: agent.lastAt,
    meta: agent.meta === undefined ? {} : (JSON.parse(agent.meta) as AgentMeta),
    contract: await contractOf(core, typeOf(address)),
    journal,
    mail: [...mail.values()].toSorted((left, right) => left.seq - right.seq).map(({ agent: _agent, marked: _marked, ...row }) => row),
    effects: (await store.listEffects({ agent: no, limit: EFFECTS_MAX })).map(({ agent: _agent, ...row }) => row),
    dead: (await deadOf(core, no)).map(({ agent: _agent, ...row }) => row),
    replies: await repliesOf(core, journal),
    subscriptions: (await subscriptionsOf(core, agent)).map(({ pattern, event, filter }) => ({ pattern, event, filter })),
    kept: kept === undefined ? null : new TextDecoder().decode(kept.bytes),
    counters: await countersOf(core, address),
  };
}

async function journalOf({ store }: Core, agent: AgentRow): Promise<AgentContent["journal"]> {
  const rows: AgentContent["journal"][number][] = [];
  while (true) {
    const page = await store.journal(agent.no, rows.at(-1)?.turn ?? 0, PAGE);
    // What was committed since the agent was read makes the next reading another one.
    for (const { turn, at, body, delta } of page) if (turn <= agent.turn) rows.push({ turn, at, body, delta });
    if (page.length < PAGE) return rows;
  }
}

async function deadOf({ store }: Core, agent: number): Promise<readonly DeadRow[]> {
  const rows: DeadRow[] = [];
  while (true) {
    const page = await store.listDead({ agent, after: rows.at(-1)?.id, limit: PAGE });
    rows.push(...page);
    if (page.length < PAGE) return rows;
  }
}

/** Replies to the commands that the retained journal tells of. */
async function repliesOf({ store }: Core, journal: AgentContent["journal"]): Promise<readonly ReplyRow[]> {
  const rows: ReplyRow[] = [];
  for (const { body } of journal) {
    const { kind, cause } = decodeBody(body);
    const reply = kind === "command" ? await store.reply(cause.id) : undefined;
    if (reply !== undefined && rows.at(-1)?.id !== reply.id) rows.push(reply);
  }
  return rows;
}

async function subscriptionsOf({ store }: Core, { address, no }: AgentRow): Promise<readonly SubscriptionRow[]> {
  const tenant = tenantOf(address);
  const found: SubscriptionRow[] = [];
  for (const pattern of await store.patterns(tenant))
    found.push(...(await store.subscribers(tenant, pattern)).filter(({ agent }) => agent === no));
  return found;
}

async function countersOf({ store, types, clock }: Core, address: string): Promise<readonly CounterRow[]> {
  const quantities = Object.keys(types.get(typeOf(address))?.contract.budget ?? {});
  const found: CounterRow[] = [];
  for (const { key, from, quantity, period } of counterKeys(address, quantities, clock.now())) {
    const sum = await store.ledgerSum(COUNTER_CLASS, key);
    if (sum > 0) found.push({ from, quantity, period, sum });
  }
  return found;
}

async function contractOf({ types, store }: Core, name: string): Promise<AgentContent["contract"]> {
  const type = types.get(name);
  if (type !== undefined) return describeContract(type.contract);
  const stored = await store.fact(`type:${name}`);
  return stored === undefined ? null : (JSON.parse(stored) as Readonly<Record<string, unknown>>);
}
