/** The kernel over PostgreSQL: its turns, mail and keys are what they are over the embedded store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { CronerCalendar } from "../../src/adapters/croner/index.ts";
import { PostgresStore } from "../../src/adapters/postgres/index.ts";
import { event, PurposeDrivenAgent, state } from "../../src/index.ts";
import { Kernel } from "../../src/kernel/index.ts";
import { LIMITS } from "../../src/kernel/limits.ts";
import { SystemClock } from "../../src/system/clock.ts";
import { SystemEntropy, systemHasher } from "../../src/system/entropy.ts";
import { testDatabase, type TestDatabase } from "../support/postgres-server.ts";

const AGENTS = 60;
const CLIENTS = 16;
const EACH = 25;
const Step = event("step", z.object({ n: z.number(), to: z.array(z.string()) }));
const Heard = event("heard", z.object({ n: z.number() }));
const Later = event("later", z.object({}));

class Walker extends PurposeDrivenAgent.define({
  type: "walker",
  purpose: "Walk",
  state: state(1, z.object({ steps: z.number(), heard: z.number(), late: z.number() }), {
    initial: () => ({ steps: 0, heard: 0, late: 0 }),
  }),
  on: { step: Step, heard: Heard, later: Later },
}) {
  readonly handlers = this.handle({
    step: (ctx, { data }) => {
      ctx.state.steps++;
      for (const to of data.to) {
        ctx.tell(to, Heard, { n: data.n }, { key: `n${data.n}` });
        ctx.tell(to, Heard, { n: data.n }, { key: `n${data.n}` });
      }
      ctx.timer("soon", "20ms", Later, {});
    },
    heard: (ctx) => void ctx.state.heard++,
    later: (ctx) => void ctx.state.late++,
  });
}

async function boot(database: TestDatabase): Promise<Kernel> {
  const clock = new SystemClock();
  const platform = {
    store: new PostgresStore({ url: database.url }),
    clock,
    entropy: new SystemEntropy(clock),
    hasher: systemHasher,
    calendar: new CronerCalendar(),
    limits: LIMITS,
    report: () => undefined,
  };
  const kernel = await Kernel.open(platform, { node: "test", codeVersion: "test", commandWaitMs: 5_000 });
  await kernel.load(Walker);
  await kernel.start();
  return kernel;
}

const walker = (n: number): string => `walker/w${n % AGENTS}`;

async function sums(kernel: Kernel): Promise<{ steps: number; heard: number; late: number }> {
  const all = { steps: 0, heard: 0, late: 0 };
  for (let n = 0; n < AGENTS; n++) {
    const { state: found } = (await kernel.state(walker(n))) as { state: typeof all };
    for (const name of ["steps", "heard", "late"] as const) all[name] += found[name];
  }
  return all;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let left = 400; left > 0; left--) {
    if (await holds()) return;
    await sleep(25);
  }
  assert.fail("it did not come to rest within 10 s");
}

/** Concurrent clients send to agents, each step sent twice under its key. */
async function load(kernel: Kernel, round: number): Promise<void> {
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (let at = 0; at < EACH; at++) {
        const n = (round * CLIENTS + client) * EACH + at;
        const send = async (): Promise<unknown> =>
          kernel.accept({
            kind: "event",
            target: `default/${walker(n * 31)}`,
            name: "step",
            data: { n, to: [walker(n * 7 + 1), walker(n * 13 + 2)] },
            key: `s${n}`,
          });
        await Promise.all([send(), send()]);
      }
    }),
  );
}

test("what concurrent clients send to cold agents is done once, through restarts and lost connections", async (t) => {
  const made = await testDatabase();
  let kernel = await boot(made);
  t.after(async () => {
    await kernel.stop(5_000).catch(() => undefined);
    await made.drop();
  });
  for (let n = 0; n < AGENTS; n++) await kernel.register("walker", { id: `w${n}` });
  for (let round = 0; round < 3; round++) {
    await kernel.stop(5_000);
    kernel = await boot(made);
    const running = load(kernel, round);
    if (round > 0) {
      await sleep(50);
      await made.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'aos'",
      );
    }
    await running;
    const steps = (round + 1) * CLIENTS * EACH;
    await until(async () => {
      const found = await sums(kernel);
      return found.steps >= steps && found.heard >= expectedHeard(round);
    });
    await sleep(100);
    const found = await sums(kernel);
    assert.deepEqual([found.steps, found.heard], [steps, expectedHeard(round)]);
    assert.ok(found.late > 0);
  }
});

/** Steps whose two targets are one agent are heard once: their keys are the same. */
function expectedHeard(round: number): number {
  let heard = 0;
  for (let n = 0; n < (round + 1) * CLIENTS * EACH; n++) heard += walker(n * 7 + 1) === walker(n * 13 + 2) ? 1 : 2;
  return heard;
}
