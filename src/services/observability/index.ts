/**
 * What the system tells of itself: structured logs and metrics. In: log calls, counts, the kernel's statistics. Out: lines on a stream, and text in
 * Prometheus' format. It never blocks a turn, and never writes a credential: what looks like one is redacted.
 */
export { createLogger, type LoggerOptions } from "./logger.ts";
export type { Log, LogFields, LogLevel } from "./log.ts";
export { Metrics, type MetricsOptions } from "./metrics.ts";
export { collectKernel } from "./kernel-metrics.ts";
