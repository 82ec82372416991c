import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  type AgentClass,
  type Calendar,
  type Hasher,
  readJournals,
  replayJournals,
  type ReplayResult,
  TypeRegistry,
} from "../kernel/index.ts";

/** An agent type that can be replayed: made by `PurposeDrivenAgent.define`, with its handlers. */
export type ReplayableAgent = Parameters<TypeRegistry["load"]>[0] & AgentClass;

const hasher: Hasher = { sha256: (data) => createHash("sha256").update(data).digest("hex") };
/** Schedules are not planned in a replay: their handlers run where the journal says so. */
const calendar: Calendar = { next: () => undefined, validate: () => undefined };

/**
 * Runs the turns of a journal file (`aos log TYPE/ID --replay > FILE`) against the given code and names every difference; nothing leaves.
 * A suite asserts that `differences` is empty and that `replayed` is not 0.
 * @throws AosError JOURNAL_INVALID, CONTRACT_INVALID.
 */
export function replay(file: string, agents: readonly ReplayableAgent[]): Promise<ReplayResult> {
  const types = new TypeRegistry(hasher, calendar, "replay");
  for (const agent of agents) types.load(agent);
  return replayJournals((name) => types.get(name), hasher, readJournals(readFileSync(file, "utf8")));
}
