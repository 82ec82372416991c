/** What must infer, and what must not compile; checked by `tsc` alone, never run. */
import { type AgentClass, anything, command, cron, effect, event, every, PurposeDrivenAgent, query, state } from "aosjs";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";

type IsAny<T> = 0 extends 1 & T ? true : false;
type IsSame<A, B> = [A, B] extends [B, A] ? true : false;
type Equal<A, B> = IsAny<A> extends true ? false : IsSame<A, B>;
/** Compiles only where a value's type is exactly `T`. */
const exactly =
  <T>() =>
  <V>(value: V, ..._proof: Equal<V, T> extends true ? [] : [never]): V =>
    value;

declare const maybe: string | undefined;
// @ts-expect-error the probe notices another type
exactly<string>()(1);
// @ts-expect-error the probe notices a wider type
exactly<string>()(maybe);
// @ts-expect-error the probe notices an implicit any
exactly<string>()(JSON.parse("1"));

const Invoice = event("invoice.received", z.object({ id: z.string(), amount: z.number() }));
const Paid = event("invoice.paid", v.object({ id: v.string() }));
const Reminder = event("invoice.reminder", type({ id: "string", "days?": "number" }));
const Defaulted = event("invoice.noted", z.object({ id: z.string(), tags: z.array(z.string()).default([]) }));
const Whatever = event("whatever", anything<{ readonly raw: string }>());
const Pay = effect("pay", {
  input: z.object({ id: z.string() }),
  output: z.object({ ref: z.string() }),
  repeat: "key",
  key: (input) => `pay:${exactly<string>()(input.id)}`,
  run: async (input, { idempotencyKey, signal }) => {
    exactly<AbortSignal>()(signal);
    return { ref: idempotencyKey + exactly<string>()(input.id) };
  },
});
const Notify = effect("notify", {
  input: type({ to: "string" }),
  output: v.object({ sent: v.boolean() }),
  run: ({ to }) => ({ sent: to !== "" }),
});
const Other = effect("other", { input: z.object({}), output: z.object({}), run: () => ({}) });

class Ceo extends PurposeDrivenAgent.define({
  type: "ceo",
  purpose: "p",
  state: state(1, v.object({ n: v.number() }), { initial: () => ({ n: 0 }) }),
  on: { paid: Paid, noted: Defaulted, whatever: Whatever },
  commands: { approve: command(type({ id: "string" }), z.object({ ok: z.boolean() })) },
}) {
  readonly handlers = this.handle({
    paid: (ctx, e) => {
      ctx.state.n += exactly<string>()(e.data.id).length;
      exactly<number>()(e.at);
    },
    noted: (_ctx, e) => {
      exactly<string[]>()(e.data.tags);
    },
    whatever: (_ctx, e) => {
      exactly<string>()(e.data.raw);
    },
    approve: async (ctx, input) => ({ ok: exactly<string>()(input.id) !== String(ctx.state.n) }),
  });
}

