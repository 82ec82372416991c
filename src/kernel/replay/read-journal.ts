import { AosError } from "../errors.ts";
import type { JournalRow, Store } from "../store/store.ts";
import { type AgentJournal, journalOf } from "./journal-file.ts";

const PAGE = 1_000;

/** Reads what is retained of an agent's journal, for a replay. @throws AosError AGENT_NOT_FOUND. */
export async function readAgentJournal(store: Store, address: string, turnsMax?: number): Promise<AgentJournal | undefined> {
  const agent = await store.agent(address);
  if (agent === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
  const rows: JournalRow[] = [];
  while (true) {
    const page = await store.journal(agent.no, rows.at(-1)?.turn ?? 0, PAGE);
    // A row that was committed since the agent was read is left out: the version of its state is not known.
    rows.push(...page.filter(({ turn }) => turn <= agent.turn));
    if (page.length < PAGE) return journalOf(agent, rows, turnsMax);
  }
}
