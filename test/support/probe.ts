/** An agent for the tests of settings: each of its events does one thing that a setting bounds. */
import { AosError, command, cron, effect, event, PurposeDrivenAgent, query, state } from "../../src/kernel/index.ts";
import { z } from "zod";

/** Is noted in the state. */
export const Note = event("note", z.object({ text: z.string() }));
/** Makes the state so long. */
export const Grow = event("grow", z.object({ length: z.number() }));
/** Does nothing. */
export const Hush = event("hush", z.object({}));
/** Throws. */
export const Fail = event("fail", z.object({ why: z.string().optional() }));
/** Ends only when it is aborted. */
export const Hang = event("hang", z.object({}));
/** Tells itself so often to note something. */
export const Spray = event("spray", z.object({ count: z.number() }));
/** Tells itself the same, for ever. */
export const Loop = event("loop", z.object({}));
/** Calls so many effects. */
export const Act = event("act", z.object({ count: z.number() }));
/** Asks another agent for its notes. */
export const Ask = event("ask", z.object({ id: z.string() }));
/** Thinks. */
export const Think = event("think", z.object({}));

const Nothing = effect("nothing", {
  input: z.object({ n: z.number() }),
  output: z.object({}),
  run: () => ({}),
});

/** The agent. */
export class Probe extends PurposeDrivenAgent.define({
  type: "probe",
  purpose: "Do what a setting bounds",
  state: state(1, z.object({ notes: z.array(z.string()) }), { initial: () => ({ notes: [] }) }),
  on: {
    note: Note,
    grow: Grow,
    hush: Hush,
    fail: Fail,
    hang: Hang,
    spray: Spray,
    loop: Loop,
    act: Act,
    ask: Ask,
    think: Think,
  },
  commands: { notes: command(z.object({}), z.array(z.string())) },
  queries: { read: query(z.object({}), z.array(z.string())) },
  uses: [Nothing],
  sends: [Note, Loop],
  schedules: { yearly: cron("0 0 1 1 *", { tz: "UTC" }) },
}) {
  readonly handlers = this.handle({
    note: (ctx, { data }) => void ctx.state.notes.push(data.text),
    grow: (ctx, { data }) => void ctx.state.notes.push("x".repeat(data.length)),
    hush: () => undefined,
    fail: (_ctx, { data }) => {
      throw new Error(data.why ?? "as asked");
    },
    hang: async (ctx) => {
      await new Promise((resolve) => {
        ctx.signal.addEventListener("abort", resolve, { once: true });
      });
    },
    spray: (ctx, { data }) => {
      for (let n = 0; n < data.count; n++) ctx.tell("probe/sink", Note, { text: String(n) });
    },
    loop: (ctx) => {
      ctx.state.notes.push("loop");
      ctx.tell("probe/main", Loop, {});
    },
    act: async (ctx, { data }) => {
      for (let n = 0; n < data.count; n++) await ctx.effect(Nothing, { n });
    },
    ask: async (ctx, { data }) => {
      try {
        await ctx.agent(Probe, data.id).ask("notes", {});
      } catch (thrown) {
        ctx.state.notes.push(thrown instanceof AosError ? thrown.code : String(thrown));
      }
    },
    think: async (ctx) => {
      try {
        await ctx.think("what now", { input: {} });
      } catch (thrown) {
        ctx.state.notes.push(thrown instanceof AosError ? `${thrown.code}: ${thrown.message}` : String(thrown));
      }
    },
    notes: (ctx) => ctx.state.notes,
    read: (current) => current.notes,
    yearly: () => undefined,
  });
}
