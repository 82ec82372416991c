import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { AosError } from "../../kernel/index.ts";

/** How metrics are made. */
export interface MetricsOptions {
  /** Whether the process's own figures (memory, event loop, CPU) are among them. */
  readonly withProcess?: boolean | undefined;
}

type Labels = Readonly<Record<string, string>>;
type Kind = "counter" | "gauge" | "histogram";

const NAME = /^[a-zA-Z][a-zA-Z0-9_.-]{0,199}$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/;
const METRICS_MAX = 1_000;
/** Combinations of label values that one metric may have; what comes later is counted as `other`. */
const SERIES_MAX = 1_000;

/** Counters, gauges and histograms, by the seed's own verbs: `metrics.increment("agent.events.processed")`. */
export class Metrics {
  /** Where collectors of this service hook in. */
  readonly registry = new Registry();
  readonly #known = new Map<
    string,
    {
      readonly kind: Kind;
      readonly names: readonly string[];
      readonly metric: Counter | Gauge | Histogram;
      readonly series: Set<string>;
    }
  >();

  constructor(options: MetricsOptions = {}) {
    if (options.withProcess === true) collectDefaultMetrics({ register: this.registry });
  }

  /**
   * Adds to a counter.
   * @throws AosError USAGE where the name is malformed or taken by another kind, or the amount is negative.
   */
  increment(name: string, by = 1, labels: Labels = {}): void {
    if (!(by >= 0)) throw new AosError("USAGE", `counter ${name} can only rise, not by ${by}`);
    const { metric, values } = this.#metric("counter", name, labels);
    (metric as Counter).inc(values, by);
  }

  /** Sets a gauge. @throws AosError USAGE. */
  gauge(name: string, value: number, labels: Labels = {}): void {
    const { metric, values } = this.#metric("gauge", name, labels);
    (metric as Gauge).set(values, value);
  }

  /** Records one observation; durations are in seconds unless the name says otherwise. @throws AosError USAGE. */
  histogram(name: string, value: number, labels: Labels = {}): void {
    if (!Number.isFinite(value)) throw new AosError("USAGE", `histogram ${name} takes finite numbers, not ${value}`);
    const { metric, values } = this.#metric("histogram", name, labels);
    (metric as Histogram).observe(values, value);
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  #metric(
    kind: Kind,
    name: string,
    labels: Labels,
  ): { readonly metric: Counter | Gauge | Histogram; readonly values: Record<string, string> } {
    const names = Object.keys(labels).toSorted();
    const known = this.#known.get(name) ?? this.#create(kind, name, names);
    if (known.kind !== kind) throw new AosError("USAGE", `metric ${name} is a ${known.kind}, not a ${kind}`);
    if (known.names.join() !== names.join())
      throw new AosError("USAGE", `metric ${name} has the labels [${known.names.join(", ")}], not [${names.join(", ")}]`);
    const series = names.map((label) => labels[label] ?? "").join("\n");
    if (known.series.size >= SERIES_MAX && !known.series.has(series))
      return {
        metric: known.metric,
        values: Object.fromEntries(names.map((label) => [label, "other"])),
      };
    known.series.add(series);
    return { metric: known.metric, values: { ...labels } };
  }

  #create(
    kind: Kind,
    name: string,
    labelNames: string[],
  ): {
    readonly kind: Kind;
    readonly names: readonly string[];
    readonly metric: Counter | Gauge | Histogram;
    readonly series: Set<string>;
  } {
    if (!NAME.test(name)) throw new AosError("USAGE", `metric name "${name.slice(0, 80)}" is not 1–200 of A-Z a-z 0-9 _ . -`);
    const wrong = labelNames.find((label) => !LABEL.test(label));
    if (wrong !== undefined) throw new AosError("USAGE", `label "${wrong.slice(0, 80)}" of metric ${name} is malformed`);
    if (this.#known.size >= METRICS_MAX)
      throw new AosError("LIMIT_EXCEEDED", `there are ${METRICS_MAX} metrics; ${name} would be one more`);
    const shown = name.replaceAll(/[.-]/g, "_");
    if (this.registry.getSingleMetric(shown) !== undefined)
      throw new AosError("USAGE", `metric ${name} would be shown as ${shown}, which is taken`);
    const options = { name: shown, help: name, labelNames, registers: [this.registry] };
    const metric = kind === "counter" ? new Counter(options) : kind === "gauge" ? new Gauge(options) : new Histogram(options);
    const made = { kind, names: labelNames, metric, series: new Set<string>() };
    this.#known.set(name, made);
    return made;
  }
}
