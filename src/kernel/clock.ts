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

/** A time that ran ahead of the machine's goes on at half its pace, until the machine's has caught up: nothing stands still, and it ends. */
const CATCH_UP = 0.5;

/** Makes a time that never goes back of one that may: `wall` in epoch ms, `monotonic` in ms. It does not begin before `from`. */
export function steadyTime(wall: () => number, monotonic: () => number, from = 0): () => number {
  let last = from;
  let lastAt = monotonic();
  return () => {
    const at = monotonic();
    last = Math.max(wall(), last + Math.max(0, at - lastAt) * CATCH_UP);
    lastAt = at;
    return Math.floor(last);
  };
}

/** A clock that never goes behind a time, even where the machine's does: what is stored stays in the past. */
export function notBefore(clock: Clock, time: number): Clock {
  if (clock.now() >= time) return clock;
  const now = steadyTime(
    () => clock.now(),
    () => clock.monotonic(),
    time,
  );
  return {
    now,
    monotonic: () => clock.monotonic(),
    at: (at, run) => {
      let cancel: Cancel = () => undefined;
      // The machine's clock is behind: it is asked for what is left, not for the time itself.
      const arm = (): void => {
        cancel = clock.at(clock.now() + Math.max(0, at - now()), () => (now() >= at ? run() : arm()));
      };
      arm();
      return () => cancel();
    },
    soon: clock.soon.bind(clock),
  };
}
