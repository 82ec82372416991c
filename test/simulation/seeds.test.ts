/** The kernel under faults: seeds that nobody has run before, each with a mixture of faults of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulateKernel } from "../../src/testing/index.ts";

const seeds = process.env["AOS_TEST_SCALE"] === "full" ? 5_000 : 200;
const STEPS = 500;

test(`${seeds} fresh seeds of ${STEPS} steps break no invariant`, async () => {
  const base = Number(process.env["AOS_SIM_SEED"] ?? Math.floor(Math.random() * 1e9));
  console.log(`seeds ${base} to ${base + seeds - 1}, ${STEPS} steps each`);
  const totals = { turns: 0, storeCalls: 0, deaths: 0, acknowledged: 0 };
  for (let seed = base; seed < base + seeds; seed++) {
    const { violation, counts, tail } = await simulateKernel({ seed, steps: STEPS });
    if (violation !== undefined) {
      console.log(tail.join("\n"));
      assert.fail(
        `${violation.invariant} at step ${violation.step}: ${violation.message}\nreplay: npx aos sim --seed ${seed} --steps ${STEPS} --trace`,
      );
    }
    for (const [name, count] of Object.entries(counts)) totals[name as keyof typeof totals] += count;
  }
  console.log(
    Object.entries(totals)
      .map(([name, count]) => `${count} ${name}`)
      .join(", "),
  );
  // A simulation in which nothing happens would prove nothing.
  assert.ok(totals.turns > seeds * 50 && totals.deaths > seeds / 4 && totals.acknowledged > seeds * 20, JSON.stringify(totals));
});
