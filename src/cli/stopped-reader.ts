import type { openStopped } from "../system/index.ts";
import type { Agent, DeadLetter } from "../client/index.ts";
import { storageRow } from "../protocol/index.ts";
import { notFound, usageError } from "./failure.ts";
import type { Reader } from "./reader.ts";
import { rfc3339 } from "./time.ts";

/** What a stopped system answers to. */
type StoppedApi = Awaited<ReturnType<typeof openStopped>>["api"];

/** Reads a stopped data folder in the shapes that a running system gives. */
export function stoppedReader(api: StoppedApi, tenant: string | undefined): Reader {
  const full = (address: string): string => (tenant === undefined || address.split("/").length === 3 ? address : `${tenant}/${address}`);
  return {
    agents: async (filter) => {
      const { type, state, cursor, limit } = filter ?? {};
      const page = await api.agents({ tenant, type, state: stateOf(state) }, { cursor, limit });
      return { items: page.items.map(agentRow), next: page.next };
    },
    agent: async (address) => agentRow(await api.agent(full(address))),
    state: (address) => api.state(full(address)),
    journal: async (address, after, limit) =>
      (await api.journal(full(address), after, limit)).map((row) => ({
        ...row,
        at: rfc3339(row.at),
      })),
    deadLetters: async (filter) => {
      const { agent, reason, cursor, limit } = filter ?? {};
      const selection = { tenant, reason, agent: agent === undefined ? undefined : full(agent) };
      const page = await api.deadLetters(selection, { cursor, limit });
      return { items: page.items.map(letterRow), next: page.next };
    },
    deadLetter: async (id) => letterRow(await api.deadLetter(id)),
    upgrades: {
      replayable: async (address, turns) => (await api.replayable(full(address), turns)) ?? noTurns(address),
    },
    timeline: {
      stateAt: async (address, turn) => {
        const found = await api.timeline.stateAt(full(address), turn);
        return { ...found, at: rfc3339(found.at) };
      },
      diff: (address, from, to) => api.timeline.diff(full(address), from, to),
    },
    upkeep: { storage: async () => storageRow(await api.storage()) },
  };
}

function noTurns(address: string): never {
  throw notFound(`the journal of ${address} holds no turn whose state before it is known`);
}

type AgentInfo = Awaited<ReturnType<StoppedApi["agent"]>>;
type DeadLetterInfo = Awaited<ReturnType<StoppedApi["deadLetter"]>>;

/** Times are epoch ms inside, RFC 3339 on the wire, and null there for never. */
function agentRow(info: AgentInfo): Agent {
  const { lastTurnAt, nextWakeAt, createdAt, upgrade } = info;
  return {
    ...info,
    lastTurnAt: lastTurnAt === undefined ? null : rfc3339(lastTurnAt),
    nextWakeAt: nextWakeAt === undefined ? null : rfc3339(nextWakeAt),
    createdAt: rfc3339(createdAt),
    upgrade: upgrade === undefined ? undefined : { ...upgrade, at: rfc3339(upgrade.at) },
  };
}

function letterRow(info: DeadLetterInfo): DeadLetter {
  return { ...info, at: rfc3339(info.at) };
}

const STATES = ["running", "sleeping", "paused", "quarantined", "terminated", "code-missing"] as const;

function stateOf(given: string | undefined): (typeof STATES)[number] | undefined {
  const state = STATES.find((known) => known === given);
  if (state !== undefined || given === undefined) return state;
  throw usageError(`"${given}" is not a state; the states are ${STATES.join(", ")}`);
}
