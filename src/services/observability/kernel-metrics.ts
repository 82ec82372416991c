import { Counter, Gauge } from "prom-client";
import type { KernelStats } from "../../kernel/index.ts";
import type { Metrics } from "./metrics.ts";

/** Shows the kernel's figures among the metrics; they are read when somebody asks. */
export function collectKernel(metrics: Metrics, stats: () => KernelStats): void {
  const registers = [metrics.registry];
  const total = (name: string, help: string, read: (now: KernelStats) => number): Counter =>
    new Counter({ name: `aos_${name}_total`, help, registers, collect() { this.reset(); this.inc(read(stats())); } });
  const totals = (name: string, help: string, label: string, read: (now: KernelStats) => readonly (readonly [string, number])[]): Counter =>
    new Counter({
      name: `aos_${name}_total`,
      help,
      registers,
      labelNames: [label],
      collect() {
        this.reset();
        for (const [value, count] of read(stats())) this.inc({ [label]: value }, count);
      },
    });
  const single = (name: string, help: string, read: (now: KernelStats) => number): Gauge =>
    new Gauge({ name: `aos_${name}`, help, registers, collect() { this.set(read(stats())); } });
  const labelled = (name: string, help: string, label: string, read: (now: KernelStats) => readonly (readonly [string, number])[]): Gauge =>
    new Gauge({
      name: `aos_${name}`,
      help,
      registers,
      labelNames: [label],
      collect() {
        this.reset();
        for (const [value, count] of read(stats())) this.set({ [label]: value }, count);
      },
    });
  totals("turns", "Turns that ended, by outcome", "outcome", (now) => Object.entries(now.turns));
  totals("records", "Journal records, by kind", "kind", (now) => Object.entries(now.kinds).map(([kind, count]) => [kind, count ?? 0] as const));
  total("accepted", "Mail that arrived from outside", (now) => now.accepted);
  total("duplicates", "Mail that was recognised as a duplicate", (now) => now.duplicates);
  total("wakes", "Wakes of agents", (now) => now.wakes);
  total("wasted_wakes", "Wakes that changed no state, had no effect and sent nothing", (now) => now.wastedWakes);
  single("wasted_wakes_share", "Share of wakes that were wasted, 0 to 1", (now) => (now.wakes === 0 ? 0 : now.wastedWakes / now.wakes));
  total("effects", "Effects that were called", (now) => now.effects);
  total("commits", "Commits of the store", (now) => now.commits);
  total("committed_units", "Units that commits carried", (now) => now.committedUnits);
  single("turns_in_flight", "Turns that run now", (now) => now.inFlight);
  single("agents_in_memory", "Agents whose state is in memory", (now) => now.agentsInMemory);
  single("agents_queued", "Agents that wait for a turn", (now) => now.queued);
  single("store_is_down", "1 while the store refuses writes", (now) => (now.storeIsDown ? 1 : 0));
  labelled("breaker_open", "Breakers that are not closed: 1 open, 0.5 half open", "name", (now) => now.breakers.map(({ name, state }) => [name, state === "open" ? 1 : 0.5] as const));
}
