import {
  anything,
  command,
  effect,
  event,
  every,
  type LoadableAgent,
  PurposeDrivenAgent,
  query,
  type ReceivedEvent,
  state,
} from "../../kernel/index.ts";

/** Work that a simulated agent is sent; `fail` makes the first attempts throw. */
export interface Job {
  readonly id: string;
  readonly amount?: number;
  readonly fail?: number;
  readonly hops?: number;
  readonly to?: string;
  readonly ms?: number;
  readonly name?: string;
  readonly calls?: readonly CallName[];
  /** Whether the handler goes on after a call that failed. */
  readonly isCalm?: boolean;
}

/** The effects of the sample agents, by how they may be repeated. */
export type CallName = "safe" | "keyed" | "asked" | "once";

/** What the sample agents remember: enough to see that something was handled twice. */
export interface Memory {
  total: number;
  /** The newest jobs' ids. */
  ids: string[];
  /** Jobs that were handled although they had been before. */
  twice: string[];
}

const REMEMBERED = 80;
const Add = event("add", anything<Job>());
const Ping = event("ping", anything<Job>());
const Work = event("work", anything<Job>());
const Later = event("later", anything<Job>());
const Fire = event("fire", anything<Job>());
const Question = event("question", anything<Job>());
const News = event("news", anything<Job>());
const Tell = event("tell", anything<Job>());
const Spend = event("spend", anything<Job>());
const Drop = event("drop", anything<Job>());
const Burst = event("burst", anything<Job>());
const Bear = event("bear", anything<Job>());

const memory = () => state(1, anything<Memory>(), { initial: () => ({ total: 0, ids: [], twice: [] }) });

function note(kept: Memory, { id, amount = 1 }: Job): void {
  if (kept.ids.includes(id)) kept.twice.push(id);
  kept.ids.push(id);
  if (kept.ids.length > REMEMBERED) kept.ids.shift();
  kept.total += amount;
}

/** Fails the first attempts of a job, after its draft was changed: the draft must go with the attempt. */
function mayFail({ fail = 0, id }: Job, attempt: number): void {
  if (attempt <= fail) throw new Error(`job ${id} fails on attempt ${attempt}, as it was asked to`);
}

const answer = (input: { readonly id: string }): { readonly ref: string } => ({ ref: `ref of ${input.id}` });
const call = <N extends string>(name: N, repeat: "safe" | "key" | "reconcile" | "never") =>
  effect(name, {
    input: anything<{ readonly id: string; readonly at: number }>(),
    output: anything<{ readonly ref: string }>(),
    repeat,
    timeoutMs: 5_000,
    run: answer,
    ...(repeat === "reconcile" ? { reconcile: () => Promise.resolve({ happened: false as const }) } : {}),
  });

const CALLS = { safe: call("safe", "safe"), keyed: call("keyed", "key"), asked: call("asked", "reconcile"), once: call("once", "never") };

class Counter extends PurposeDrivenAgent.define({
  type: "counter",
  purpose: "Adds up what it is sent",
  state: memory(),
  on: { add: Add },
  commands: { take: command(anything<Job>(), anything<{ readonly total: number }>()) },
  queries: { total: query(anything<null>(), anything<number>()) },
}) {
  readonly handlers = this.handle({
    add: (ctx, e) => {
      note(ctx.state, e.data);
      mayFail(e.data, ctx.attempt);
    },
    take: (ctx, job) => {
      note(ctx.state, job);
      mayFail(job, ctx.attempt);
      return { total: ctx.state.total };
    },
    total: (kept) => kept.total,
  });
}

class Ponger extends PurposeDrivenAgent.define({
  type: "ponger",
  purpose: "Hands a ball on",
  state: memory(),
  on: { ping: Ping },
}) {
  readonly handlers = this.handle({
    ping: (ctx, e) => {
      note(ctx.state, e.data);
      const { id, hops = 0 } = e.data;
      const next = ctx.self.id === "p0" ? "ponger/p1" : "ponger/p0";
      if (hops > 0) ctx.tell(next, Ping, { id: `${id}.`, hops: hops - 1 }, { key: `${id}.` });
      ctx.tell("counter/c2", Add, { id: `${id}/${ctx.self.id}` });
      mayFail(e.data, ctx.attempt);
    },
  });
}

