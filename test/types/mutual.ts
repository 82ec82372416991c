/** Two agent types that refer to each other, with schemas of three libraries; checked by `tsc` alone, never run. */
import { command, event, PurposeDrivenAgent, state } from "aosjs";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";

const Ping = event("ping", type({ n: "number" }));
const Pong = event("pong", v.object({ n: v.number() }));
const counter = state(1, type({ n: "number" }), { initial: () => ({ n: 0 }) });
const limits = v.object({ max: v.number() });

export class A extends PurposeDrivenAgent.define({
  type: "a",
  purpose: "p",
  state: counter,
  on: { pong: Pong },
  commands: { c: command(z.object({}), z.object({ ok: z.boolean() })) },
}) {
  readonly handlers = this.handle({
    pong: (ctx, e) => {
      ctx.agent(B, "x").tell(Ping, { n: e.data.n });
      // @ts-expect-error B does not accept what A does
      ctx.agent(B, "x").tell(Pong, { n: e.data.n });
    },
    c: async (ctx) => {
      const reply = await ctx.agent(B, "x").ask("d", { n: 1 });
      return { ok: reply.ok };
    },
  });
}

export class B extends PurposeDrivenAgent.define({
  type: "b",
  purpose: "p",
  state: counter,
  config: limits,
  on: { ping: Ping },
  commands: { d: command(v.object({ n: v.number() }), type({ ok: "boolean" })) },
}) {
  readonly handlers = this.handle({
    ping: (ctx, e) => {
      ctx.state.n = Math.min(e.data.n, ctx.config.max);
      ctx.agent(A, "x").tell(Pong, { n: ctx.state.n });
      // @ts-expect-error the state holds a number
      ctx.state.n = "1";
      // @ts-expect-error nothing of that name is configured
      void ctx.config.min;
    },
    d: async (ctx, input) => {
      const reply = await ctx.agent(A, "x").ask("c", {});
      return { ok: reply.ok && input.n > 0 };
    },
  });
}
