/** The agents that the crash tests run: every kind of traffic, counted per job in the state of whoever it reaches. */
import { AosError, command, effect, event, PurposeDrivenAgent, state } from "aosjs";
import { request } from "node:http";
import { z } from "zod";
import { reached } from "./fail-points.ts";

/** What a job makes a worker do. */
export const KINDS = [
  "plain",
  "tell",
  "told-once",
  "key",
  "never",
  "safe",
  "reconcile",
  "timer",
  "ask",
  "spawn",
  "flaky",
  "doomed",
  "publish",
  "mixed",
  "later",
] as const;
/** How the oracle treats the first call of a job's effect. */
export const FAULTS = ["none", "delay", "drop"] as const;

const JobData = z.object({
  id: z.string(),
  n: z.number(),
  lane: z.string(),
  kind: z.enum(KINDS),
  fault: z.enum(FAULTS),
});
const Ref = z.object({ id: z.string() });
const Counts = z.record(z.string(), z.number());

/** A job as the driver sends it. */
export type JobData = z.infer<typeof JobData>;

const Job = event("job", JobData);
const Note = event("note", Ref);
const Tick = event("tick", Ref);
const Hello = event("hello", Ref);
const News = event("news", Ref);

/** What an effect tells the oracle. */
export interface OracleCall {
  readonly key: string;
  readonly name: string;
  readonly id: string;
  readonly fault: JobData["fault"];
}

const oracleUrl = process.env["CRASH_ORACLE"] ?? "";

function ask(path: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request(new URL(path, oracleUrl), { method: "POST" }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => (text += part));
      answer.on("error", reject).on("end", () => resolve(JSON.parse(text)));
    });
    call.on("error", reject).end(JSON.stringify(body));
  });
}

const EffectIn = z.object({ id: z.string(), fault: z.enum(FAULTS) });
const EffectOut = z.object({ ok: z.boolean() });

async function callOracle(name: string, input: z.infer<typeof EffectIn>, key: string): Promise<z.infer<typeof EffectOut>> {
  reached("before-effect");
  const call: OracleCall = { key, name, ...input };
  const sent = ask("/effect", call);
  reached("during-effect");
  const answer = EffectOut.parse(await sent);
  reached("after-effect");
  return answer;
}

const common = { input: EffectIn, output: EffectOut, breaker: false } as const;
const Pay = effect("pay", {
  ...common,
  repeat: "key",
  key: ({ id }) => `pay:${id}`,
  run: (input, { idempotencyKey }) => callOracle("pay", input, idempotencyKey),
});
const Fire = effect("fire", {
  ...common,
  repeat: "never",
  run: (input, { idempotencyKey }) => callOracle("fire", input, idempotencyKey),
});
const Look = effect("look", {
  ...common,
  repeat: "safe",
  run: (input, { idempotencyKey }) => callOracle("look", input, idempotencyKey),
});
const Move = effect("move", {
  ...common,
  repeat: "reconcile",
  run: (input, { idempotencyKey }) => callOracle("move", input, idempotencyKey),
  reconcile: async (_input, { idempotencyKey }) => {
    const { happened } = z.object({ happened: z.boolean() }).parse(await ask("/happened", { key: idempotencyKey }));
    return happened ? { happened, output: { ok: true } } : { happened };
  },
});

const EFFECTS = { key: Pay, never: Fire, safe: Look, reconcile: Move } as const;
const supervise = { restarts: 100_000, within: "1h" } as const;

/** Counts what reaches it. */
export class Sink extends PurposeDrivenAgent.define({
  type: "sink",
  purpose: "Count what workers tell",
  state: state(1, z.object({ notes: Counts, news: Counts }), {
    initial: () => ({ notes: {}, news: {} }),
  }),
  on: { note: Note, news: News },
  topics: [{ topic: "crash.>", event: News }],
  supervise,
}) {
  readonly handlers = this.handle({
    note: (ctx, { data }) => add(ctx.state.notes, data.id),
    news: (ctx, { data }) => add(ctx.state.news, data.id),
  });
}

/** Answers asks. */
export class Desk extends PurposeDrivenAgent.define({
  type: "desk",
  purpose: "Count what is asked of it",
  state: state(1, z.object({ asked: Counts }), { initial: () => ({ asked: {} }) }),
  commands: { add: command(Ref, z.object({ total: z.number() })) },
  supervise,
}) {
  readonly handlers = this.handle({
    add: (ctx, { id }) => {
      add(ctx.state.asked, id);
      return { total: Object.keys(ctx.state.asked).length };
    },
  });
}

/** Is spawned, and greeted in the same turn. */
class Kid extends PurposeDrivenAgent.define({
  type: "kid",
  purpose: "Be born of a turn",
  state: state(1, z.object({ greeted: Counts }), { initial: () => ({ greeted: {} }) }),
  on: { hello: Hello },
  supervise,
}) {
  readonly handlers = this.handle({ hello: (ctx, { data }) => add(ctx.state.greeted, data.id) });
}

/** Does jobs. */
export class Worker extends PurposeDrivenAgent.define({
  type: "worker",
  purpose: "Do jobs of every kind",
  state: state(1, z.object({ done: Counts, ticks: Counts, order: z.record(z.string(), z.array(z.number())) }), {
    initial: () => ({ done: {}, ticks: {}, order: {} }),
  }),
  on: { job: Job, tick: Tick },
  uses: [Pay, Fire, Look, Move],
  supervise,
}) {
  readonly handlers = this.handle({
    job: async (ctx, { data: job }) => {
      reached("handler-start");
      const input = { id: job.id, fault: job.fault };
      const ref = { id: job.id };
      switch (job.kind) {
        case "plain":
        case "later":
          break;
        case "tell":
          ctx.agent(Sink, "main").tell(Note, ref);
          break;
        case "told-once":
          for (let copy = 0; copy < 2; copy++) ctx.agent(Sink, "main").tell(Note, ref, { key: job.id });
          break;
        case "key":
        case "safe":
        case "never":
        case "reconcile":
          await ctx.effect(EFFECTS[job.kind], input);
          break;
        case "mixed":
          await ctx.effect(Pay, input);
          await ctx.effect(Fire, input);
          ctx.agent(Sink, "main").tell(Note, ref);
          break;
        case "timer":
          ctx.timer(job.id, ctx.now + 15, Tick, ref);
          break;
        case "ask":
          await ctx.agent(Desk, "main").ask("add", ref);
          break;
        case "spawn":
          ctx.spawn(Kid, `of-${job.n % 7}`).tell(Hello, ref);
          break;
        case "flaky":
          if (ctx.attempt < 3) throw new Error("not yet");
          break;
        case "doomed":
          throw new AosError("EFFECT_FAILED", "never again", { retryable: false });
        case "publish":
          await ctx.publish("crash.news", News, ref);
          break;
      }
      add(ctx.state.done, job.id);
      (ctx.state.order[job.lane] ??= []).push(job.n);
      reached("handler-end");
    },
    tick: (ctx, { data }) => add(ctx.state.ticks, data.id),
  });
}

/** The types in the order in which they are loaded. */
export const TYPES = [Sink, Desk, Kid, Worker] as const;
/** The event that carries a job. */
export const JobEvent = Job;

function add(counts: Record<string, number>, id: string): void {
  counts[id] = (counts[id] ?? 0) + 1;
}
