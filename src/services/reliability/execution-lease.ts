import { AosError, isAosError } from "../../kernel/index.ts";
import type { Cancel, Clock, Ledger } from "../../kernel/index.ts";
import { writeRecord } from "./idempotency-record.ts";
import type { IdempotencyRecord } from "./idempotency-record.ts";

/** What a lease on a key is made of. */
export interface ExecutionLeaseOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly owner: string;
  readonly leaseMs: number;
  readonly key: string;
  readonly fingerprint: string | undefined;
}

/** The right to execute under a key: claimed in the ledger, renewed while the execution runs, given up with its record. */
export class ExecutionLease {
  readonly #options: ExecutionLeaseOptions;
  readonly #lost = new AbortController();
  #version = 0;
  #startedAt = 0;
  #cancelRenewal: Cancel = () => undefined;
  /** The renewal being written; two writes of one version would refuse each other. */
  #renewing: Promise<void> = Promise.resolve();

  constructor(options: ExecutionLeaseOptions) {
    this.#options = options;
  }

  /** Aborts when another holder has taken the key over. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Takes the key over from the given version of its record; false where somebody else was faster. */
  async claim(version: number): Promise<boolean> {
    this.#version = version;
    this.#startedAt = this.#options.clock.now();
    if (!(await this.#write(this.#started()))) return false;
    this.#scheduleRenewal();
    return true;
  }

  /** Ends the lease with the record of what came of it; false where the key was taken over before. */
  async finish(record: IdempotencyRecord): Promise<boolean> {
    this.#cancelRenewal();
    await this.#renewing;
    return !this.#lost.signal.aborted && (await this.#write(record));
  }

  #scheduleRenewal(): void {
    const { clock, leaseMs } = this.#options;
    this.#cancelRenewal = clock.at(clock.now() + Math.ceil(leaseMs / 3), () => {
      this.#renewing = this.#renew();
      this.#scheduleRenewal();
    });
  }

  async #renew(): Promise<void> {
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    try {
      if (await this.#write(this.#started())) return;
      this.#cancelRenewal();
      const message = `the key ${this.#options.key} was taken over by another process`;
      this.#lost.abort(new AosError("LEDGER_CONFLICT", message));
    } catch {
      // A store that fails now may work at the next renewal; if it does not, `finish` reports it.
    }
  }

  #started(): IdempotencyRecord {
    const { clock, owner, leaseMs, fingerprint } = this.#options;
    const leaseUntil = clock.now() + leaseMs;
    const startedAt = this.#startedAt;
    return { state: "started", owner, startedAt, leaseUntil, fingerprint, expiresAt: leaseUntil };
  }

  async #write(record: IdempotencyRecord): Promise<boolean> {
    try {
      const { ledger, key } = this.#options;
      this.#version = await writeRecord(ledger, key, this.#version, record);
      return true;
    } catch (error) {
      if (isAosError(error, "LEDGER_CONFLICT")) return false;
      throw error;
    }
  }
}
