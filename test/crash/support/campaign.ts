/** A campaign: one folder, many lives of AOS on it, each with traffic and a violent end; then everything is counted. */
import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { diagnoseStopped } from "../../../src/system/index.ts";
import { FAULTS, type JobData, KINDS } from "./agents.ts";
import type { Dump, FromChild } from "./child.ts";
import { POINTS } from "./fail-points.ts";
import { Child, Oracle } from "./processes.ts";
import { assertInvariants } from "./invariants.ts";
import { SeededEntropy } from "aosjs/testing";

/** What a campaign is made of. */
export interface Plan {
  readonly seed: number;
  readonly cycles: number;
  readonly dir: string;
  /** Whether the system calls of the log can be made to kill. */
  readonly hasStrace: boolean;
}

/** What a campaign did. */
export interface Tally {
  /** Kills by the point at which they came. */
  readonly kills: Readonly<Record<string, number>>;
  readonly jobs: number;
  readonly acked: number;
  readonly resent: number;
  readonly duplicates: number;
  readonly effects: number;
  readonly doubts: number;
  readonly turns: number;
}

/** A job as the driver knows it. */
export interface Sent {
  readonly worker: string;
  readonly job: JobData;
  /** The envelope's id, once acknowledged. */
  envelope?: string;
}

const LANES = 2;
const WORKERS = 3;
const JOBS_MAX = 24;
const LIFE_MS = 120;
const SYSCALLS = ["fdatasync", "pwrite64", "ftruncate"] as const;
/** After every so many lives the folder is examined. */
const EXAMINED = 10;
/** A life that does not end by itself is ended, and a last one that does not come to rest is a failure. */
const HANG_MS = 90_000;

/** What crashes may bring about in order; everything else that the doctor finds is a fault of the system. */
const EXPECTED: ReadonlySet<string> = new Set(["AGENTS_QUARANTINED", "DEAD_LETTERS", "EFFECTS_IN_DOUBT"]);

