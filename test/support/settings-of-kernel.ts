/** What each setting of the kernel changes, shown on a system whose clock stands still. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { AgentOperatingSystem, BootOptions, TurnRecord } from "../../src/index.ts";
import { Act, Ask, Fail, Grow, Hang, Hush, Loop, Note, Probe, Spray, Think } from "./probe.ts";
import { Aged, AgedBefore, Older } from "./aged.ts";
import { advance, afterCrash, ended, folder, onDisk, refused, rest, scene } from "./scene.ts";

/** Shows that a key changes what the system does. */
export type Effect = (t: TestContext) => Promise<void>;

const HOUR_MS = 3_600_000;
const MAIN = "default/probe/main";

/** An agent whose state is older than its code. */
async function aged(t: TestContext, options: BootOptions): Promise<AgentOperatingSystem> {
  const dir = folder(t);
  await (await onDisk(t, dir)).register(AgedBefore, "a");
  const aos = await onDisk(t, afterCrash(t, dir), options);
  await aos.load(Aged);
  return aos;
}

async function wakeAged(aos: AgentOperatingSystem): Promise<void> {
  await aos.emit(Older, {}, { to: "aged/a" });
  await rest(aos);
}

/** Boots with a setting, and `probe/main` and `probe/sink`. */
async function probed(t: TestContext, options: BootOptions = {}): Promise<AgentOperatingSystem> {
  const aos = await scene(t, options);
  await aos.register(Probe, "main");
  await aos.register(Probe, "sink");
  return aos;
}

async function notes(aos: AgentOperatingSystem, id = "main"): Promise<readonly string[]> {
  return aos.query(Probe, id, "read", {});
}

/** The code with which mail became a dead letter, once all is at rest. */
async function death(aos: AgentOperatingSystem): Promise<string | undefined> {
  await rest(aos);
  const [letter] = (await aos.kernel.deadLetters({})).items;
  return letter?.error.code;
}

async function turns(aos: AgentOperatingSystem): Promise<readonly TurnRecord[]> {
  return (await aos.kernel.journal(MAIN, 0, 1_000)).filter(({ kind }) => kind === "event");
}

/** How many attempts a failing event had after a time. */
async function attemptsAfter(t: TestContext, ms: number, options: BootOptions): Promise<number> {
  const aos = await probed(t, options);
  await aos.emit(Fail, {}, { to: "probe/main" });
  await rest(aos);
  for (let step = 0; step < 4; step++) await advance(aos, ms / 4);
  return (await turns(aos)).length;
}

async function limitOfTurn(
  t: TestContext,
  options: BootOptions,
  send: (aos: AgentOperatingSystem) => Promise<unknown>,
): Promise<string | undefined> {
  const aos = await probed(t, { retry: { attempts: 1 }, ...options });
  await send(aos);
  return death(aos);
}

/** Sends a key, lets hours pass, sends it again: whether it is taken for the same. */
async function recognised(t: TestContext, hours: number, between: number, options: BootOptions): Promise<boolean> {
  const aos = await probed(t, options);
  await aos.emit(Note, { text: "" }, { to: "probe/main", key: "first" });
  for (let n = 0; n < between; n += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, at) => aos.emit(Hush, {}, { to: "probe/main", key: `k${n + at}` })));
    await rest(aos);
  }
  await advance(aos, hours * HOUR_MS);
  const [ack] = await aos.emit(Note, { text: "" }, { to: "probe/main", key: "first" });
  return ack?.duplicate === true;
}

/** The rows of an agent's journal after a time. */
async function rowsAfter(t: TestContext, ms: number, options: BootOptions): Promise<number> {
  const aos = await probed(t, options);
  for (let n = 0; n < 40; n++) await aos.emit(Grow, { length: 400 }, { to: "probe/main" });
  await rest(aos);
  for (let passed = 0; passed < ms; passed += 12 * HOUR_MS) await advance(aos, 12 * HOUR_MS);
  return (await aos.kernel.journal(MAIN, 0, 1_000)).length;
}

