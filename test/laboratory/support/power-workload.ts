/** The agents of the laboratory, and what must be true of a folder after any end of a process that worked on it. */
import { AgentOperatingSystem, effect, event, PurposeDrivenAgent, state } from "aosjs";
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

/** Few agents with many turns each, so that their rows are far behind their journals. */
const AGENTS = 2;
/** Every so many events one of another kind. */
const EVERY = 7;

const Note = event("note", z.object({ n: z.number() }));
const Tick = event("tick", z.object({ n: z.number() }));
const Look = effect("look", {
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number() }),
  repeat: "key",
  key: ({ n }) => `look:${n}`,
  breaker: false,
  run: async (input) => input,
});

/** Counts what it gets: plain, by an effect, by a timer, or as a dead letter. */
class Counter extends PurposeDrivenAgent.define({
  type: "counter",
  purpose: "Count",
  state: state(1, z.object({ seen: z.record(z.string(), z.number()), ticks: z.record(z.string(), z.number()) }), {
    initial: () => ({ seen: {}, ticks: {} }),
  }),
  on: { note: Note, tick: Tick },
  uses: [Look],
  supervise: { restarts: 100_000, within: "1h" },
}) {
  readonly handlers = this.handle({
    note: async (ctx, { data: { n } }) => {
      if (n % EVERY === 3) throw new Error("this one becomes a dead letter");
      if (n % EVERY === 1) await ctx.effect(Look, { n });
      if (n % EVERY === 2) ctx.timer(`t${n}`, "1ms", Tick, { n });
      ctx.state.seen[n] = (ctx.state.seen[n] ?? 0) + 1;
    },
    tick: (ctx, { data: { n } }) => {
      ctx.state.ticks[n] = (ctx.state.ticks[n] ?? 0) + 1;
    },
  });
}

/** Boots the laboratory's system. */
export async function boot(dir: string): Promise<AgentOperatingSystem> {
  const aos = await AgentOperatingSystem.boot({ dir, "retry.attempts": 1, "journal.fullCopyEvery": 16 });
  await aos.loadAll([Counter]);
  for (let at = 0; at < AGENTS; at++) await aos.register(Counter, `c${at}`);
  return aos;
}

/** Sends one event; it is durable when this resolves. */
export async function send(aos: AgentOperatingSystem, n: number): Promise<void> {
  await aos.emit(Note, { n }, { to: [Counter, `c${n % AGENTS}`], key: `n${n}` });
}

const DRAIN_MS = 20_000;

/**
 * Opens what an end has left: it is sound, and each acknowledged event was handled once or is a dead letter.
 * @throws AssertionError where not.
 */
export async function assertNothingLost(dir: string, acked: readonly number[]): Promise<void> {
  const aos = await boot(dir);
  try {
    const until = performance.now() + DRAIN_MS;
    for (let at = 0; at < AGENTS; at++)
      while ((await aos.kernel.mailbox(`counter/c${at}`)).length > 0 && performance.now() < until) await pause(2);
    assert.deepEqual(await aos.store.inspect(), []);
    const dead = (await aos.kernel.deadLetters({}, { limit: 1_000 })).items.map(({ data }) => z.object({ n: z.number() }).parse(data).n);
    const counts = z.object({ seen: z.record(z.string(), z.number()), ticks: z.record(z.string(), z.number()) });
    const states = await Promise.all(
      Array.from({ length: AGENTS }, async (_, at) => counts.parse((await aos.kernel.state(`counter/c${at}`)).state)),
    );
    for (const n of acked) {
      const seen = states[n % AGENTS]?.seen[n] ?? 0;
      if (n % EVERY === 3) assert.equal(dead.filter((id) => id === n).length, 1, `event ${n} is no dead letter`);
      else assert.equal(seen, 1, `event ${n} was acknowledged and counts ${seen} times`);
    }
    for (const { seen, ticks } of states) {
      for (const [n, count] of Object.entries(seen)) {
        assert.equal(count, 1, `event ${n} counts ${count} times`);
        assert.equal(ticks[n] ?? 0, Number(n) % EVERY === 2 ? 1 : 0, `the timer of event ${n}`);
      }
    }
  } finally {
    await aos.shutdown();
  }
}
