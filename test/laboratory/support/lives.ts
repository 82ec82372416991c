/** Lives of the reference workload under strace: real system calls that kill the process or fail, and what the process said until then. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { foreign } from "../../crash/support/processes.ts";
import { type Ended, run } from "../../support/checkout.ts";

const CHILD = fileURLToPath(new URL("workload-child.ts", import.meta.url));
/** Compiled sources are kept between the hundreds of starts. */
const CACHE = join(tmpdir(), `aos-crash-cache-${process.getuid?.() ?? 0}`);
const LIFE_MS = 120_000;

/** Which workload runs. */
export type Which = "mixed" | "late";
/** A system call that is struck. */
export type Call = "fsync" | "pwrite64";
/** How it is struck. */
export type Blow = "signal=KILL" | "error=EIO";

/** One life and its traces. */
export interface Life {
  readonly ended: Ended;
  /** What it said, line by line. */
  readonly said: readonly string[];
  /** The trace of its system calls. */
  readonly trace: string;
}

/** Runs the workload on `place`/data under strace. `strace` are further arguments of it. */
async function live(place: string, which: Which, strace: readonly string[]): Promise<Life> {
  const dir = join(place, "data");
  mkdirSync(dir, { recursive: true });
  const log = join(place, "trace");
  const command = [...strace, "-f", "-qqq", "-o", log, process.execPath, "--conditions=aosjs-source", CHILD, dir, which];
  const ended = await run("strace", command, {
    env: { ...foreign(), NODE_COMPILE_CACHE: CACHE },
    timeout: LIFE_MS,
  });
  return { ended, said: ended.stdout.split("\n").filter((line) => line !== ""), trace: readFileSync(log, "latin1") };
}

/** How often an undisturbed life makes a system call: the points that can be struck. */
export async function countCalls(place: string, which: Which): Promise<Readonly<Record<Call, number>>> {
  const { ended, said, trace } = await live(place, which, ["-e", "trace=fsync,pwrite64"]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(said.at(-1), "closed");
  // strace counts per thread.
  const counts = { fsync: 0, pwrite64: 0 };
  for (const call of ["fsync", "pwrite64"] as const) {
    const byThread = new Map<string, number>();
    for (const line of trace.split("\n")) {
      const [thread = "", rest = ""] = line.split(/ +(.*)/s, 2);
      if (rest.startsWith(`${call}(`)) byThread.set(thread, (byThread.get(thread) ?? 0) + 1);
    }
    counts[call] = Math.max(0, ...byThread.values());
  }
  return counts;
}

/** Strikes the `n`th call of a life. */
export function strike(place: string, which: Which, call: Call, blow: Blow, n: number): Promise<Life> {
  return live(place, which, ["-y", "-s", "64", "-e", "trace=fsync,pwrite64,write", "-e", `inject=${call}:${blow}:when=${n}`]);
}

/** What was acknowledged. */
export function acknowledged(said: readonly string[]): ReadonlySet<string> {
  return new Set(said.filter((line) => line.startsWith("acked ")).map((line) => line.slice("acked ".length)));
}

/**
 * Acknowledgements that were given after a write or a sync of the log had failed and before a later sync of it succeeded: there may be none.
 */
export function falseAcknowledgements(trace: string): readonly string[] {
  let isOpen = false;
  const found: string[] = [];
  for (const line of trace.split("\n")) {
    const isLog = line.includes("-wal>");
    if (isLog && line.includes("(INJECTED)")) isOpen = true;
    else if (isLog && / fsync\(.*= 0$/.test(line)) isOpen = false;
    const said = / write\(1<.*"acked (\w+)/.exec(line)?.[1];
    if (said !== undefined && isOpen) found.push(said);
  }
  return found;
}
