/** An agents file with handlers that take the whole process with them, and a bystander who must not suffer. */
import { event, PurposeDrivenAgent, state } from "aosjs";
import { writeSync } from "node:fs";
import { z } from "zod";

/** Mail that the bystander counts. */
export const Ping = event("ping", z.object({ id: z.string() }));
/** Mail that ends the process, by a signal or by never giving the event loop back. */
export const Die = event("die", z.object({ how: z.enum(["kill", "block"]) }));

/** Counts. */
export class Bystander extends PurposeDrivenAgent.define({
  type: "bystander",
  purpose: "Count, whatever others do",
  state: state(1, z.object({ seen: z.record(z.string(), z.number()) }), {
    initial: () => ({ seen: {} }),
  }),
  on: { ping: Ping },
}) {
  readonly handlers = this.handle({
    ping: (ctx, { data }) => {
      ctx.state.seen[data.id] = (ctx.state.seen[data.id] ?? 0) + 1;
    },
  });
}

/** Ends its process. */
export class Killer extends PurposeDrivenAgent.define({
  type: "killer",
  purpose: "Take the process along",
  state: state(1, z.object({}), { initial: () => ({}) }),
  on: { die: Die },
}) {
  readonly handlers = this.handle({
    die: (_ctx, { data }) => {
      if (data.how === "kill") process.kill(process.pid, "SIGKILL");
      writeSync(process.stderr.fd, "blocks from now on\n");
      for (;;);
    },
  });
}

/** Who is there from the start. */
export const register = [
  { agent: Bystander, id: "main" },
  { agent: Killer, id: "main" },
];
