import { applyDelta, isFull, type MailRow, type Store } from "../../kernel/index.ts";
import type { InvariantName } from "./invariants.ts";
import type { Model, ModelAgent } from "./model.ts";

/** What a store holds that the model does not, or the other way round. */
export interface StoreFault {
  readonly invariant: InvariantName;
  readonly message: string;
}

const ROWS_MAX = 100_000;

/** Compares a store with what it said it had committed; `isDeep` folds all journals too. */
export async function storeFaults(store: Store, model: Model, isDeep: boolean): Promise<readonly StoreFault[]> {
  const faults: StoreFault[] = [];
  const differs = (what: string, held: unknown, said: unknown): void => {
    if (held !== said) faults.push({ invariant: "stored", message: `${what}: the store holds ${clip(held)}, it committed ${clip(said)}` });
  };
  for (const agent of model.agents.values()) {
    const row = await store.agent(agent.address);
    differs(`${agent.address} state`, row?.state, agent.state);
    differs(`${agent.address} turn`, row?.turn, agent.turn);
    differs(`${agent.address} status`, row?.status, agent.status);
    differs(`${agent.address} epoch`, row?.epoch, agent.epoch);
    differs(`${agent.address} mail`, told(await mailOf(store, agent.no)), told([...agent.mail.values()].map((mail) => mail.row)));
    if (isDeep) faults.push(...(await journalFaults(store, agent)));
  }
  for (const effect of model.effects.values()) {
    const row = await store.effect(effect.id);
    differs(`effect ${effect.name} of ${effect.envelope}`, row?.state, effect.state);
  }
  for (const [key, sum] of model.sums) differs(`sum ${key}`, await store.ledgerSum("count", key), sum);
  for (const id of model.dead.keys()) differs(`dead letter ${id}`, (await store.dead(id)) !== undefined, true);
  return faults;
}

async function mailOf(store: Store, agent: number): Promise<readonly MailRow[]> {
  const rows = [...(await store.mail(agent)), ...(await store.delayed(agent))];
  return [...new Map(rows.map((row) => [row.seq, row])).values()];
}

function told(rows: readonly MailRow[]): string {
  return rows
    .toSorted((left, right) => left.seq - right.seq)
    .map(({ seq, dueAt, parked, attempts, marked, timer }) => [seq, dueAt, parked, attempts, marked, timer].join("|"))
    .join(" ");
}

/** Folds an agent's journal from its oldest full copy: it must end in its state. */
async function journalFaults(store: Store, agent: ModelAgent): Promise<readonly StoreFault[]> {
  const rows = await store.journal(agent.no, 0, ROWS_MAX);
  let state: string | undefined;
  let turn = (rows[0]?.turn ?? 1) - 1;
  for (const row of rows) {
    if (row.turn !== turn + 1) return [{ invariant: "numbers", message: `${agent.address}: turn ${row.turn} follows turn ${turn}` }];
    turn = row.turn;
    if (row.delta === undefined || (state === undefined && !isFull(row.delta))) continue;
    state = applyDelta(state ?? "", row.delta);
  }
  if (state === undefined || state === agent.state) return [];
  return [{ invariant: "splices", message: `${agent.address}: the journal folds to ${clip(state)}, the state is ${clip(agent.state)}` }];
}

function clip(value: unknown): string {
  const text = String(value);
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