/** Examines a copy, so that the next life finds what the last one left. */
async function assertSound(dir: string): Promise<void> {
  const copy = `${dir}-examined`;
  try {
    cpSync(dir, copy, { recursive: true, filter: (path) => !/lock\.db|owner\.json|-shm$/.test(path) });
    const { findings } = await diagnoseStopped(copy);
    assert.deepEqual(
      findings.filter(({ code }) => !EXPECTED.has(code)),
      [],
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Runs a campaign to its end. @throws AssertionError where an invariant does not hold. */
export async function runCampaign(plan: Plan): Promise<Tally> {
  await using oracle = await Oracle.start(join(plan.dir, "oracle.jsonl"));
  const driver = new Driver(plan, oracle);
  for (let cycle = 0; cycle < plan.cycles; cycle++) {
    await driver.live(cycle);
    if (cycle % EXAMINED === EXAMINED - 1) await assertSound(plan.dir);
  }
  const dump = await driver.rest();
  await assertSound(plan.dir);
  const calls = await oracle.calls();
  assertInvariants({ sent: driver.sent, dump, calls, violations: driver.violations });
  return {
    ...driver.tally(),
    effects: calls.length,
    doubts: dump.doubt.length,
    turns: dump.agents.reduce((sum, { turn }) => sum + turn, 0),
  };
}

class Driver {
  readonly sent: Sent[] = [];
  readonly violations: string[] = [];
  readonly #byId = new Map<string, Sent>();
  readonly #plan: Plan;
  readonly #oracle: Oracle;
  readonly #random: SeededEntropy;
  readonly #kills: Record<string, number> = {};
  readonly #numbers = new Map<string, number>();
  #resent = 0;
  #duplicates = 0;

  constructor(plan: Plan, oracle: Oracle) {
    this.#plan = plan;
    this.#oracle = oracle;
    this.#random = new SeededEntropy(plan.seed, { now: () => 0 });
  }

  tally(): Omit<Tally, "effects" | "doubts" | "turns"> {
    const acked = this.sent.filter(({ envelope }) => envelope !== undefined).length;
    return {
      kills: this.#kills,
      jobs: this.sent.length,
      acked,
      resent: this.#resent,
      duplicates: this.#duplicates,
    };
  }

  /** One life: traffic, then a kill at a point or a time that the seed decides. */
  async live(cycle: number): Promise<void> {
    const ways = [
      ...POINTS,
      ...POINTS,
      ...(this.#plan.hasStrace ? SYSCALLS : []),
      ...Array.from({ length: POINTS.length }, () => "random"),
    ];
    const way = this.#pick(ways);
    const isSyscall = SYSCALLS.some((name) => name === way);
    const n = 1 + this.#below(isSyscall ? 60 : way === "after-open" || way === "before-close" ? 1 : way.includes("effect") ? 5 : 12);
    const args = way === "random" || isSyscall ? [] : [way, String(n)];
    const before = isSyscall
      ? ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", `trace=${way}`, "-e", `inject=${way}:signal=KILL:when=${n}`]
      : [];
    const jobs = this.#jobs();
    const lifeMs = this.#below(LIFE_MS);
    const { child, ready } = this.#start(args, before);
    await Promise.race([ready, child.ended]);
    this.#speak(child, jobs);
    // A point that is never passed must not let the child live for ever.
    const patience = setTimeout(() => child.kill(), way === "random" ? lifeMs : LIFE_MS * 2);
    if (way === "before-close") child.say({ op: "stop" });
    const hang = setTimeout(() => child.kill(), HANG_MS);
    const end = await child.ended;
    clearTimeout(patience);
    clearTimeout(hang);
    const isByPoint = way !== "random" && !child.wasKilled;
    if (end.signal !== "SIGKILL" && end.code !== 137)
      throw new Error(`cycle ${cycle} (${way} ${n}): the child ended with ${end.signal ?? `code ${end.code}`}: ${child.errors}`);
    const name = isByPoint ? way : "random time";
    this.#kills[name] = (this.#kills[name] ?? 0) + 1;
  }

  /** The last life: nothing kills it, everything comes to rest. */
  async rest(): Promise<Dump> {
    const dumped = Promise.withResolvers<Dump>();
    const { child, ready } = this.#start([], [], (message) => {
      if (message.op === "dump") dumped.resolve(message.dump);
    });
    const hang = setTimeout(() => child.kill(), HANG_MS);
    void child.ended.then(({ code, signal }) =>
      dumped.reject(new Error(`the last life ended with ${signal ?? `code ${code}`}: ${child.errors}`)),
    );
    await Promise.race([ready, child.ended]);
    this.#speak(child, []);
    child.say({ op: "drain" });
    try {
      const dump = await dumped.promise;
      child.say({ op: "stop" });
      await child.ended;
      return dump;
    } finally {
      clearTimeout(hang);
      child.kill();
    }
  }

  #start(
    args: readonly string[],
    before: readonly string[],
    hear: (message: FromChild) => void = () => undefined,
  ): { readonly child: Child; readonly ready: Promise<void> } {
    const ready = Promise.withResolvers<void>();
    const listen = (message: FromChild): void => {
      if (message.op === "ready") {
        if (message.running.length > 0) ready.reject(new Error(`shown as running after a crash: ${message.running.join(", ")}`));
        ready.resolve();
      } else if (message.op === "acked") this.#acked(message);
      else if (message.op === "refused") ready.reject(new Error(`job ${message.job} was refused: ${message.code}`));
      hear(message);
    };
    return {
      child: new Child([this.#plan.dir, ...args], listen, { CRASH_ORACLE: this.#oracle.url }, before),
      ready: ready.promise,
    };
  }

  #acked(message: Extract<FromChild, { op: "acked" }>): void {
    const sent = this.#byId.get(message.job);
    if (sent === undefined) return;
    if (message.duplicate) this.#duplicates++;
    if (sent.envelope === undefined) sent.envelope = message.envelope;
    else if (sent.envelope !== message.envelope || !message.duplicate)
      this.violations.push(`job ${message.job} was acknowledged as ${sent.envelope} and, when sent again, as ${message.envelope}`);
  }

  /** Sends again what was not acknowledged and some of what was, then new jobs; in the order of their lanes. */
  #speak(child: Child, jobs: readonly Sent[]): void {
    const again = this.sent.filter(({ envelope }) => envelope === undefined || this.#below(20) === 0);
    this.#resent += again.length;
    for (const sent of jobs) {
      this.sent.push(sent);
      this.#byId.set(sent.job.id, sent);
    }
    for (const { worker, job } of [...again, ...jobs]) child.say({ op: "emit", worker, job });
  }

  #jobs(): Sent[] {
    return Array.from({ length: 1 + this.#below(JOBS_MAX) }, () => {
      const worker = `w${this.#below(WORKERS)}`;
      const lane = `lane-${this.#below(LANES)}`;
      const n = (this.#numbers.get(`${worker} ${lane}`) ?? 0) + 1;
      this.#numbers.set(`${worker} ${lane}`, n);
      const kind = this.#pick(KINDS);
      // What is delayed keeps no order.
      const own = kind === "later" ? `${lane}-${n}` : lane;
      return {
        worker,
        job: {
          id: `${worker}-${lane}-${n}`,
          n,
          lane: own,
          kind,
          fault: this.#pick([...FAULTS, "none", "none"]),
        },
      };
    });
  }

  #below(limit: number): number {
    return Math.floor(this.#random.random() * limit);
  }

  #pick<T>(list: readonly T[]): T {
    const found = list[this.#below(list.length)];
    if (found === undefined) throw new RangeError("nothing to choose from");
    return found;
  }
}
