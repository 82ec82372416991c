import { Counter, Gauge, type Registry } from "prom-client";
import type { KernelStats } from "../../kernel/index.ts";
import type { Metrics } from "./metrics.ts";

type Series = readonly (readonly [value: string, count: number])[];

/** A figure of the kernel: one number, or one per value of a label. */
type Figure = readonly [name: string, help: string, read: (now: KernelStats) => number];
type Labelled = readonly [name: string, help: string, label: string, read: (now: KernelStats) => Series];

const TOTALS: readonly Figure[] = [
  ["accepted", "Mail that arrived from outside", (now) => now.accepted],
  ["duplicates", "Mail that was recognised as a duplicate", (now) => now.duplicates],
  ["wakes", "Wakes of agents", (now) => now.wakes],
  ["wasted_wakes", "Wakes that changed, called and sent nothing", (now) => now.wastedWakes],
  ["effects", "Effects that were called", (now) => now.effects],
  ["commits", "Commits of the store", (now) => now.commits],
  ["committed_units", "Units that commits carried", (now) => now.committedUnits],
];

const LABELLED_TOTALS: readonly Labelled[] = [
  ["turns", "Turns that ended, by outcome", "outcome", (now) => Object.entries(now.turns)],
  ["records", "Journal records, by kind", "kind", (now) => counts(now.kinds)],
];

const GAUGES: readonly Figure[] = [
  ["wasted_wakes_share", "Share of wakes that were wasted, 0 to 1", wastedShare],
  ["turns_in_flight", "Turns that run now", (now) => now.inFlight],
  ["agents_in_memory", "Agents whose state is in memory", (now) => now.agentsInMemory],
  ["agents_queued", "Agents that wait for a turn", (now) => now.queued],
  ["store_is_down", "1 while the store refuses writes", (now) => (now.storeIsDown ? 1 : 0)],
];

/** Shows the kernel's figures among the metrics; they are read when somebody asks. */
export function collectKernel(metrics: Metrics, stats: () => KernelStats): void {
  const { registry } = metrics;
  for (const [name, help, read] of TOTALS) total(registry, name, help, [], () => [["", read(stats())]]);
  for (const [name, help, label, read] of LABELLED_TOTALS) {
    total(registry, name, help, [label], () => read(stats()));
  }
  for (const [name, help, read] of GAUGES) gauge(registry, name, help, [], () => [["", read(stats())]]);
  gauge(registry, "breaker_open", "Breakers that are not closed: 1 open, 0.5 half open", ["name"], () =>
    stats().breakers.map(({ name, state }) => [name, state === "open" ? 1 : 0.5] as const),
  );
}

function total(registry: Registry, name: string, help: string, labelNames: string[], read: () => Series): void {
  const metric = new Counter({
    name: `aos_${name}_total`,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      metric.reset();
      for (const [value, count] of read()) metric.inc(labelsOf(labelNames, value), count);
    },
  });
}

function gauge(registry: Registry, name: string, help: string, labelNames: string[], read: () => Series): void {
  const metric = new Gauge({
    name: `aos_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      metric.reset();
      for (const [value, count] of read()) metric.set(labelsOf(labelNames, value), count);
    },
  });
}

function labelsOf([label]: readonly string[], value: string): Record<string, string> {
  return label === undefined ? {} : { [label]: value };
}

function counts(of: Readonly<Record<string, number | undefined>>): Series {
  return Object.entries(of).map(([name, count]) => [name, count ?? 0]);
}

function wastedShare({ wakes, wastedWakes }: KernelStats): number {
  return wakes === 0 ? 0 : wastedWakes / wakes;
}
