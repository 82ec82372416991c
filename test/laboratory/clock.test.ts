/**
 * Clocks that jump and machines that sleep: no timer early, missed or twice. Changes of clocks by law (DST) are in
 * `src/adapters/croner/calendar.test.ts`, misfires of schedules in `src/kernel/time/misfire.test.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulateKernel } from "../../src/testing/index.ts";

const HOUR_MS = 3_600_000;
const SEEDS = process.env["AOS_TEST_SCALE"] === "full" ? 500 : 10;

const JUMPS: readonly (readonly [what: string, byMs: number])[] = [
  ["a day forward", 24 * HOUR_MS],
  ["a day back", -24 * HOUR_MS],
  // A process that was suspended finds the wall clock an hour on, and its own time where it was.
  ["an hour, as after a suspend", HOUR_MS],
];

for (const [what, byMs] of JUMPS) {
  test(`a clock that jumps ${what}: no timer fires early, none twice, and all do in the end`, async (t) => {
    let turns = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const script = [{ at: "2s", fault: "clockJump", byMs } as const, { at: "20s", fault: "clockJump", byMs: -byMs } as const];
      const { violation, counts, tail } = await simulateKernel({ seed, steps: 500, faults: { late: 0.05, lostAck: 0.02 }, script });
      assert.equal(violation, undefined, `seed ${seed}: ${violation?.message}\n${tail.join("\n")}`);
      turns += counts.turns;
    }
    assert.ok(turns > SEEDS * 30, `${turns} turns`);
    t.diagnostic(`${SEEDS} seeds, ${turns} turns`);
  });
}
