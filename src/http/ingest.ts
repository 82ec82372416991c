import { type AosError, toAosError } from "../kernel/index.ts";
import { parseJson, readShorthand, toArrival } from "../protocol/index.ts";
import { addressFor, type Caller } from "./guard.ts";
import { problemAnswer } from "./problems.ts";
import type { HttpLog, HttpSystem } from "./system.ts";

/** How an ingest talks to its connection. */
export interface IngestPeer {
  /** Takes acknowledgements, one line each without its break; called once a tick at most. */
  readonly send: (lines: readonly string[]) => void;
  /** Whether so much is in flight that reading should rest. */
  readonly onPressure: (isFull: boolean) => void;
}

/** One connection's stream of events: each line becomes mail, each is acknowledged by its id once durable, in the order in which they are. */
export class Ingest {
  readonly #system: Pick<HttpSystem, "api" | "clock">;
  readonly #caller: Caller;
  readonly #log: HttpLog;
  readonly #inFlightMax: number;
  readonly #peer: IngestPeer;
  #inFlight = 0;
  #line = 0;
  #isFull = false;
  #out: string[] = [];
  #idle: (() => void) | undefined;

  constructor(system: Pick<HttpSystem, "api" | "clock">, caller: Caller, log: HttpLog, inFlightMax: number, peer: IngestPeer) {
    this.#system = system;
    this.#caller = caller;
    this.#log = log;
    this.#inFlightMax = inFlightMax;
    this.#peer = peer;
  }

  /** Takes one line; empty ones are passed over. */
  push(line: Uint8Array | string): void {
    this.#line++;
    if (line.length === 0 || (line.length === 1 && line[0] === CARRIAGE_RETURN)) return;
    const number = this.#line;
    let id: string | undefined;
    try {
      const value = parseJson(line, `line ${number}`);
      id = idOf(value);
      const event = readShorthand(value, this.#system.clock.now());
      const arrival = toArrival(event, this.#caller.principal.id, undefined);
      if (event.target === undefined) {
        // Routed events have many acknowledgements; a stream has one per line.
        this.#refuse(id, number, toAosError(new Error("an event on this stream needs aostarget"), "USAGE"));
        return;
      }
      this.#begin();
      void this.#accept(arrival, addressFor(this.#caller, event.target), id, number);
    } catch (thrown) {
      this.#refuse(id, number, thrown);
    }
  }

  /** Says that a line could not be read at all. */
  reject(error: AosError): void {
    this.#line++;
    this.#refuse(undefined, this.#line, error);
  }

  /** Resolves once everything that was pushed has been answered. */
  async drained(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#flush();
  }

  async #accept(arrival: ReturnType<typeof toArrival>, target: string, id: string | undefined, number: number): Promise<void> {
    try {
      const ack = await this.#system.api.accept({ ...arrival, target });
      this.#answer(
        `{"id":${JSON.stringify(id ?? null)},"line":${number},"seq":${ack.seq},"duplicate":${ack.duplicate},"envelope":"${ack.id}"}`,
      );
    } catch (thrown) {
      this.#refuse(id, number, thrown);
    }
    this.#end();
  }

  #refuse(id: string | undefined, line: number, thrown: unknown): void {
    const { document } = problemAnswer(thrown, this.#log);
    this.#answer(JSON.stringify({ id: id ?? null, line, error: document }));
  }

  #answer(line: string): void {
    if (this.#out.push(line) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    const lines = this.#out;
    this.#out = [];
    this.#peer.send(lines);
  }

  #begin(): void {
    if (++this.#inFlight <= this.#inFlightMax || this.#isFull) return;
    this.#isFull = true;
    this.#peer.onPressure(true);
  }

  #end(): void {
    this.#inFlight--;
    if (this.#isFull && this.#inFlight <= this.#inFlightMax / 2) {
      this.#isFull = false;
      this.#peer.onPressure(false);
    }
    if (this.#inFlight === 0) this.#idle?.();
  }
}

const CARRIAGE_RETURN = 0x0d;

function idOf(value: unknown): string | undefined {
  const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
  return typeof id === "string" ? id : undefined;
}
