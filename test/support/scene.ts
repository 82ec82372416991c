/** Small systems for behaviour tests: a clock that stands still, real SQLite, and a crash that is one. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Ack, AgentOperatingSystem, AosError, type AosErrorCode, type BootOptions, type TurnRecord } from "../../src/index.ts";

/** Boots a system in memory whose clock stands still; it ends with the test. */
export async function scene(t: TestContext, options: BootOptions = {}): Promise<AgentOperatingSystem> {
  const aos = await AgentOperatingSystem.boot({ store: "memory", clock: "inject", ...options });
  const clock = aos.testClock;
  t.after(async () => {
    const stopped = aos.shutdown();
    // Where a handler hangs, only time ends the wait for it.
    await clock?.advance(60_000);
    await stopped;
  });
  return aos;
}

/** A data folder that goes with the test. */
export function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "aos-test-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Boots a system on disk whose clock stands still. */
export function onDisk(t: TestContext, dir: string, options: BootOptions = {}): Promise<AgentOperatingSystem> {
  return scene(t, { store: "sqlite", dir, ...options });
}

/** What a power cut at this moment would leave of a data folder: a copy of it, taken while its owner still runs. */
export function afterCrash(t: TestContext, dir: string): string {
  const copy = folder(t);
  cpSync(dir, copy, {
    recursive: true,
    filter: (path) => !/lock\.db|owner\.json|-shm$/.test(path),
  });
  return copy;
}

/** Lets turns, commits and what follows from them come to rest; time stands still. */
export async function rest(aos: AgentOperatingSystem): Promise<void> {
  await advance(aos, 0);
}

/** Lets time pass. */
export async function advance(aos: AgentOperatingSystem, ms: number): Promise<void> {
  assert.ok(aos.testClock);
  await aos.testClock.advance(ms);
}

/** What became of mail, once everything has come to rest. */
export async function ended(aos: AgentOperatingSystem, acks: readonly Ack[]): Promise<TurnRecord> {
  const [ack] = acks;
  assert.ok(ack);
  const record = aos.outcome(ack, 1);
  await advance(aos, 1);
  const settled = await record;
  assert.ok(settled, "the mail has not ended");
  return settled;
}

/** Asserts that something is refused with a code, and gives the error. */
export async function refused(code: AosErrorCode, work: Promise<unknown> | (() => unknown)): Promise<AosError> {
  let thrown: unknown;
  try {
    await (typeof work === "function" ? work() : work);
  } catch (caught) {
    thrown = caught;
  }
  assert.ok(thrown instanceof AosError, `expected ${code}, got ${String(thrown)}`);
  assert.equal(thrown.code, code, thrown.message);
  return thrown;
}
