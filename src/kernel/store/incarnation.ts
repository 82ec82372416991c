import type { AgentMeta } from "../agents/entry.ts";
import { lifecycleBody } from "../agents/spawner.ts";
import type { Clock, Entropy } from "../clock.ts";
import { AosError } from "../errors.ts";
import { encodeBody } from "../turn/record.ts";
import type { AgentListing, Commit, Opened, Store } from "./store.ts";

/** One life of a system: it ends where a backup of it is restored, which begins another one. */
export interface Incarnation {
  readonly id: string;
  /** When it began, epoch ms. */
  readonly since: number;
  /** The incarnation that it continues, where it began with a restore. */
  readonly from?: string | undefined;
  /** When the backup was taken, RFC 3339. */
  readonly backupAt?: string | undefined;
}

const FACT = "incarnation";
const PAGE = 500;
/** How the reason begins why an agent is paused after a restore. */
export const RESTORED_REASON = "restored from the backup of";

/** The incarnation of a system; undefined before its first start. */
export async function incarnationOf(store: Store): Promise<Incarnation | undefined> {
  const stored = await store.fact(FACT);
  return stored === undefined ? undefined : (JSON.parse(stored) as Incarnation);
}

/** Gives a new system its first incarnation. */
export async function ensureIncarnation(store: Store, clock: Clock, entropy: Entropy): Promise<void> {
  if ((await store.fact(FACT)) !== undefined) return;
  await write(store, [{ facts: { [FACT]: JSON.stringify({ id: entropy.uuid(), since: clock.now() } satisfies Incarnation) } }]);
}

/**
 * Makes an opened copy of a system a new incarnation: every agent that lives is fenced by a higher epoch, and those that could run are
 * paused, with a record that says why. The incarnation itself is written last: a copy that has it is complete.
 * @throws AosError DISK_FULL, STORE_FAILED.
 */
export async function reincarnate(
  { store, clock, entropy }: { readonly store: Store; readonly clock: Clock; readonly entropy: Entropy },
  opened: Opened,
  backup: { readonly incarnation: string; readonly at: string },
): Promise<{ readonly incarnation: Incarnation; readonly agents: number; readonly paused: number }> {
  const reason = `${RESTORED_REASON} ${backup.at}`;
  const now = Math.max(clock.now(), opened.lastAt);
  let journalId = opened.lastJournalId;
  let agents = 0;
  let paused = 0;
  let after: string | undefined;
  while (true) {
    const page: readonly AgentListing[] = await store.agents({ after, limit: PAGE });
    const living = page.filter(({ status }) => status !== "terminated");
    await write(
      store,
      living.map((agent) => fenced(agent, ++journalId, now, reason)),
    );
    agents += page.length;
    paused += living.filter(({ status }) => status === "initialized").length;
    after = page.at(-1)?.address;
    if (page.length < PAGE) break;
  }
  const incarnation: Incarnation = { id: entropy.uuid(), since: now, from: backup.incarnation, backupAt: backup.at };
  await write(store, [{ facts: { [FACT]: JSON.stringify(incarnation) } }]);
  return { incarnation, agents, paused };
}

function fenced(agent: AgentListing, id: number, at: number, reason: string): Commit {
  const { no, address, status, epoch } = agent;
  const isPaused = status === "initialized";
  const meta: AgentMeta = agent.meta === undefined ? {} : JSON.parse(agent.meta);
  const note = isPaused ? `${status} → paused: ${reason}` : `still ${status}: ${reason}`;
  const body = encodeBody(lifecycleBody(address, note, "restore", "none"));
  return {
    turn: {
      journal: [{ id, prev: agent.head, agent: no, turn: agent.turn + 1, at, body }],
      epoch: epoch + 1,
      status: isPaused ? "paused" : status,
      meta: isPaused ? JSON.stringify({ ...meta, reason }) : agent.meta,
    },
  };
}

async function write(store: Store, units: readonly Commit[]): Promise<void> {
  const errors = await store.commit(units);
  const error = errors.find((each) => each !== undefined);
  if (error !== undefined) throw new AosError(error.code, error.message, { cause: error });
}
