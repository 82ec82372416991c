import type { Supervision as Policy } from "../contract/contract.ts";
import { formatAddress, parseAddress, shortAddress } from "../address.ts";
import type { Core } from "../core.ts";
import type { Arrival } from "../mail/intake.ts";
import { parseDuration } from "../time/duration.ts";
import type { AgentEntry, AgentMeta } from "./entry.ts";
import type { AosError } from "../errors.ts";
import { lifecycleBody } from "./spawner.ts";
import type { AgentStatus } from "../store/store.ts";
import type { LoadedType } from "./types.ts";
import type { UnitParts } from "../turn/unit.ts";

/** The intensity of types that declare none: enough that one poisonous message becomes a dead letter first. */
const POLICY: Policy = { restarts: 20, within: "1m", then: "quarantine" };
const FAILURES_MAX = 200;

/** What a failure adds to its unit. */
export interface Verdict extends Partial<UnitParts> {
  /** Whether the mail is not tried again, however often its own policy would. */
  readonly isLast?: boolean | undefined;
}

/** An agent's failures and what follows from them: OTP's restart intensity, counted durably. */
export class Supervision {
  readonly #core: Core;
  readonly #escalate: (entry: AgentEntry, to: string, reason: string) => void;

  constructor(core: Core, escalate: (entry: AgentEntry, to: string, reason: string) => void) {
    this.#core = core;
    this.#escalate = escalate;
  }

  /** What a failed attempt adds to its unit: the failure's time, and a move where the intensity is exceeded. */
  failed(entry: AgentEntry, type: LoadedType, error: AosError, now: number): Verdict {
    const policy = type.contract.supervise ?? POLICY;
    const since = now - parseDuration(policy.within);
    const failures = [...(entry.meta.failures ?? []).filter((at) => at > since), now].slice(-FAILURES_MAX);
    const isStuck = error.code === "TURN_ABORTED" || error.code === "TIMEOUT";
    // Stuck turns count where they follow one another: a turn that failed in another way made progress.
    const stuck = isStuck ? (entry.meta.stuck ?? 0) + 1 : 0;
    const meta: AgentMeta = { ...entry.meta, failures, stuck: stuck === 0 ? undefined : stuck };
    entry.meta = meta;
    if (stuck >= this.#core.limits.stuckTurns) {
      return this.#fall(entry, type, policy, `${stuck} turns in a row made no progress`, now);
    }
    if (failures.length <= policy.restarts) return { meta };
    return this.#fall(
      entry,
      type,
      policy,
      `${failures.length} failures within ${policy.within}, ${policy.restarts} are allowed; the last: ${error.code} ${error.message.slice(0, 200)}`,
      now,
    );
  }

  /** The meta after a turn that succeeded, where it differs. */
  recovered(entry: AgentEntry): AgentMeta | undefined {
    if (entry.meta.stuck === undefined && entry.meta.crashes === undefined) return undefined;
    const { stuck: _stuck, crashes: _crashes, ...meta } = entry.meta;
    entry.meta = meta;
    return meta;
  }

  /** What the death of the whole process in this agent's turn adds. */
  crashed(entry: AgentEntry, type: LoadedType, why: string, now: number): Partial<UnitParts> {
    const crashes = (entry.meta.crashes ?? 0) + 1;
    entry.meta = { ...entry.meta, crashes };
    if (crashes < this.#core.limits.processCrashes) return { meta: entry.meta };
    return this.#fall(entry, type, type.contract.supervise ?? POLICY, `${why}, ${crashes} times`, now);
  }

  #fall(entry: AgentEntry, type: LoadedType, policy: Policy, reason: string, now: number): Verdict {
    const then = policy.then ?? "quarantine";
    const { escalate } = policy;
    const tell = (): void => {
      if (escalate !== undefined) this.#escalate(entry, escalate, reason);
    };
    const { failures: _failures, stuck: _stuck, crashes: _crashes, ...rest } = entry.meta;
    if (then === "dead-letter") {
      entry.meta = rest;
      return { isLast: true, meta: rest, onDurable: tell };
    }
    const status: AgentStatus = then === "pause" ? "paused" : "quarantined";
    const from = entry.status;
    entry.meta = { ...rest, reason };
    entry.status = status;
    entry.epoch++;
    return {
      status,
      epoch: entry.epoch,
      meta: entry.meta,
      rows: [{ at: now, body: lifecycleBody(entry.address, `${from} → ${status}: ${reason}`, "supervisor", type.revision) }],
      onDurable: () => {
        this.#core.report({ event: "agent.quarantined", agent: entry.address, reason });
        tell();
      },
    };
  }
}

/** What whoever an agent's failure is escalated to is told. */
export function failureOf(entry: AgentEntry, to: string, reason: string, now: number): Arrival {
  const { tenant, type, id } = parseAddress(to, entry.tenant);
  return {
    target: formatAddress(type, id, tenant),
    kind: "event",
    name: "aos.agent.failed",
    source: entry.address,
    data: { agent: shortAddress(entry.address), reason, at: now },
  };
}
