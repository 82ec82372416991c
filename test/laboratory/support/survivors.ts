/** Looks at what a life of the workload left behind, and lets it be finished. */
import { AgentOperatingSystem } from "aosjs";
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Desk, DESKS, DeskState, rested, SETTINGS, type Work, WorkEvent } from "./workload.ts";

/** SQLite's own opinion of a database that nobody has open; "ok" where it is whole. */
function integrity(dir: string): string {
  const db = new DatabaseSync(join(dir, "aos.db"));
  try {
    return String(Object.values(db.prepare("PRAGMA integrity_check").get() ?? {})[0]);
  } finally {
    db.close();
  }
}

/**
 * Starts a system on what is left in `place`/data, and asserts that all that was acknowledged is done once; then sends everything again
 * and asserts the same of all of it, and that the database is whole.
 */
export async function assertSurvived(place: string, works: readonly Work[], acked: ReadonlySet<string>): Promise<void> {
  const dir = join(place, "data");
  const file = join(place, "world");
  {
    await using aos = await AgentOperatingSystem.boot({ dir, ...SETTINGS });
    await aos.loadAll([Desk]);
    for (const desk of DESKS) await aos.register(Desk, desk);
    await rested(aos);
    await assertDone(aos, works, acked);
    for (const { id, desk, kind, turns } of works) {
      const [ack] = await aos.emit(WorkEvent, { id, kind, turns, world: file }, { to: [Desk, desk], key: id });
      if (acked.has(id)) assert.equal(ack?.duplicate, true, `${id} was acknowledged and is not known any more`);
    }
    await rested(aos);
    await assertDone(aos, works, new Set(works.map(({ id }) => id)));
    const world = existsSync(file) ? readFileSync(file, "utf8") : "";
    for (const { id, kind } of works) if (kind === "effect") assert.ok(world.split("\n").includes(id), `${id} never reached the world`);
    await aos.shutdown();
  }
  assert.equal(integrity(dir), "ok");
}

async function assertDone(aos: AgentOperatingSystem, works: readonly Work[], due: ReadonlySet<string>): Promise<void> {
  const dead = await aos.kernel.deadLetters({}, { limit: 1_000 });
  const doomed = dead.items.map(({ data }) => (data as { id: string }).id);
  const desks = new Map<string, DeskState>();
  for (const desk of DESKS) desks.set(desk, DeskState.parse((await aos.kernel.state(`desk/${desk}`)).state));
  for (const { id, desk, kind, turns } of works) {
    const state = desks.get(desk);
    assert.ok(state, `${id} is for ${desk}, which there is not`);
    const { seen, steps, ticks, stamps } = state;
    const done = kind === "doomed" ? doomed.filter((one) => one === id).length : (seen[id] ?? 0);
    // What was not acknowledged may have been stored all the same; then it is done once too.
    assert.ok(due.has(id) ? done === 1 : done <= 1, `${id} was done ${done} times, ${due.has(id) ? "" : "not "}acknowledged`);
    const follow = { steps: done * turns, ticks: kind === "timer" ? done : 0, stamps: kind === "effect" ? done : 0 };
    assert.deepEqual({ steps: steps[id] ?? 0, ticks: ticks[id] ?? 0, stamps: stamps[id] ?? 0 }, follow, id);
  }
}
