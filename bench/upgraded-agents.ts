/** The agents of the benchmarks in the next version of their code, as a plan of an upgrade takes it. */
import { PurposeDrivenAgent, state } from "aosjs";
import { z } from "zod";
import { Tick } from "./agents.ts";

/** Counts in another state, which every stored one has to be migrated to. */
export class Counter extends PurposeDrivenAgent.define({
  type: "counter",
  purpose: "Count",
  state: state(2, z.object({ total: z.number(), lines: z.array(z.object({ text: z.string() })) }), {
    initial: () => ({ total: 0, lines: [] }),
    migrate: {
      1: (old: { readonly count: number; readonly tail: readonly string[] }) => ({
        total: old.count,
        lines: old.tail.map((text) => ({ text })),
      }),
    },
  }),
  on: { tick: Tick },
}) {
  readonly handlers = this.handle({ tick: (ctx) => void ctx.state.total++ });
}
