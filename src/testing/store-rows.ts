import type { AgentRow, Commit, DeadRow, EffectRow, JournalWrite, MailRow, NewAgent, Store } from "../kernel/index.ts";

const START = 1_767_225_600_000;

/** An agent of a number with its first journal row, whose id is the number. */
export function newAgent(no: number, change: Partial<AgentRow> = {}): NewAgent {
  const row: AgentRow = {
    no,
    address: `default/thing/t${no}`,
    status: "initialized",
    turn: 1,
    head: no,
    epoch: 0,
    stateVersion: 1,
    state: "{}",
    createdAt: START,
    lastAt: 0,
    ...change,
  };
  return { row, journal: journalRow(row.no, row.head, 1, 0) };
}

/** A journal row caused by the envelope `e<id>`. */
export function journalRow(agent: number, id: number, turn: number, prev: number, change: Partial<JournalWrite> = {}): JournalWrite {
  const body = JSON.stringify({
    kind: "event",
    cause: { id: `e${id}`, chain: `c${id}`, type: "x", source: "y", depth: 0 },
  });
  return { id, prev, agent, turn, at: START + id, body, ...change };
}

/** Ready mail. */
export function mailRow(seq: number, agent: number, change: Partial<MailRow> = {}): MailRow {
  return {
    seq,
    agent,
    priority: 5,
    attempts: 0,
    marked: 0,
    head: `{"id":"m${seq}"}`,
    data: `${seq}`,
    ...change,
  };
}

/** An effect's row. */
export function effectRow(id: string, change: Partial<EffectRow> = {}): EffectRow {
  return {
    id,
    agent: 1,
    envelope: "m1",
    name: "send",
    state: "intent",
    key: `k-${id}`,
    attempts: 1,
    at: START,
    input: "{}",
    ...change,
  };
}

/** A dead letter. */
export function deadRow(id: string, change: Partial<DeadRow> = {}): DeadRow {
  return {
    id,
    agent: 1,
    at: START,
    reason: "TURN_FAILED",
    attempts: 5,
    head: "{}",
    data: "1",
    error: "{}",
    ...change,
  };
}

/** Commits units of which each must pass. */
export async function pass(store: Store, ...units: readonly Commit[]): Promise<void> {
  const outcomes = await store.commit(units);
  for (const error of outcomes) if (error !== undefined) throw error;
  if (outcomes.length !== units.length) throw new Error(`${units.length} units had ${outcomes.length} outcomes`);
}

/** The codes of a commit's outcomes, `ok` for those that passed. */
export async function outcomesOf(store: Store, ...units: readonly Commit[]): Promise<readonly string[]> {
  return (await store.commit(units)).map((error) => error?.code ?? "ok");
}

const ALL = 10_000;

/** Everything that the store tells, but for room and counts of bytes. */
export async function everythingIn(store: Store): Promise<Readonly<Record<string, unknown>>> {
  const agents = await store.agents({ limit: ALL });
  const each = async <T>(read: (no: number) => T | Promise<T>): Promise<T[]> => Promise.all(agents.map(async ({ no }) => read(no)));
  const patterns = await store.patterns("default");
  const classes = ["c", "things"];
  return {
    agents,
    rows: await each((no) => store.agentByNo(no)),
    census: await store.census(),
    mail: await each((no) => store.mail(no)),
    delayed: await each((no) => store.delayed(no)),
    due: await store.due(9e15, ALL),
    nextDue: await store.nextDue(),
    ready: await store.readyAgents(),
    parked: await store.parked("in-doubt"),
    effects: await store.listEffects({ limit: ALL }),
    dead: await store.listDead({ limit: ALL }),
    dedupe: await store.dedupe("ab".repeat(16)),
    chunks: await each((no) => store.dedupeChunks(no)),
    reply: await store.reply("r"),
    subscribers: await Promise.all(patterns.map(async (pattern) => store.subscribers("default", pattern))),
    journals: await each((no) => store.journal(no, 0, ALL)),
    journal: await store.journalAfter(0, ALL),
    seq: await store.fact("seq"),
    ledger: await Promise.all(
      classes.map(async (cls) => [
        await store.ledgerList(cls, undefined, 1_000),
        await store.ledgerSum(cls, "k"),
        await store.ledgerRows(cls, 0, 1_000),
      ]),
    ),
  };
}
