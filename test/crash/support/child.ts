/** AOS in a process that dies: `child.ts FOLDER [POINT N]`. Jobs and questions come over the channel to its parent. */
import { AgentOperatingSystem } from "aosjs";
import { setTimeout as pause } from "node:timers/promises";
import { readRecord } from "../../../src/kernel/index.ts";
import { Desk, type JobData, JobEvent, Sink, TYPES, Worker } from "./agents.ts";
import { arm } from "./fail-points.ts";

/** What the driver says. */
export type ToChild =
  | { readonly op: "emit"; readonly worker: string; readonly job: JobData }
  | { readonly op: "drain" }
  | { readonly op: "stop" };

/** A journal row, as far as the invariants speak of it. */
export interface Row {
  readonly id: number;
  readonly turn: number;
  readonly envelope: string;
  readonly outcome: string;
  readonly delta?: string | undefined;
}

/** One agent with everything that is stored of it. */
export interface Dumped {
  readonly address: string;
  readonly state: string;
  readonly shown: string;
  readonly turn: number;
  readonly journal: readonly Row[];
  readonly mail: readonly { readonly id: string; readonly parked?: unknown }[];
}

/** All that is stored, once everything has come to rest. */
export interface Dump {
  readonly agents: readonly Dumped[];
  readonly dead: readonly {
    readonly id: string;
    readonly reason: string;
    readonly data: unknown;
  }[];
  readonly doubt: readonly {
    readonly envelope: string;
    readonly name: string;
    readonly key: string;
  }[];
}

/** What the child says. */
export type FromChild =
  | { readonly op: "born"; readonly pid: number }
  | { readonly op: "ready"; readonly running: readonly string[] }
  | {
      readonly op: "acked";
      readonly job: string;
      readonly envelope: string;
      readonly duplicate: boolean;
    }
  | { readonly op: "refused"; readonly job: string; readonly code: string }
  | { readonly op: "dump"; readonly dump: Dump };

const WORKERS = 3;
/** Longer than most lives, so that a delayed job is sent again before it is due. */
const LATER = "1s";
const DRAIN_MS = 60_000;
const POLL_MS = 10;
const [dir = "", point, n = "1"] = process.argv.slice(2);
say({ op: "born", pid: process.pid });
if (point !== undefined) arm(point, Number(n));

const aos = await AgentOperatingSystem.boot({
  dir,
  "retry.attempts": 200,
  "retry.delayMs": 5,
  "retry.factor": 1,
  "turn.crashesMax": 1_000,
  "journal.fullCopyEvery": 16,
});
const running = (await aos.agents()).filter((agent) => agent.state === "running");
say({ op: "ready", running: running.map(({ address }) => address) });
await aos.loadAll(TYPES);
await aos.register(Sink, "main");
await aos.register(Desk, "main");
for (let at = 0; at < WORKERS; at++) await aos.register(Worker, `w${at}`);
process.on("message", (message: ToChild) => void obey(message));

function say(message: FromChild): void {
  process.send?.(message);
}

async function obey(message: ToChild): Promise<void> {
  switch (message.op) {
    case "emit": {
      const { worker, job } = message;
      try {
        const [ack] = await aos.emit(JobEvent, job, {
          to: [Worker, worker],
          key: job.id,
          source: job.lane,
          in: job.kind === "later" ? LATER : undefined,
        });
        say({
          op: "acked",
          job: job.id,
          envelope: ack?.id ?? "",
          duplicate: ack?.duplicate ?? false,
        });
      } catch (thrown) {
        say({ op: "refused", job: job.id, code: String(thrown) });
      }
      return;
    }
    case "drain":
      say({ op: "dump", dump: await drain() });
      return;
    case "stop":
      await aos.shutdown();
      process.disconnect();
  }
}

/** Waits until all mail is handled or parked, then answers everything that is stored. */
async function drain(): Promise<Dump> {
  const until = performance.now() + DRAIN_MS;
  while (performance.now() < until && !(await isQuiet())) await pause(POLL_MS);
  const listed = (await aos.agents()).filter(({ type }) => TYPES.some(({ contract }) => contract.type === type));
  const agents = await Promise.all(listed.map(async ({ address, state }) => dump(address, state)));
  const dead = await aos.kernel.deadLetters({}, { limit: 1_000 });
  const doubt = await aos.kernel.effects({ state: "in-doubt", limit: 1_000 });
  return {
    agents,
    dead: dead.items.map(({ id, reason, data }) => ({ id, reason, data })),
    doubt: doubt.map(({ envelope, name, key }) => ({ envelope, name, key })),
  };
}

async function isQuiet(): Promise<boolean> {
  if (aos.status().stats.inFlight > 0) return false;
  for (const { address, state } of await aos.agents()) {
    if (state === "running") return false;
    const mail = await aos.kernel.mailbox(address);
    if (mail.some(({ parked }) => parked === undefined)) return false;
  }
  return true;
}

async function dump(address: string, shown: string): Promise<Dumped> {
  const row = await aos.store.agent(`default/${address}`);
  if (row === undefined) throw new Error(`${address} is listed but not stored`);
  const journal = await aos.store.journal(row.no, 0, 1_000_000);
  const mail = await aos.kernel.mailbox(address);
  return {
    address,
    state: row.state,
    shown,
    turn: row.turn,
    journal: journal.map((stored) => {
      const { cause, outcome } = readRecord(stored);
      return { id: stored.id, turn: stored.turn, envelope: cause.id, outcome, delta: stored.delta };
    }),
    mail: mail.map(({ id, parked }) => ({ id, parked })),
  };
}