/** Effects of the keys that bound one turn, one agent or one chain. */
export const LIMIT_EFFECTS = {
  "limits.payloadBytes": async (t) => {
    const aos = await probed(t, { limits: { payloadBytes: "1KiB" } });
    await refused("PAYLOAD_TOO_LARGE", aos.emit(Note, { text: "x".repeat(2_000) }, { to: "probe/main" }));
  },
  "limits.stateBytes": async (t) => {
    assert.equal(
      await limitOfTurn(t, { limits: { stateBytes: "1KiB" } }, (aos) => aos.emit(Grow, { length: 2_000 }, { to: "probe/main" })),
      "STATE_TOO_LARGE",
    );
  },
  "limits.messagesPerTurn": async (t) => {
    assert.equal(
      await limitOfTurn(t, { limits: { messagesPerTurn: 2 } }, (aos) => aos.emit(Spray, { count: 3 }, { to: "probe/main" })),
      "LIMIT_EXCEEDED",
    );
  },
  "limits.effectsPerTurn": async (t) => {
    assert.equal(
      await limitOfTurn(t, { limits: { effectsPerTurn: 2 } }, (aos) => aos.emit(Act, { count: 3 }, { to: "probe/main" })),
      "EFFECT_LIMIT",
    );
  },
  "limits.mailboxDepth": async (t) => {
    const aos = await probed(t, { limits: { mailboxDepth: 2 } });
    await aos.kernel.move(MAIN, "pause");
    for (let n = 0; n < 2; n++) await aos.emit(Note, { text: "" }, { to: "probe/main" });
    await refused("MAILBOX_FULL", aos.emit(Note, { text: "" }, { to: "probe/main" }));
  },
  "limits.chainDepth": async (t) => {
    const aos = await probed(t, { limits: { chainDepth: 3 } });
    await aos.emit(Loop, {}, { to: "probe/main" });
    for (let round = 0; round < 5; round++) await rest(aos);
    assert.equal((await notes(aos)).length, 4);
  },
  "limits.chainTurns": async (t) => {
    const aos = await probed(t, { limits: { chainTurns: 2 } });
    await aos.emit(Loop, {}, { to: "probe/main" });
    for (let round = 0; round < 5; round++) await rest(aos);
    // The event itself, and two that it caused.
    assert.equal((await notes(aos)).length, 3);
  },
  "limits.fanOut": async (t) => {
    const aos = await probed(t, { limits: { fanOut: 1 } });
    await refused("LIMIT_EXCEEDED", aos.emit(Note, { text: "" }));
  },
} satisfies Record<string, Effect>;

