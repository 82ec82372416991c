import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { cron, event, every, PurposeDrivenAgent, type Tick, state } from "../index.ts";
import { advance, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const Earlier = event("earlier", z.object({ after: z.string() }));
const Ticks = z.object({
  ticks: z.array(z.object({ at: z.number(), scheduledAt: z.number(), missed: z.number() })),
});

/** A type whose schedule `s` is given; each tick is noted. */
function ticker(
  type: string,
  spec: ReturnType<typeof every> | ReturnType<typeof cron>,
  during: (tick: Tick, signal: AbortSignal) => void | Promise<void> = () => undefined,
) {
  return class Ticker extends PurposeDrivenAgent.define({
    type,
    purpose: "Tick",
    state: state(1, Ticks, { initial: () => ({ ticks: [] }) }),
    on: { earlier: Earlier },
    schedules: { s: spec },
  }) {
    readonly handlers = this.handle({
      s: async (ctx, tick) => {
        await during(tick, ctx.signal);
        ctx.state.ticks.push({ at: ctx.now, scheduledAt: tick.scheduledAt, missed: tick.missed });
      },
      earlier: (ctx, { data }) => ctx.wakeEarlier("s", data.after),
    });
  };
}

type Aos = Awaited<ReturnType<typeof scene>>;
const ticks = async (aos: Aos, agent: string): Promise<readonly z.infer<typeof Ticks>["ticks"][number][]> =>
  ((await aos.kernel.state(agent)).state as z.infer<typeof Ticks>).ticks;
const now = (aos: Aos): number => aos.testClock?.now() ?? 0;

test("an interval ticks at its multiples, each once, and survives a restart", async (t) => {
  const Minutely = ticker("minutely", every("1m"));
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(Minutely, "a");
  await advance(before, 3 * MINUTE);
  assert.equal((await ticks(before, "minutely/a")).length, 3);
  const elapsed = 3 * MINUTE;
  await before.shutdown();
  const aos = await onDisk(t, dir);
  await aos.load(Minutely);
  await advance(aos, elapsed + 2 * MINUTE);
  const all = await ticks(aos, "minutely/a");
  assert.ok(all.length === 5 || all.length === 6, String(all.length));
  assert.ok(all.every(({ scheduledAt }) => scheduledAt % MINUTE === 0));
  assert.equal(new Set(all.map(({ scheduledAt }) => scheduledAt)).size, all.length);
});

test("a cron schedule ticks in its zone; a preview says when", async (t) => {
  const Daily = ticker("daily", cron("0 9 * * *", { tz: "Europe/London" }));
  const aos = await scene(t);
  await aos.register(Daily, "a");
  const planned = await aos.kernel.previewSchedule("daily/a", "s", 3);
  assert.equal(planned.length, 3);
  const [schedule] = await aos.kernel.schedules("daily/a");
  assert.equal(schedule?.nextAt, planned[0]);
  await advance(aos, 24 * HOUR);
  assert.deepEqual(
    (await ticks(aos, "daily/a")).map(({ scheduledAt }) => scheduledAt),
    [planned[0]],
  );
  await refused("NOT_FOUND", aos.kernel.previewSchedule("daily/a", "other", 1));
});

for (const [missed, expected] of [
  ["skip", 0],
  ["once", 1],
  ["all", 5],
] as const) {
  test(`ticks missed over a downtime: ${missed} fires ${expected}`, async (t) => {
    const Missing = ticker(`miss-${missed}`, every("10m", { missed, window: "2h" }));
    const dir = folder(t);
    const before = await onDisk(t, dir);
    await before.register(Missing, "a");
    await advance(before, 1);
    const stopped = now(before);
    await before.shutdown();
    const aos = await onDisk(t, dir);
    // Time passes while nobody is there: the agent's code comes after it.
    const next = Math.ceil(stopped / (10 * MINUTE)) * 10 * MINUTE;
    await advance(aos, next + 45 * MINUTE - now(aos));
    await aos.load(Missing);
    await rest(aos);
    const fired = await ticks(aos, `miss-${missed}/a`);
    assert.equal(fired.length, expected);
    if (missed === "once")
      assert.deepEqual(
        fired.map((tick) => tick.missed),
        [4],
      );
    await advance(aos, 10 * MINUTE);
    assert.equal((await ticks(aos, `miss-${missed}/a`)).length, expected + 1);
  });
}

test("a schedule whose code was not there when it ticked goes on when the code is back", async (t) => {
  const Back = ticker("back", every("1h"));
  const Other = ticker("other", every("1h"));
  const dir = folder(t);
  const first = await onDisk(t, dir);
  await first.register(Back, "a");
  await rest(first);
  await first.shutdown();
  const second = await onDisk(t, dir);
  await second.register(Other, "b");
  await advance(second, 2 * HOUR);
  await second.shutdown();
  const aos = await onDisk(t, dir);
  await aos.loadAll([Back, Other]);
  await advance(aos, 4 * HOUR);
  assert.ok((await ticks(aos, "back/a")).length >= 2);
});

test("a schedule that changes in the contract is planned anew; one that leaves it ends", async (t) => {
  const dir = folder(t);
  const before = await onDisk(t, dir);
  await before.register(ticker("changing", cron("0 0 1 1 *")), "a");
  await rest(before);
  await before.shutdown();
  const aos = await onDisk(t, dir);
  await aos.load(ticker("changing", every("1m")));
  await advance(aos, 3 * MINUTE);
  assert.ok((await ticks(aos, "changing/a")).length >= 3);
});

test("a tick that comes while the one before still runs: skip journals it, queue runs it after, cancel ends the earlier one", async (t) => {
  for (const overlap of ["skip", "queue", "cancel"] as const) {
    const open: (() => void)[] = [];
    const Slow = ticker(
      `slow-${overlap}`,
      every("10s", { overlap }),
      (_tick, signal) =>
        new Promise((resolve, reject) => {
          open.push(resolve);
          signal.addEventListener("abort", () => reject(new Error("cancelled")));
        }),
    );
    const aos = await scene(t);
    const agent = `slow-${overlap}/a`;
    await aos.register(Slow, "a");
    await advance(aos, 10_000 - (now(aos) % 10_000));
    assert.equal(open.length, 1);
    await advance(aos, 10_000);
    if (overlap === "skip") {
      open[0]?.();
      await rest(aos);
      assert.equal((await ticks(aos, agent)).length, 1);
      assert.equal((await aos.kernel.journal(agent)).filter(({ kind }) => kind === "schedule.missed").length, 1);
    } else if (overlap === "queue") {
      assert.equal(open.length, 1);
      open[0]?.();
      await rest(aos);
      open[1]?.();
      await rest(aos);
      assert.equal((await ticks(aos, agent)).length, 2);
    } else {
      assert.equal(open.length, 2);
      open[1]?.();
      await rest(aos);
      assert.equal((await ticks(aos, agent)).length, 1);
      assert.equal((await aos.kernel.journal(agent)).filter(({ outcome }) => outcome === "refused").length, 1);
    }
  }
});

test("jitter delays each tick by less than it says, the same each time", async (t) => {
  const Jittery = ticker("jittery", every("10m", { jitter: "5m" }));
  const aos = await scene(t);
  for (const id of ["a", "b", "c"]) await aos.register(Jittery, id);
  await advance(aos, 30 * MINUTE);
  const delays = await Promise.all(
    ["a", "b", "c"].map(async (id) => (await ticks(aos, `jittery/${id}`)).map(({ at, scheduledAt }) => at - scheduledAt)),
  );
  assert.ok(delays.flat().length >= 6);
  assert.ok(delays.flat().every((delay) => delay >= 0 && delay < 5 * MINUTE));
  assert.ok(new Set(delays.flat()).size > 1);
});

test("an agent brings its next tick forward, never back, and the plan goes on from there", async (t) => {
  const Hourly = ticker("hourly", every("1h"));
  const aos = await scene(t);
  await aos.register(Hourly, "a");
  await rest(aos);
  await advance(aos, HOUR - (now(aos) % HOUR) + 1);
  assert.equal((await ticks(aos, "hourly/a")).length, 1);
  const [planned] = await aos.kernel.schedules("hourly/a");
  await aos.emit(Earlier, { after: "2h" }, { to: [Hourly, "a"] });
  await rest(aos);
  assert.equal((await aos.kernel.schedules("hourly/a"))[0]?.nextAt, planned?.nextAt, "never later than the operator says");
  await aos.emit(Earlier, { after: "10m" }, { to: [Hourly, "a"] });
  await rest(aos);
  assert.equal((await aos.kernel.schedules("hourly/a"))[0]?.nextAt, now(aos) + 10 * MINUTE);
  await advance(aos, 10 * MINUTE);
  assert.equal((await ticks(aos, "hourly/a")).length, 2);
  assert.equal((await aos.kernel.schedules("hourly/a"))[0]?.nextAt, planned?.nextAt);
  await advance(aos, HOUR);
  assert.equal((await ticks(aos, "hourly/a")).length, 3);
});

test("a schedule can be run by hand, beside its plan", async (t) => {
  const Yearly = ticker("yearly", cron("0 0 1 1 *"));
  const aos = await scene(t);
  await aos.register(Yearly, "a");
  await aos.kernel.runSchedule("yearly/a", "s");
  await rest(aos);
  assert.equal((await ticks(aos, "yearly/a")).length, 1);
  await refused("NOT_FOUND", aos.kernel.runSchedule("yearly/a", "other"));
});

test("a schedule that no calendar can keep is refused with its contract", async (t) => {
  const aos = await scene(t);
  await refused("SCHEDULE_INVALID", () => aos.load(ticker("never-ticks", cron("0 0 31 2 *"))));
  await refused("SCHEDULE_INVALID", () => aos.load(ticker("nowhere", cron("0 0 * * *", { tz: "Mars/Olympus" }))));
});

test("a tick that waits for its retry still runs: with skip, the next one is journaled and not run", async (t) => {
  const attempts: number[] = [];
  class Retrying extends PurposeDrivenAgent.define({
    type: "retrying",
    purpose: "Fail once",
    state: state(1, z.object({ ticks: z.number() }), { initial: () => ({ ticks: 0 }) }),
    schedules: { beat: every("1s", { overlap: "skip" }) },
    retry: { attempts: 2, backoff: "fixed", delayMs: 2_500 },
  }) {
    readonly handlers = this.handle({
      beat: (ctx) => {
        attempts.push(ctx.attempt);
        if (attempts.length === 1) throw new Error("once");
        ctx.state.ticks++;
      },
    });
  }
  const aos = await scene(t);
  await aos.register(Retrying, "a");
  for (let n = 0; n < 40; n++) await advance(aos, 100);
  assert.deepEqual(attempts.slice(0, 2), [1, 2]);
  const missed = (await aos.kernel.journal("retrying/a")).filter(({ kind }) => kind === "schedule.missed");
  assert.equal(missed.length, 2);
});
