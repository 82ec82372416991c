import type { openStopped } from "../system/index.ts";
import type { Agent, DeadLetter, TurnRecord } from "../client/index.ts";
import type { Reader } from "./reader.ts";
import { rfc3339 } from "./time.ts";

/** What a stopped system answers to. */
type StoppedApi = Awaited<ReturnType<typeof openStopped>>["api"];

/** Reads a stopped data folder in the shapes that a running system gives. */
export function stoppedReader(api: StoppedApi, tenant: string | undefined): Reader {
  const full = (address: string): string =>
    tenant === undefined || address.split("/").length === 3 ? address : `${tenant}/${address}`;
  return {
    agents: async ({ type, state, cursor, limit } = {}) => {
      const page = await api.agents(
        { tenant, type, state: state as Selected["state"] },
        { cursor, limit },
      );
      return { items: page.items.map((row) => onWire<Agent>(row)), next: page.next };
    },
    agent: async (address) => onWire<Agent>(await api.agent(full(address))),
    state: (address) => api.state(full(address)),
    journal: async (address, after, limit) =>
      (await api.journal(full(address), after, limit)).map((row) => onWire<TurnRecord>(row)),
    deadLetters: async ({ agent, reason, cursor, limit } = {}) => {
      const filter = { tenant, reason, agent: agent === undefined ? undefined : full(agent) };
      const page = await api.deadLetters(filter, { cursor, limit });
      return { items: page.items.map((row) => onWire<DeadLetter>(row)), next: page.next };
    },
    deadLetter: async (id) => onWire<DeadLetter>(await api.deadLetter(id)),
    usage: () => api.usage(),
  };
}

type Selected = Parameters<StoppedApi["agents"]>[0];

const MOMENTS = ["at", "createdAt", "lastTurnAt", "nextWakeAt"];

/** Times are epoch ms inside, RFC 3339 on the wire, and null there for never. */
function onWire<Row>(row: object): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, number | undefined]) =>
      MOMENTS.includes(name) ? [name, value === undefined ? null : rfc3339(value)] : [name, value],
    ),
  ) as Row;
}