/** Effects of the keys about turns and their retries. */
export const TURN_EFFECTS = {
  "turn.deadlineMs": async (t) => {
    const aos = await probed(t, { turn: { deadlineMs: "1s" }, retry: { attempts: 1 } });
    await aos.emit(Hang, {}, { to: "probe/main" });
    await rest(aos);
    assert.equal((await turns(aos)).length, 0);
    for (let step = 0; step < 4; step++) await advance(aos, 1_000);
    assert.equal((await turns(aos))[0]?.error?.code, "TURN_ABORTED");
  },
  "turn.concurrency": async (t) => {
    const aos = await probed(t, { turn: { concurrency: 1 } });
    await aos.emit(Hang, {}, { to: "probe/main" });
    await aos.emit(Note, { text: "behind" }, { to: "probe/sink" });
    await rest(aos);
    assert.deepEqual(await notes(aos, "sink"), []);
  },
  "turn.stuckMax": async (t) => {
    const aos = await probed(t, { turn: { deadlineMs: "1s", stuckMax: 1 } });
    await aos.emit(Hang, {}, { to: "probe/main" });
    await rest(aos);
    for (let step = 0; step < 4; step++) await advance(aos, 1_000);
    assert.equal((await aos.kernel.agent(MAIN)).state, "quarantined");
  },
  "turn.crashesMax": async (t) => {
    const dir = folder(t);
    const before = await onDisk(t, dir);
    await before.register(Probe, "main");
    const no = (await before.store.agent(MAIN))?.no;
    await before.shutdown();
    writeFileSync(join(dir, "blocked.json"), JSON.stringify({ agent: no }));
    const aos = await onDisk(t, dir, { turn: { crashesMax: 1 } });
    await aos.load(Probe);
    await rest(aos);
    assert.equal((await aos.kernel.agent(MAIN)).state, "quarantined");
  },
  "retry.attempts": async (t) => {
    assert.equal(await attemptsAfter(t, 4_000, { retry: { attempts: 2, delayMs: 0 } }), 2);
  },
  "retry.delayMs": async (t) => {
    assert.equal(await attemptsAfter(t, 4, { retry: { delayMs: 0 } }), 5);
  },
  "retry.factor": async (t) => {
    assert.equal(await attemptsAfter(t, 8_000, { retry: { delayMs: "1s", factor: 1, attempts: 3 } }), 3);
    // The jitter would have to draw two waits of thousands of seconds, out of days, to be as quick.
    const slow = await attemptsAfter(t, 8_000, {
      retry: { delayMs: "1s", factor: 100, attempts: 5, maxDelayMs: "30d" },
    });
    assert.ok(slow < 5, String(slow));
  },
  "retry.maxDelayMs": async (t) => {
    assert.equal(
      await attemptsAfter(t, 8_000, {
        retry: { delayMs: "1s", factor: 100, attempts: 3, maxDelayMs: "1s" },
      }),
      3,
    );
    const error = await refused("CONFIG_INVALID", scene(t, { retry: { delayMs: "1m", maxDelayMs: "1s" } }));
    assert.match(error.message, /retry\.maxDelayMs/);
  },
  "mailbox.ageingMs": async (t) => {
    const order = async (ageingMs: string): Promise<readonly string[]> => {
      const aos = await probed(t, { mailbox: { ageingMs } });
      await aos.kernel.move(MAIN, "pause");
      await aos.emit(Note, { text: "low" }, { to: "probe/main", priority: 1, source: "a" });
      await advance(aos, 1_000);
      await aos.emit(Note, { text: "high" }, { to: "probe/main", priority: 5, source: "b" });
      await aos.kernel.move(MAIN, "resume");
      await rest(aos);
      return notes(aos);
    };
    assert.deepEqual(await order("1h"), ["high", "low"]);
    assert.deepEqual(await order("10ms"), ["low", "high"]);
  },
  "ask.deadlineMs": async (t) => {
    const aos = await probed(t, { ask: { deadlineMs: "1s" } });
    await aos.kernel.move("default/probe/sink", "pause");
    const acks = await aos.emit(Ask, { id: "sink" }, { to: "probe/main" });
    await rest(aos);
    await advance(aos, 1_100);
    await ended(aos, acks);
    assert.deepEqual(await notes(aos), ["ASK_TIMEOUT"]);
  },
  "command.waitMs": async (t) => {
    const aos = await probed(t, { command: { waitMs: "1s" } });
    await aos.kernel.move(MAIN, "pause");
    const pending = refused("REPLY_PENDING", aos.call(Probe, "main", "notes", {}));
    await rest(aos);
    await advance(aos, 1_000);
    await pending;
  },
  "models.default": async (t) => {
    const thought = async (options: BootOptions): Promise<string | undefined> => {
      const aos = await probed(t, options);
      await ended(aos, await aos.emit(Think, {}, { to: "probe/main" }));
      return (await notes(aos))[0];
    };
    assert.match((await thought({})) ?? "", /^MODEL_NOT_CONFIGURED: .*set `models\.default`/);
    assert.match((await thought({ model: "acme:small" })) ?? "", /^MODEL_NOT_CONFIGURED: .*acme:small, but no model gateway/);
  },
} satisfies Record<string, Effect>;

