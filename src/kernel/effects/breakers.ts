import type { Clock } from "../clock.ts";
import { AosError } from "../errors.ts";

/** When a breaker opens, and for how long. */
export interface BreakerPolicy {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** Milliseconds until one probe may pass. */
  readonly openMs: number;
}

/** The policy of effects that name none. */
export const BREAKER_POLICY: BreakerPolicy = { failures: 5, openMs: 30_000 };

/** Closed lets all pass, open none, half-open one probe at a time. */
export type BreakerState = "closed" | "open" | "half-open";

interface Breaker {
  state: BreakerState;
  failures: number;
  openUntil: number;
  isProbing: boolean;
}

/** The circuit breakers of the effect gate, by name: in memory, since what they tell is the outside's state now. */
export class Breakers {
  readonly #byName = new Map<string, Breaker>();
  readonly #clock: Clock;
  readonly #policy: BreakerPolicy;
  readonly #onChange: (name: string, state: BreakerState) => void;

  constructor(clock: Clock, policy: BreakerPolicy, onChange: (name: string, state: BreakerState) => void) {
    this.#clock = clock;
    this.#policy = policy;
    this.#onChange = onChange;
  }

  /** When a call may be tried, epoch ms; undefined where it may be now. A half-open breaker lets one caller through. */
  blockedUntil(name: string): number | undefined {
    const breaker = this.#byName.get(name);
    if (breaker === undefined || breaker.state === "closed") return undefined;
    const now = this.#clock.now();
    if (breaker.state === "open") {
      if (now < breaker.openUntil) return breaker.openUntil;
      this.#move(name, breaker, "half-open");
    }
    return breaker.isProbing ? now + Math.min(1_000, this.#policy.openMs) : undefined;
  }

  /** Takes the one probe of a half-open breaker. */
  enter(name: string): void {
    const breaker = this.#byName.get(name);
    if (breaker?.state === "half-open") breaker.isProbing = true;
  }

  succeeded(name: string): void {
    const breaker = this.#byName.get(name);
    if (breaker === undefined) return;
    if (breaker.state !== "closed") this.#move(name, breaker, "closed");
    this.#byName.delete(name);
  }

  /** Notes that the outside answered a question: that ends a probe, but does not undo failures of the calls themselves. */
  answered(name: string): void {
    if (this.#byName.get(name)?.state === "half-open") this.succeeded(name);
  }

  failed(name: string): void {
    const breaker = this.#byName.get(name) ?? { state: "closed", failures: 0, openUntil: 0, isProbing: false };
    this.#byName.set(name, breaker);
    breaker.failures++;
    breaker.isProbing = false;
    if (breaker.state === "half-open" || breaker.failures >= this.#policy.failures) {
      breaker.openUntil = this.#clock.now() + this.#policy.openMs;
      if (breaker.state !== "open") this.#move(name, breaker, "open");
    }
  }

  /** What a probe that ended without an answer leaves: the next caller probes. */
  left(name: string): void {
    const breaker = this.#byName.get(name);
    if (breaker !== undefined) breaker.isProbing = false;
  }

  /** The breakers that are not closed. */
  list(): readonly { readonly name: string; readonly state: BreakerState; readonly openUntil: number }[] {
    return [...this.#byName]
      .filter(([, { state }]) => state !== "closed")
      .map(([name, { state, openUntil }]) => ({ name, state, openUntil }));
  }

  #move(name: string, breaker: Breaker, state: BreakerState): void {
    breaker.state = state;
    breaker.isProbing = false;
    this.#onChange(name, state);
  }
}

/** The error of a call that a breaker refused. */
export function breakerOpen(name: string, until: number): AosError {
  return new AosError("BREAKER_OPEN", `the breaker ${name} is open`, { details: { breaker: name, until } });
}
