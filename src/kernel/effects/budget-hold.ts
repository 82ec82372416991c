import type { AgentEntry } from "../agents/entry.ts";
import type { Core } from "../core.ts";
import type { ParkCondition } from "../turn/attempt.ts";

/** Holds an agent that has spent its budget until the period ends, and tells once: what comes meanwhile simply waits. */
export function holdForBudget(core: Core, entry: AgentEntry, condition: ParkCondition): void {
  if (condition.kind !== "budget" || condition.until === undefined || entry.heldUntil === condition.until) return;
  entry.heldUntil = condition.until;
  core.report({
    event: "budget.spent",
    agent: entry.address,
    quantity: condition.on,
    until: condition.until,
  });
}

/** Whether an agent waits for its budget; one that was read from the store is held by its mail that is parked for it. */
export function isHeldForBudget(entry: AgentEntry, now: number): boolean {
  entry.heldUntil ??= entry.mailbox.parked.reduce((until, mail) => Math.max(until, budgetUntil(mail.parked)), 0);
  return entry.heldUntil > now;
}

function budgetUntil(parked: string | undefined): number {
  const condition = JSON.parse(parked ?? "{}") as Partial<ParkCondition>;
  return condition.kind === "budget" ? (condition.until ?? 0) : 0;
}
