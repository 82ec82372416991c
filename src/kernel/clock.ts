/** Cancels what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

/** Time and scheduling as the kernel sees them. Only an implementation touches the real ones. */
export interface Clock {
  /** Milliseconds since the Unix epoch. Never goes back within one process. */
  now(): number;
  /** Monotonic milliseconds for durations, with a fraction. */
  monotonic(): number;
  /** Calls `run` once at or after `at` (epoch ms); times further away than a timer reaches are honoured. */
  at(at: number, run: () => void): Cancel;
  /** Calls `run` in a later macrotask, after pending input and output had a chance. */
  soon(run: () => void): void;
}

/** Randomness and identifiers as the kernel sees them. */
export interface Entropy {
  /** A UUIDv7 (RFC 9562 §5.7) in canonical text; rises within one process. */
  uuid(): string;
  /** A number in [0, 1). */
  random(): number;
}

/** Hashing as the kernel sees it; SHA-256 (FIPS 180-4). */
export interface Hasher {
  /** SHA-256 of UTF-8 text or bytes, as lower-case hex. */
  sha256(data: string | Uint8Array): string;
}

/** A clock that never goes behind a time, even where the machine's does: what is stored stays in the past. */
export function notBefore(clock: Clock, time: number): Clock {
  return {
    now: () => Math.max(clock.now(), time),
    monotonic: () => clock.monotonic(),
    at: clock.at.bind(clock),
    soon: clock.soon.bind(clock),
  };
}
