/** What every member keeps of the deliveries that it decided on, and how it records a decision. */
import type { Decision } from "aosjs";
import { z } from "zod";
import type { Delivery } from "./events.ts";
import { judge, type Verdict } from "./rules.ts";

const RECENT_MAX = 20;
const EVENT_TYPES_MAX = 200;

/** The part of a state that all desks share; bounded, however many deliveries come. */
export const deskState = {
  /** Deliveries decided on, by event type; past 200 types the rest counts as `other`. */
  counts: z.record(z.string(), z.number().int()),
  /** The last decisions, newest last. */
  recent: z.array(z.object({ delivery: z.string(), event: z.string(), choice: z.string(), at: z.number() })).max(RECENT_MAX),
};

/** A desk's state, as the query `summary` shows it. */
export const Summary = z.object(deskState);
type Summary = z.output<typeof Summary>;

/** An empty desk. */
export const emptyDesk = (): Summary => ({ counts: {}, recent: [] });

/** The part of a turn that a desk needs. */
interface Desk {
  readonly state: Summary;
  readonly now: number;
  decide(decision: Decision): void;
}

/** Decides on one delivery by the rules: one decision, which names the delivery as its evidence. */
export function decideOn(desk: Desk, delivery: Delivery, ...alsoBecause: readonly string[]): Verdict {
  const verdict = judge(delivery);
  const choice = "ignored" in verdict ? `ignored: ${verdict.ignored}` : verdict.choice;
  const because = "ignored" in verdict ? verdict.ignored : verdict.because;
  desk.decide({ choice, because: [because, ...alsoBecause], evidence: [delivery.delivery] });
  count(desk.state.counts, delivery.event);
  desk.state.recent = [
    ...desk.state.recent.slice(1 - RECENT_MAX),
    { delivery: delivery.delivery, event: delivery.event, choice, at: desk.now },
  ];
  return verdict;
}

/** The summary that a desk's state holds. */
export const summaryOf = ({ counts, recent }: Readonly<Summary>): Summary => ({ counts, recent });

function count(counts: Record<string, number>, event: string): void {
  // `hasOwn`: an event may be called "constructor".
  const isKnown = Object.hasOwn(counts, event);
  const name = isKnown || Object.keys(counts).length < EVENT_TYPES_MAX ? event : "other";
  counts[name] = (Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0) + 1;
}