/** Everything that a contract may declare, inferred. */
export class Cfo extends PurposeDrivenAgent.define({
  type: "cfo",
  purpose: "Keep the company solvent",
  config: z.object({ limit: z.number() }),
  uses: [Pay, Notify],
  state: state(1, z.object({ paid: z.array(z.string()) }), { initial: () => ({ paid: [] }) }),
  on: { invoice: Invoice, reminder: Reminder },
  queries: { count: query(z.object({ from: z.number().default(0) }), z.number()) },
  schedules: { daily: cron("0 9 * * *"), pulse: every("5m") },
}) {
  readonly handlers = this.handle({
    invoice: async (ctx, e) => {
      exactly<number>()(e.data.amount);
      exactly<string[]>()(ctx.state.paid);
      exactly<number>()(ctx.config.limit);
      const { ref } = await ctx.effect(Pay, { id: e.data.id });
      ctx.state.paid.push(exactly<string>()(ref));
      exactly<boolean>()((await ctx.effect(Notify, { to: ref })).sent);
      const ceo = ctx.agent(Ceo, "main");
      ceo.tell(Paid, { id: e.data.id }, { priority: 7, key: e.id });
      ceo.tell(Defaulted, { id: "a default may be left out" });
      const answer = await ceo.ask("approve", { id: "x" });
      exactly<boolean>()(answer.ok);
      ctx.timer("late", "3d", Reminder, { id: e.data.id });
      ctx.reply(Paid, { id: "1" });
      exactly<number>()(await ctx.broadcast(Paid, { id: "1" }, { tag: "board" }));
      // @ts-expect-error an effect that the contract does not list
      await ctx.effect(Other, {});
      // @ts-expect-error a wrong input of an effect
      await ctx.effect(Pay, { id: 1 });
      // @ts-expect-error the CEO does not accept invoices
      ceo.tell(Invoice, { id: "1", amount: 1 });
      // @ts-expect-error a wrong payload
      ceo.tell(Paid, { id: 1 });
      // @ts-expect-error a payload with something missing
      ceo.tell(Paid, {});
      // @ts-expect-error a command that the CEO does not have
      await ceo.ask("dismiss", { id: "x" });
      // @ts-expect-error a wrong input of a command
      await ceo.ask("approve", { id: 1 });
      // @ts-expect-error a wrong payload of a timer
      ctx.timer("late", "3d", Reminder, { id: 1 });
      // @ts-expect-error an option that does not exist
      ceo.tell(Paid, { id: "1" }, { urgent: true });
      // @ts-expect-error state that the schema does not have
      ctx.state.unpaid = [];
      // @ts-expect-error a wrong type of state
      ctx.state.paid.push(1);
    },
    reminder: {
      debounce: "1m",
      wakeIf: (s, e) => s.paid.includes(exactly<string>()(e.data.id)),
      run: (_ctx, e) => {
        exactly<number | undefined>()(e.batch[0]?.days);
      },
    },
    count: (s, input) => s.paid.slice(exactly<number>()(input.from)).length,
    daily: (ctx, tick) => {
      exactly<number>()(tick.scheduledAt);
      ctx.wakeEarlier("daily", "1h");
    },
    pulse: () => {},
  });
}

const empty = {
  type: "m",
  purpose: "p",
  state: state(1, z.object({}), { initial: () => ({}) }),
} as const;

export class Missing extends PurposeDrivenAgent.define({ ...empty, on: { invoice: Invoice } }) {
  // @ts-expect-error a handler is missing
  readonly handlers = this.handle({});
}

export class Extra extends PurposeDrivenAgent.define({ ...empty, on: { invoice: Invoice } }) {
  readonly handlers = this.handle({
    invoice: () => {},
    // @ts-expect-error a handler too many
    nothing: () => {},
  });
}

export class MissingSchedule extends PurposeDrivenAgent.define({
  ...empty,
  schedules: { daily: every("1d") },
}) {
  // @ts-expect-error the schedule's handler is missing
  readonly handlers = this.handle({});
}

export class WrongAnswers extends PurposeDrivenAgent.define({
  ...empty,
  commands: { c: command(z.object({}), z.object({ ok: z.boolean() })) },
  queries: { q: query(z.object({}), z.number()) },
}) {
  readonly handlers = this.handle({
    // @ts-expect-error the command answers {ok}
    c: () => ({ ok: "yes" }),
    // @ts-expect-error the query answers a number, at once
    q: async () => 1,
  });
}

export class QueryWrites extends PurposeDrivenAgent.define({
  ...empty,
  state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) }),
  on: { invoice: Invoice },
  queries: { q: query(z.object({}), z.number()) },
}) {
  readonly handlers = this.handle({
    invoice: {
      wakeIf: (s) => {
        // @ts-expect-error the gate sees a state that it cannot change
        s.n = 1;
        return true;
      },
      run: () => {},
    },
    q: (s) => {
      // @ts-expect-error a query cannot write
      s.n = 1;
      return s.n;
    },
  });
}

export class OnlySends extends PurposeDrivenAgent.define({
  ...empty,
  on: { invoice: Invoice },
  sends: [Paid],
}) {
  readonly handlers = this.handle({
    invoice: (ctx) => {
      ctx.tell("ceo/main", Paid, { id: "1" });
      // @ts-expect-error an event that `sends` does not list
      ctx.tell("ceo/main", Invoice, { id: "1", amount: 1 });
    },
  });
}

/** A contract without events, commands, queries or schedules asks for no handlers. */
export class Silent extends PurposeDrivenAgent.define(empty) {
  readonly handlers = this.handle({});
}

// @ts-expect-error a first state that the schema does not take
state(1, z.object({ n: z.number() }), { initial: () => ({ n: "0" }) });

/** Classes with contracts of any shape are agent classes. */
export const classes: readonly AgentClass[] = [Ceo, Cfo, Silent, OnlySends];
