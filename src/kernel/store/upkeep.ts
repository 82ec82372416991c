import type { Cancel } from "../clock.ts";
import type { Core } from "../core.ts";
import { sampleStorage } from "../health/storage.ts";
import { COUNTER_CLASS, counterKeysFrom } from "../effects/counters.ts";
import type { AosError } from "../errors.ts";
import type { Retention } from "./store.ts";

const STORE_RETRY_MS = 1_000;
const FIRST_SAMPLE_MS = 60_000;
const HOUSEKEEPING_MS = 3_600_000;
/** What one slice looks at, a millisecond or two. */
const PRUNE_ROWS = 500;
const PRUNE_PAUSE_MS = 10;
/** Journal that is written until the house is kept before its hour, for those that wrote much of it. */
const WRITTEN_BYTES = 16 << 20;
/** Longer than the longest period of a budget, a month. */
const COUNTS_MS = 40 * 24 * 3_600_000;

/** What to do when the store fails, and when it works again. */
export interface UpkeepHooks {
  readonly down: () => void;
  readonly up: () => void;
}

/** Looks after the store: stops work when it fails and probes until it works again, and drops what retention no longer keeps. */
export class Upkeep {
  readonly #core: Core;
  readonly #hooks: UpkeepHooks;
  #isDown = false;
  #isStopped = false;
  #cancel: Cancel | undefined;
  #written = 0;
  #isPruning = false;
  #isKeeping = false;

  constructor(core: Core, hooks: UpkeepHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** Whether the store failed and has not worked since. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** The store failed: nothing new starts until it may have recovered; nobody was told that anything is in. */
  failed(error: AosError): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#hooks.down();
    this.#core.report({ event: "store.failed", error });
    this.#probe();
  }

  /** Prunes now and then, from now on: every hour, and whenever much was written. */
  keepHouse(): void {
    this.#isKeeping = true;
    // Soon after the start, since a process may not live for an hour.
    this.#later(FIRST_SAMPLE_MS, () => {
      this.#sample();
      this.#everyHour();
    });
  }

  #everyHour(): void {
    this.#later(HOUSEKEEPING_MS, () => {
      this.#prune(false);
      this.#sample();
      this.#everyHour();
    });
  }

  #later(ms: number, run: () => void): void {
    const { clock } = this.#core;
    this.#cancel = clock.at(clock.now() + ms, run);
  }

  /** What cannot be noted now is noted in an hour. */
  #sample(): void {
    sampleStorage(this.#core).catch(() => undefined);
  }

  /** Notes that so many bytes of journal were written. */
  wrote(bytes: number): void {
    this.#written += bytes;
    if (this.#written >= WRITTEN_BYTES && this.#isKeeping) this.#prune(true);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #probe(): void {
    const { clock, committer } = this.#core;
    clock.at(clock.now() + STORE_RETRY_MS, () => {
      if (this.#isStopped) return;
      committer.write({ facts: { probedAt: String(clock.now()) } }).then(
        () => {
          this.#isDown = false;
          this.#core.report({ event: "store.recovered" });
          this.#hooks.up();
        },
        () => this.#probe(),
      );
    });
  }

  /** A slice at a time, so that nobody waits for it; what fails is tried again the next time. */
  #prune(onlyGrown: boolean): void {
    if (this.#isPruning || this.#isStopped) return;
    this.#isPruning = true;
    this.#written = 0;
    void this.#slice(onlyGrown).catch(() => {
      this.#isPruning = false;
    });
  }

  async #slice(onlyGrown: boolean): Promise<void> {
    if (this.#isStopped) return;
    const { clock, store } = this.#core;
    if (await store.prune({ ...this.#retention(clock.now()), onlyGrown }, PRUNE_ROWS)) {
      clock.at(clock.now() + PRUNE_PAUSE_MS, () => void this.#slice(onlyGrown).catch(() => (this.#isPruning = false)));
      return;
    }
    this.#isPruning = false;
  }

  #retention(now: number): Retention {
    const { limits } = this.#core;
    return {
      now,
      journalBefore: now - limits.journalMs,
      repliesBefore: now - limits.replyMs,
      dedupeBefore: now - limits.dedupeMs,
      sums: { class: COUNTER_CLASS, keysBefore: counterKeysFrom(Math.max(0, now - COUNTS_MS)) },
      journalBytes: limits.journalBytes,
      dedupePerAgent: limits.dedupePerAgent,
    };
  }
}
