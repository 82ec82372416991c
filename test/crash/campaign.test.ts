/**
 * AOS dies again and again, at named points and at random times, under mixed traffic; nothing may be lost or doubled.
 * `CRASH_SEED=<seed>` replays one campaign.
 */
import { test } from "node:test";
import { need } from "../support/capabilities.ts";
import { runCampaign, type Tally } from "./support/campaign.ts";
import { withFolder } from "./support/processes.ts";

const CYCLES = 26;
const replayed = process.env["CRASH_SEED"];
const campaigns = process.env["AOS_TEST_SCALE"] === "full" ? 120 : 6;
const seeds = replayed === undefined ? Array.from({ length: campaigns }, (_, at) => 7_000 + at) : [Number(replayed)];

test(
  `after ${seeds.length * CYCLES} crashes nothing is lost, nothing is done twice, and what is unknown is in doubt`,
  { concurrency: 2 },
  async (t) => {
    const tallies: Tally[] = [];
    await Promise.all(
      seeds.map((seed) =>
        t.test(`seed ${seed}`, () =>
          withFolder(async (dir) => {
            try {
              tallies.push(
                await runCampaign({
                  seed,
                  cycles: CYCLES,
                  dir,
                  hasStrace: need("strace") === false,
                }),
              );
            } catch (thrown) {
              t.diagnostic(`replay: CRASH_SEED=${seed} npm test -- --only crash`);
              throw thrown;
            }
          }),
        ),
      ),
    );
    for (const line of describe(tallies)) t.diagnostic(line);
  },
);

function describe(tallies: readonly Tally[]): string[] {
  const kills: Record<string, number> = {};
  for (const tally of tallies) for (const [point, count] of Object.entries(tally.kills)) kills[point] = (kills[point] ?? 0) + count;
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
  return [
    `cycles: ${Object.values(kills).reduce((total, count) => total + count, 0)}; ${Object.entries(kills)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([point, count]) => `${point} ${count}`)
      .join(", ")}`,
    `jobs ${sum(({ jobs }) => jobs)}, acknowledged ${sum(({ acked }) => acked)}, sent again ${sum(({ resent }) => resent)}, recognised ${sum(({ duplicates }) => duplicates)}, turns ${sum(({ turns }) => turns)}, effects at the oracle ${sum(({ effects }) => effects)}, in doubt ${sum(({ doubts }) => doubts)}`,
  ];
}
