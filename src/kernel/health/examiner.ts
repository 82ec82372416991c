import { shortAddress, typeOf } from "../address.ts";
import type { AgentMeta } from "../agents/entry.ts";
import type { Clock } from "../clock.ts";
import type { Core } from "../core.ts";
import { RESTORED_REASON } from "../store/incarnation.ts";
import type { AgentListing, Commit, Orphans } from "../store/store.ts";
import { applyDelta, isFull } from "../turn/delta.ts";
import { type Finding, finding } from "./findings.ts";
import { journalGaps } from "./journal-gaps.ts";
import { Slices } from "./slices.ts";

const PAGE = 200;
const LISTED_MAX = 1_000;
const DEAD_MIN = 100;
const OVERDUE_MS = 5 * 60_000;
const CLOCK_MS = 60_000;
/** Nine tenths of a mailbox. */
const NEARLY = 0.9;
/** Rows of an agent's journal among which a full copy is looked for. */
const WINDOW = 256;

/** What a kernel knows when it is examined. */
export interface Patient {
  readonly core: Core;
  /** The machine's own clock, which may be behind what is stored. */
  readonly machine: Clock;
  /** Whether agents run here, so that mail ought to be delivered. */
  readonly isWorking: boolean;
  readonly isDown: boolean;
}

/**
 * Looks for what is wrong with what a system holds, in slices between which turns go on. Where the database itself is not sound nothing
 * else is looked at.
 */
export async function examine(patient: Patient): Promise<readonly Finding[]> {
  const { core } = patient;
  const faults = await core.store.inspect();
  if (faults.length > 0) return [finding("DATABASE_CORRUPT", faults)];
  const slices = new Slices(core.clock);
  const broken = await journalGaps(core.store, slices);
  const found: (Finding | undefined)[] = [
    broken.size === 0 ? undefined : finding("JOURNAL_BROKEN", [...broken.values()].map(shortAddress)),
    ...(await agents(patient, slices, new Set(broken.keys()))),
    ...(await orphans(patient)),
    ...(await waiting(patient)),
  ];
  const behindMs = core.clock.now() - patient.machine.now();
  if (behindMs > CLOCK_MS) found.push(finding("CLOCK_BEHIND", [`${Math.round(behindMs / 1_000)} s`], undefined, 1));
  if (patient.isDown) found.push(finding("STORE_FAILING", [], undefined, 1));
  return found.filter((each) => each !== undefined);
}

/** Drops what belongs to nobody: mail of agents that do not exist, outcomes for mail that is gone, subscriptions of agents that are gone. */
export async function dropOrphans({ core }: Patient): Promise<Readonly<Record<keyof Orphans, number>>> {
  const dropped = { mail: 0, effects: 0, subscriptions: 0 };
  while (true) {
    const { mail, effects, subscriptions } = await core.store.orphans(LISTED_MAX);
    if (mail.length + effects.length + subscriptions.length === 0) return dropped;
    const commit: Commit = {
      mailOut: mail.map(({ seq }) => seq),
      effectsOut: [...new Set(effects.map(({ envelope }) => envelope))],
      unsubscribe: subscriptions.map(({ agent }) => ({ agent })),
    };
    await core.committer.write(commit);
    dropped.mail += mail.length;
    dropped.effects += effects.length;
    dropped.subscriptions += subscriptions.length;
  }
}

