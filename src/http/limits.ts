/** The bounds of the HTTP face. */
export interface HttpLimits {
  /** Bytes of a request with one event, a command's input and the like. */
  readonly bodyBytes: number;
  /** Bytes of a batch of events. */
  readonly batchBytes: number;
  /** Bytes of a webhook's delivery; GitHub sends up to 25 MB. */
  readonly webhookBytes: number;
  /** Bytes of an export that is imported. */
  readonly exportBytes: number;
  /** Events of one batch. */
  readonly batchEvents: number;
  /** Bytes of one line or message of an ingest. */
  readonly lineBytes: number;
  /** Events of one ingest that are not acknowledged yet; past it reading pauses. */
  readonly ingestInFlight: number;
  /** Milliseconds for which an ingest may say nothing. */
  readonly ingestIdleMs: number;
  /** Bytes of a request's headers. */
  readonly headerBytes: number;
  /** Milliseconds for the headers to arrive. */
  readonly headersMs: number;
  /** Milliseconds for a whole body to arrive. */
  readonly bodyMs: number;
  /** Milliseconds between comments on a silent stream. */
  readonly heartbeatMs: number;
  /** Milliseconds for which a stream's reader may take nothing until it is cut. */
  readonly slowReaderMs: number;
  /** Streams and ingests that are open at once. */
  readonly longConnections: number;
}

/** The bounds in force where the configuration says nothing. */
export const HTTP_LIMITS: HttpLimits = {
  bodyBytes: 2 << 20,
  batchBytes: 16 << 20,
  webhookBytes: 25 << 20,
  exportBytes: 64 << 20,
  batchEvents: 10_000,
  lineBytes: 1 << 20,
  ingestInFlight: 1_024,
  ingestIdleMs: 300_000,
  headerBytes: 16 << 10,
  headersMs: 10_000,
  bodyMs: 30_000,
  heartbeatMs: 15_000,
  slowReaderMs: 30_000,
  longConnections: 1_024,
};
