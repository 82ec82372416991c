import { createHash } from "node:crypto";

/** Lines that are kept for whoever looks into a failure. */
const KEPT = 60;

/**
 * What a simulated system decided, in order: store calls, envelopes, effects, faults. Its hash is the same where the
 * decisions are; row ids, paths and durations are no part of it.
 */
export class Trace {
  readonly #hash = createHash("sha256");
  readonly #lines: string[] = [];
  readonly #listen: ((line: string) => void) | undefined;
  #digest: string | undefined;

  constructor(listen?: (line: string) => void) {
    this.#listen = listen;
  }

  /** Notes a decision. */
  add(line: string): void {
    if (this.#digest !== undefined) return;
    this.#hash.update(line).update("\n");
    this.#lines.push(line.length > 400 ? `${line.slice(0, 400)}…` : line);
    if (this.#lines.length > KEPT * 2) this.#lines.splice(0, KEPT);
    this.#listen?.(line);
  }

  /** The last decisions, oldest first. */
  get tail(): readonly string[] {
    return this.#lines.slice(-KEPT);
  }

  /** The hash of all of them, in hex; nothing is added afterwards. */
  hash(): string {
    this.#digest ??= this.#hash.digest("hex");
    return this.#digest;
  }
}
