import type { Cancel } from "../clock.ts";
import type { Core } from "../core.ts";
import { COUNTER_CLASS, counterKeysFrom } from "../effects/counters.ts";
import type { AosError } from "../errors.ts";

const STORE_RETRY_MS = 1_000;
const HOUSEKEEPING_MS = 3_600_000;
const PRUNE_ROWS = 2_000;
const PRUNE_PAUSE_MS = 50;
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

  /** Prunes now and then, from now on. */
  keepHouse(): void {
    const { clock } = this.#core;
    this.#cancel = clock.at(clock.now() + HOUSEKEEPING_MS, () => {
      this.#prune();
      this.keepHouse();
    });
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
  #prune(): void {
    const { clock, limits, store } = this.#core;
    const now = clock.now();
    const sums = { class: COUNTER_CLASS, keysBefore: counterKeysFrom(Math.max(0, now - COUNTS_MS)) };
    const { journalBytes, dedupePerAgent } = limits;
    const limitsOfNow = {
      now,
      journalBefore: now - limits.journalMs,
      repliesBefore: now - limits.replyMs,
      dedupeBefore: now - limits.dedupeMs,
      sums,
      journalBytes,
      dedupePerAgent,
    };
    store.prune(limitsOfNow, PRUNE_ROWS).then(
      (isMore) => {
        if (isMore && !this.#isStopped) clock.at(clock.now() + PRUNE_PAUSE_MS, () => this.#prune());
      },
      () => undefined,
    );
  }
}
