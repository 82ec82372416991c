import { AosError } from "../kernel/index.ts";

/** Connections that last: streams and ingests. They are bounded, and told when the server closes. */
export class LongConnections {
  readonly #max: number;
  readonly #stops = new Set<() => void>();
  #isClosed = false;

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Counts a connection in; answers what counts it out.
   * @throws AosError SHUTTING_DOWN, QUEUE_FULL.
   */
  add(stop: () => void): () => void {
    if (this.#isClosed) throw new AosError("SHUTTING_DOWN", "the system is shutting down");
    if (this.#stops.size >= this.#max) throw new AosError("QUEUE_FULL", `${this.#max} streams are open; close one or come back later`);
    this.#stops.add(stop);
    return () => void this.#stops.delete(stop);
  }

  /** Ends them all, and refuses new ones. */
  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
  }
}