/** Effects of the keys about what is kept, and for how long. */
export const KEEPING_EFFECTS = {
  "command.replyHours": async (t) => {
    const kept = async (replyHours: number): Promise<boolean> => {
      const aos = await probed(t, { command: { replyHours } });
      const running = aos.kernel.command({ target: MAIN, name: "notes", data: {} });
      await rest(aos);
      const { id } = await running;
      for (let hour = 0; hour < 4; hour++) await advance(aos, HOUR_MS);
      return (await aos.kernel.reply(id)) !== undefined;
    };
    assert.deepEqual([await kept(1), await kept(24)], [false, true]);
  },
  "dedupe.hours": async (t) => {
    assert.deepEqual([await recognised(t, 2, 0, { dedupe: { hours: 1 } }), await recognised(t, 2, 0, {})], [false, true]);
  },
  "dedupe.perAgent": async (t) => {
    assert.deepEqual(
      [await recognised(t, 0, 17_500, { dedupe: { perAgent: 240 } }), await recognised(t, 0, 17_500, { dedupe: { perAgent: 100_000 } })],
      [false, true],
    );
  },
  "topics.days": async (t) => {
    const delivered = async (options: BootOptions): Promise<readonly string[]> => {
      const aos = await probed(t, options);
      await aos.kernel.subscribe(MAIN, "news", Note.name);
      await aos.kernel.move(MAIN, "pause");
      await aos.kernel.publish("default", "news", { name: Note.name, data: { text: "old" }, source: "test" });
      await advance(aos, 50 * HOUR_MS);
      await aos.kernel.move(MAIN, "resume");
      await rest(aos);
      return notes(aos);
    };
    assert.deepEqual([await delivered({ topics: { days: 2 } }), await delivered({})], [[], ["old"]]);
  },
  "journal.days": async (t) => {
    const day = 24 * HOUR_MS;
    assert.ok((await rowsAfter(t, 2 * day, { journal: { days: 1 } })) < (await rowsAfter(t, 2 * day, {})));
  },
  "journal.bytesPerAgent": async (t) => {
    const days = 36 * HOUR_MS;
    assert.ok((await rowsAfter(t, days, { journal: { bytesPerAgent: "4KiB" } })) < (await rowsAfter(t, days, {})));
  },
  "journal.payloads": async (t) => {
    const kept = async (payloads: boolean): Promise<unknown> => {
      const aos = await probed(t, { journal: { payloads } });
      for (const text of ["one", "two"]) await ended(aos, await aos.emit(Note, { text }, { to: "probe/main" }));
      return (await aos.kernel.replayable("probe/main"))?.turns.at(-1)?.replay?.data;
    };
    assert.deepEqual([await kept(true), await kept(false)], [{ text: "two" }, undefined]);
  },
  "journal.fullCopyEvery": async (t) => {
    const copies = async (fullCopyEvery: number): Promise<number> => {
      const aos = await probed(t, { journal: { fullCopyEvery } });
      await aos.emit(Grow, { length: 500 }, { to: "probe/main" });
      for (let n = 0; n < 5; n++) await aos.emit(Note, { text: "n" }, { to: "probe/main" });
      await rest(aos);
      const rows = await aos.store.journalAfter(0, 100);
      return rows.filter(({ delta }) => delta?.startsWith("=") === true).length;
    };
    assert.ok((await copies(1)) > (await copies(64)));
  },
  "upgrade.mode": async (t) => {
    const version = async (mode: "lazy" | "held"): Promise<number> => {
      const aos = await aged(t, { upgrade: { mode } });
      await wakeAged(aos);
      return (await aos.kernel.agent("aged/a")).stateVersion;
    };
    assert.deepEqual([await version("lazy"), await version("held")], [2, 1]);
  },
  "upgrade.keepDays": async (t) => {
    const kept = async (keepDays: number): Promise<number> => {
      const aos = await aged(t, { upgrade: { keepDays } });
      await wakeAged(aos);
      await advance(aos, 2 * 24 * HOUR_MS);
      await wakeAged(aos);
      await advance(aos, 2 * HOUR_MS);
      return (await aos.kernel.rollbackUpgrade("aged")).rolledBack;
    };
    assert.deepEqual([await kept(1), await kept(3)], [0, 1]);
  },
  "cache.bytes": async (t) => {
    const inMemory = async (options: BootOptions): Promise<number> => {
      const aos = await probed(t, options);
      for (let n = 0; n < 20; n++) await aos.register(Probe, `a${n}`);
      return aos.status().stats.agentsInMemory;
    };
    assert.ok((await inMemory({ cache: { bytes: "1KiB" } })) < 5);
    assert.equal(await inMemory({}), 22);
  },
  "commit.maxBatch": async (t) => {
    const commits = async (maxBatch: number): Promise<number> => {
      const aos = await probed(t, { commit: { maxBatch } });
      const before = aos.status().stats;
      await Promise.all(Array.from({ length: 50 }, () => aos.emit(Note, { text: "" }, { to: "probe/main" })));
      await rest(aos);
      const { commits: after, committedUnits } = aos.status().stats;
      return (committedUnits - before.committedUnits) / (after - before.commits);
    };
    assert.equal(await commits(1), 1);
    assert.ok((await commits(1_024)) > 2);
  },
  "drain.timeoutMs": async (t) => {
    const isDown = async (timeoutMs: string): Promise<boolean> => {
      const aos = await probed(t, { drain: { timeoutMs } });
      const clock = aos.testClock;
      await aos.emit(Hang, {}, { to: "probe/main" });
      await rest(aos);
      let down = false;
      const stopping = aos.shutdown().then(() => (down = true));
      await clock?.advance(100);
      const soFar = down;
      await clock?.advance(60_000);
      await stopping;
      return soFar;
    };
    assert.deepEqual([await isDown("100ms"), await isDown("20s")], [true, false]);
  },
} satisfies Record<string, Effect>;
