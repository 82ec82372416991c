import { CronerCalendar } from "../adapters/croner/index.ts";
import {
  type AgentSnapshot,
  planUpgrade,
  type PlanReport,
  readJournals,
  replayJournals,
  type ReplayResult,
  TypeRegistry,
} from "../kernel/index.ts";
import { loadAgentsFile } from "./agents-file.ts";
import { systemHasher } from "./entropy.ts";

/** Where stored agents are read from: a running system, or a stopped folder. */
export interface SnapshotSource {
  readonly contracts: () => Promise<readonly { readonly name: string; readonly contract: unknown }[]>;
  readonly snapshots: (
    cursor: string | undefined,
  ) => Promise<{ readonly items: readonly AgentSnapshot[]; readonly next?: string | undefined }>;
}

/** Loads new code beside a system, into this process only. @throws AosError CONFIG_INVALID, CONTRACT_INVALID. */
async function loadTypes(agents: readonly string[]): Promise<TypeRegistry> {
  const types = new TypeRegistry(systemHasher, new CronerCalendar(), "plan");
  for (const path of agents) for (const agent of (await loadAgentsFile(path)).agents) types.load(agent);
  return types;
}

/** Tells what the code of agents files would do to stored agents. @throws AosError CONFIG_INVALID, CONTRACT_INVALID, and what the source throws. */
export async function planWith(
  agents: readonly string[],
  source: SnapshotSource,
  options: { readonly stateBytes: number; readonly progress?: ((agents: number) => void) | undefined },
): Promise<PlanReport> {
  const types = await loadTypes(agents);
  return planUpgrade({ types, hasher: systemHasher, stored: await source.contracts(), ...options }, everyOne(source));
}

/** Replays the text of a journal file against the code of agents files. @throws AosError JOURNAL_INVALID, CONFIG_INVALID, CONTRACT_INVALID. */
export async function replayWith(agents: readonly string[], text: string): Promise<ReplayResult> {
  const journals = readJournals(text);
  const types = await loadTypes(agents);
  return replayJournals((name) => types.get(name), systemHasher, journals);
}

async function* everyOne(source: SnapshotSource): AsyncGenerator<AgentSnapshot> {
  let cursor: string | undefined;
  do {
    const page = await source.snapshots(cursor);
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}
