/** Ten agents turn very often: what they leave on the disk. */
import { type AgentOperatingSystem, event, PurposeDrivenAgent, state } from "aosjs";
import { z } from "zod";

const Measured = event("measured", z.object({ value: z.number(), note: z.string() }));
const AGENTS = 10;
/** Mail that is on its way at once; far below what a mailbox takes. */
const TOGETHER = 4_000;
const KEPT = 20;

/** Remembers its newest measurements. */
class Meter extends PurposeDrivenAgent.define({
  type: "meter",
  purpose: "Remember the newest measurements",
  state: state(1, z.object({ count: z.number(), sum: z.number(), newest: z.array(z.string()) }), {
    initial: () => ({ count: 0, sum: 0, newest: [] }),
  }),
  on: { measured: Measured },
}) {
  readonly handlers = this.handle({
    measured: (ctx, { data }) => {
      ctx.state.count += 1;
      ctx.state.sum += data.value;
      ctx.state.newest.push(data.note);
      if (ctx.state.newest.length > KEPT) ctx.state.newest.shift();
    },
  });
}

/** What a store holds after so many turns. */
export interface Held {
  readonly turns: number;
  /** By class, and `file` and `log` as they lie on the disk. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** Lets ten agents have so many turns; tells what is held after each of `looks` equal parts. */
export async function grow(aos: AgentOperatingSystem, turns: number, looks: number): Promise<readonly Held[]> {
  for (let at = 0; at < AGENTS; at++) await aos.register(Meter, `m${at}`);
  const held: Held[] = [];
  for (let done = 0; done < turns;) {
    const until = Math.min(turns, done + turns / looks);
    for (; done < until; done += TOGETHER) await round(aos, done, Math.min(TOGETHER, until - done));
    const { bytes, freeBytes, logBytes } = await aos.store.size();
    held.push({ turns: done, bytes: { ...(await aos.store.usage()), file: bytes, used: bytes - freeBytes, log: logBytes } });
  }
  return held;
}

async function round(aos: AgentOperatingSystem, from: number, count: number): Promise<void> {
  const sent = Array.from({ length: count }, (_, at) =>
    aos.emit(
      Measured,
      { value: at % 97, note: `measurement ${from + at} of a meter` },
      { to: `meter/m${at % AGENTS}`, key: `k${from + at}` },
    ),
  );
  const acks = (await Promise.all(sent)).flat();
  // The turn of the last event of each agent ends last.
  await Promise.all(acks.slice(-AGENTS).map((ack) => aos.outcome(ack, 60_000)));
}