async function agents({ core }: Patient, slices: Slices, broken: ReadonlySet<number>): Promise<readonly (Finding | undefined)[]> {
  const named: Record<"quarantined" | "restored" | "full" | "diverged", string[]> = {
    quarantined: [],
    restored: [],
    full: [],
    diverged: [],
  };
  let after: string | undefined;
  while (true) {
    const page: readonly AgentListing[] = await core.store.agents({ after, limit: PAGE });
    for (const row of page) {
      const name = shortAddress(row.address);
      if (row.status === "quarantined") named.quarantined.push(name);
      if (row.status === "paused" && (reasonOf(row)?.startsWith(RESTORED_REASON) ?? false)) named.restored.push(name);
      if (row.status !== "terminated" && row.mailbox >= core.limits.mailboxDepth * NEARLY) named.full.push(`${name} (${row.mailbox})`);
      if (!broken.has(row.no) && (await hasDiverged(core, row.no))) named.diverged.push(name);
      await slices.pause();
    }
    after = page.at(-1)?.address;
    if (page.length < PAGE) break;
  }
  const { quarantined, restored, full, diverged } = named;
  return [
    diverged.length === 0 ? undefined : finding("STATE_DIVERGED", diverged),
    quarantined.length === 0 ? undefined : finding("AGENTS_QUARANTINED", quarantined, `aos resume ${quarantined[0] ?? ""}`),
    restored.length === 0 ? undefined : finding("AGENTS_RESTORED", restored),
    full.length === 0 ? undefined : finding("MAILBOX_NEARLY_FULL", full),
  ];
}

function reasonOf({ meta }: AgentListing): string | undefined {
  return meta === undefined ? undefined : (JSON.parse(meta) as AgentMeta).reason;
}

/** Folds the newest records of an agent from a full copy on; false too where there is no copy among them, or the agent went on meanwhile. */
async function hasDiverged({ store }: Core, no: number): Promise<boolean> {
  const row = await store.agentByNo(no);
  if (row === undefined) return false;
  const rows = await store.journal(no, Math.max(0, row.turn - WINDOW), WINDOW);
  const last = rows.at(-1);
  if (last === undefined || last.id !== row.head) return false;
  const from = rows.findLastIndex(({ delta }) => delta !== undefined && isFull(delta));
  if (from < 0) return false;
  let state = "";
  for (const { delta } of rows.slice(from)) if (delta !== undefined) state = applyDelta(state, delta);
  return state !== row.state;
}

async function orphans({ core }: Patient): Promise<readonly (Finding | undefined)[]> {
  const { mail, effects, subscriptions } = await core.store.orphans(LISTED_MAX);
  return [
    mail.length === 0
      ? undefined
      : finding(
          "MAIL_ORPHANED",
          mail.map(({ seq, agent }) => `${seq} for agent number ${agent}`),
        ),
    effects.length === 0
      ? undefined
      : finding(
          "EFFECT_ORPHANED",
          effects.map(({ name, id }) => `${name} ${id.slice(0, 12)}`),
        ),
    subscriptions.length === 0
      ? undefined
      : finding(
          "SUBSCRIPTION_ORPHANED",
          subscriptions.map(({ pattern, agent }) => `${pattern} of agent number ${agent}`),
        ),
  ];
}

async function waiting({ core, isWorking }: Patient): Promise<readonly (Finding | undefined)[]> {
  const { store, clock, types } = core;
  const doubtful = await store.listEffects({ state: "in-doubt", limit: LISTED_MAX });
  const dead = await store.listDead({ limit: LISTED_MAX });
  const found = [
    doubtful.length === 0
      ? undefined
      : finding(
          "EFFECTS_IN_DOUBT",
          doubtful.map(({ name, id }) => `${name} ${id.slice(0, 12)}`),
          `aos effects resolve ${doubtful[0]?.id ?? ""}`,
        ),
    dead.length < DEAD_MIN ? undefined : finding("DEAD_LETTERS", [], undefined, dead.length),
  ];
  if (!isWorking) return found;
  const codeless = new Set<string>();
  for (const no of await store.readyAgents()) {
    const agent = await store.agentByNo(no);
    if (agent?.status === "initialized" && types.get(typeOf(agent.address)) === undefined) codeless.add(shortAddress(agent.address));
  }
  if (codeless.size > 0) found.push(finding("CODE_MISSING", [...codeless]));
  const overdue: string[] = [];
  for (const { agent: no, timer, seq } of await store.due(clock.now() - OVERDUE_MS, LISTED_MAX)) {
    const agent = await store.agentByNo(no);
    if (agent?.status === "initialized" && types.get(typeOf(agent.address)) !== undefined)
      overdue.push(`${shortAddress(agent.address)} ${timer ?? seq}`);
  }
  if (overdue.length > 0) found.push(finding("TIMERS_OVERDUE", overdue));
  return found;
}
