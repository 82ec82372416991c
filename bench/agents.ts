/** The agents that the benchmarks drive; loaded in process, and by `aos up` from another one. */
import { event, PurposeDrivenAgent, state } from "aosjs";
import { z } from "zod";

/** The event of W1. */
export const Tick = event("bench.tick", z.object({ n: z.number() }));
/** The event of W2. */
export const Ball = event("bench.ball", z.object({ left: z.number() }));

const ENTRIES = 14;
const entry = (n: number): string => `entry ${n} `.padEnd(64, "0123456789abcdef");

/** W1: increments a counter and appends to a state that is kept at 1 KiB. */
export class Counter extends PurposeDrivenAgent.define({
  type: "counter",
  purpose: "Count",
  state: state(1, z.object({ count: z.number(), tail: z.array(z.string()) }), {
    initial: () => ({ count: 0, tail: Array.from({ length: ENTRIES }, (_, at) => entry(at)) }),
  }),
  on: { tick: Tick },
}) {
  readonly handlers = this.handle({
    tick: (ctx, e) => {
      ctx.state.count++;
      ctx.state.tail.push(entry(e.data.n));
      if (ctx.state.tail.length > ENTRIES) ctx.state.tail.shift();
    },
  });
}

/** W2: throws the ball back until it has bounced often enough. */
export class Player extends PurposeDrivenAgent.define({
  type: "player",
  purpose: "Play",
  state: state(1, z.object({ hits: z.number() }), { initial: () => ({ hits: 0 }) }),
  on: { ball: Ball },
}) {
  readonly handlers = this.handle({
    ball: (ctx, e) => {
      ctx.state.hits++;
      if (e.data.left > 0) ctx.reply(Ball, { left: e.data.left - 1 });
    },
  });
}
