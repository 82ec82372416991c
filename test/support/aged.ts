/** An agent type in two versions of its code, and whatever may go wrong on the way from one to the other. */
import { z } from "zod";
import { event, PurposeDrivenAgent, state } from "../../src/index.ts";

/** Makes it older. */
export const Older = event("older", z.object({}));
/** Fails for good. */
export const Stumble = event("stumble", z.object({}));

/** Version 1. */
export class AgedBefore extends PurposeDrivenAgent.define({
  type: "aged",
  purpose: "Grow old",
  state: state(1, z.object({ years: z.number() }), { initial: () => ({ years: 1 }) }),
  on: { older: Older },
}) {
  readonly handlers = this.handle({ older: (ctx) => void ctx.state.years++ });
}

/** Version 2; a state of more years than `bearable` cannot be migrated. */
export function aged(bearable = Number.POSITIVE_INFINITY) {
  return class Aged extends PurposeDrivenAgent.define({
    type: "aged",
    purpose: "Grow old",
    state: state(2, z.object({ days: z.number() }), {
      initial: () => ({ days: 365 }),
      migrate: {
        1: (old: { years: number }) => {
          if (old.years > bearable) throw new Error(`${old.years} years are too many`);
          return { days: old.years * 365 };
        },
      },
    }),
    on: { older: Older, stumble: Stumble },
    retry: { attempts: 20, backoff: "fixed", delayMs: 1, retryOn: ["UNAVAILABLE"] },
  }) {
    readonly handlers = this.handle({
      older: (ctx) => void (ctx.state.days += 365),
      stumble: () => {
        throw new Error("stumbled");
      },
    });
  };
}

/** Version 2 whose migration always succeeds. */
export const Aged = aged();
