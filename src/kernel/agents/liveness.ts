import type { Cancel } from "../clock.ts";
import type { Attempt } from "../turn/attempt.ts";
import type { Core } from "../core.ts";
import { AosError } from "../errors.ts";

/**
 * Liveness is progress: an attempt that shows none past its deadline is aborted, retried, and its agent quarantined
 * when that goes on. Nothing is armed while nothing runs.
 */
export class Liveness {
  readonly #core: Core;
  readonly #inFlight: () => ReadonlySet<Attempt>;
  #cancel: Cancel | undefined;

  constructor(core: Core, inFlight: () => ReadonlySet<Attempt>) {
    this.#core = core;
    this.#inFlight = inFlight;
  }

  /** Begins to look, if it does not already. */
  watch(): void {
    if (this.#cancel !== undefined) return;
    const every = Math.max(10, Math.min(1_000, this.#core.limits.turnDeadlineMs / 4));
    this.#cancel = this.#core.clock.at(this.#core.clock.now() + every, () => {
      this.#cancel = undefined;
      this.#look();
      if (this.#inFlight().size > 0) this.watch();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    const now = this.#core.clock.monotonic();
    for (const attempt of this.#inFlight()) {
      const deadline = attempt.type.contract.turnDeadlineMs ?? this.#core.limits.turnDeadlineMs;
      if (now - attempt.progressAt <= deadline || now < attempt.patientUntil) continue;
      const error = new AosError(
        "TURN_ABORTED",
        `no progress for ${Math.round(now - attempt.progressAt)} ms, the deadline is ${deadline} ms`,
        { details: { deadlineMs: deadline } },
      );
      this.#core.report({ event: "turn.aborted", agent: attempt.entry.address, envelope: attempt.mail.envelope.id, error });
      attempt.abort(error);
    }
  }
}