class Worker extends PurposeDrivenAgent.define({
  type: "worker",
  purpose: "Calls the outside in every way there is",
  state: memory(),
  on: { work: Work },
  uses: Object.values(CALLS),
}) {
  readonly handlers = this.handle({
    work: async (ctx, e: ReceivedEvent<Job>) => {
      const { id, calls = [], isCalm = false } = e.data;
      note(ctx.state, e.data);
      for (const [at, name] of calls.entries()) {
        try {
          await ctx.effect(CALLS[name], { id, at });
        } catch (thrown) {
          if (!isCalm) throw thrown;
        }
      }
      mayFail(e.data, ctx.attempt);
      ctx.tell("counter/c1", Add, { id: `${id}!` });
    },
  });
}

class Clerk extends PurposeDrivenAgent.define({
  type: "clerk",
  purpose: "Keeps appointments",
  state: memory(),
  on: { later: Later, fire: Fire },
  schedules: { tick: every("15m") },
}) {
  readonly handlers = this.handle({
    later: (ctx, e) => {
      const { id, name = "t", ms = 1_000 } = e.data;
      if (ms < 0) ctx.cancelTimer(name);
      else ctx.timer(name, ms, Fire, { id });
    },
    fire: (ctx, e) => note(ctx.state, e.data),
    tick: (ctx) => void ctx.state.total++,
  });
}

class Asker extends PurposeDrivenAgent.define({
  type: "asker",
  purpose: "Asks others before it answers",
  state: memory(),
  on: { question: Question },
}) {
  readonly handlers = this.handle({
    question: async (ctx, e) => {
      const { id, to = "c0" } = e.data;
      const { total } = await ctx.agent(Counter, to).ask("take", { id: `${id}?` });
      note(ctx.state, { id, amount: total });
      mayFail(e.data, ctx.attempt);
      ctx.agent(Counter, "c0").tell(Add, { id: `${id}:` });
    },
  });
}

class Listener extends PurposeDrivenAgent.define({
  type: "listener",
  purpose: "Hears the news, and spreads them",
  state: memory(),
  on: { news: News, tell: Tell },
  topics: [{ topic: "news.>", event: News }],
}) {
  readonly handlers = this.handle({
    news: (ctx, e) => note(ctx.state, e.data),
    tell: async (ctx, e) => {
      await ctx.publish("news.told", News, { id: `${e.data.id}~` });
      mayFail(e.data, ctx.attempt);
    },
  });
}

class Miser extends PurposeDrivenAgent.define({
  type: "miser",
  purpose: "Spends no more than it may",
  state: memory(),
  on: { spend: Spend },
  uses: [CALLS.keyed],
  budget: { turns: { minute: 3 }, effects: { hour: 5 } },
}) {
  readonly handlers = this.handle({
    spend: async (ctx, e) => {
      note(ctx.state, e.data);
      if (e.data.calls !== undefined) await ctx.effect(CALLS.keyed, { id: e.data.id, at: 0 });
      mayFail(e.data, ctx.attempt);
    },
  });
}

class Batcher extends PurposeDrivenAgent.define({
  type: "batcher",
  purpose: "Takes many at once",
  state: memory(),
  on: { drop: Drop, burst: Burst },
}) {
  readonly handlers = this.handle({
    drop: { coalesce: true, run: (ctx, e) => e.batch.forEach((job) => note(ctx.state, job)) },
    burst: { debounce: "2s", run: (ctx, e) => e.batch.forEach((job) => note(ctx.state, job)) },
  });
}

class Parent extends PurposeDrivenAgent.define({
  type: "parent",
  purpose: "Brings up others",
  state: memory(),
  on: { bear: Bear },
}) {
  readonly handlers = this.handle({
    bear: (ctx, e) => {
      note(ctx.state, e.data);
      ctx.spawn(Counter, e.data.to ?? "child").tell(Add, { id: `${e.data.id}#` });
      mayFail(e.data, ctx.attempt);
    },
  });
}

/** The agents that the kernel is simulated with. */
export const SAMPLE_AGENTS: readonly LoadableAgent[] = [Counter, Ponger, Worker, Clerk, Asker, Listener, Miser, Batcher, Parent];

/** The limits of the budget that one of them has. */
export const SAMPLE_BUDGETS = { "miser|turns|minute": 3, "miser|effects|hour": 5 } as const;

/** Who is registered at the start. */
export const SAMPLE_FLEET: readonly (readonly [type: string, id: string])[] = [
  ["counter", "c0"],
  ["counter", "c1"],
  ["counter", "c2"],
  ["ponger", "p0"],
  ["ponger", "p1"],
  ["worker", "w0"],
  ["worker", "w1"],
  ["clerk", "k0"],
  ["asker", "a0"],
  ["listener", "l0"],
  ["listener", "l1"],
  ["miser", "m0"],
  ["batcher", "b0"],
  ["parent", "x0"],
];
