import type { Hasher } from "../clock.ts";
import { AosError } from "../errors.ts";

/** The ledger class of ramps, by type. */
export const RAMP_CLASS = "upgrade.ramp";

/** How an upgrade of a type's agents is to go. */
export interface RampOptions {
  /** Shares of the agents in percent, rising, the last one 100; all at once unless given. */
  readonly stages?: readonly number[] | undefined;
  /** Failed agents that stop it when there are more: a number, or a share of those it reached such as `2%`; `1%`, but at least 1, unless given. */
  readonly stopAt?: number | string | undefined;
  /** Milliseconds to watch the turns of a stage before the next one begins; 0 unless given. */
  readonly soakMs?: number | undefined;
}

/** An upgrade of a type's agents, as it is stored. */
export interface Ramp {
  readonly type: string;
  /** The version of the state that it leads to, and the revision of the code. */
  readonly to: number;
  readonly revision: string;
  readonly stages: readonly number[];
  readonly stopAt: number | string;
  readonly soakMs: number;
  readonly status: "running" | "stopped" | "done";
  /** The index of the stage that is under way. */
  readonly stage: number;
  /** The address up to which the stage has come. */
  readonly after?: string | undefined;
  readonly migrated: number;
  /** Agents that stayed on their old state, and agents whose turns failed for good on the new one. */
  readonly failed: number;
  /** Agents whose turns failed for good; they are put back when it stops. At most 1,000. */
  readonly suspects: readonly string[];
  readonly startedAt: number;
  readonly endedAt?: number | undefined;
  readonly why?: string | undefined;
}

const STAGES_MAX = 100;
const SOAK_MS_MAX = 30 * 86_400_000;

/** @throws AosError USAGE naming what is wrong with the stages, the threshold or the time. */
export function checkRamp({ stages = [100], stopAt = "1%", soakMs = 0 }: RampOptions): Pick<Ramp, "stages" | "stopAt" | "soakMs"> {
  const isRising = stages.every((share, at) => Number.isFinite(share) && share > (stages[at - 1] ?? 0) && share <= 100);
  if (stages.length === 0 || stages.length > STAGES_MAX || !isRising || stages.at(-1) !== 100)
    throw new AosError("USAGE", "a ramp is a list of rising shares in percent that ends with 100, such as 1,10,100", {
      details: { stages },
    });
  const isShare = typeof stopAt === "string" && /^\d+(?:\.\d+)?%$/.test(stopAt) && Number.parseFloat(stopAt) <= 100;
  if (!isShare && !(typeof stopAt === "number" && Number.isSafeInteger(stopAt) && stopAt >= 0))
    throw new AosError("USAGE", "a ramp stops at a whole number of failed agents, or at a share such as 2%", { details: { stopAt } });
  if (!Number.isSafeInteger(soakMs) || soakMs < 0 || soakMs > SOAK_MS_MAX)
    throw new AosError("USAGE", "a stage is watched for at most 30 days", { details: { soakMs } });
  return { stages, stopAt, soakMs };
}

/** Whether more agents failed than a ramp bears. */
export function isPastThreshold({ stopAt, failed, migrated }: Ramp): boolean {
  if (typeof stopAt === "number") return failed > stopAt;
  return failed > Math.max(1, ((migrated + failed) * Number.parseFloat(stopAt)) / 100);
}

/** Where an agent stands in every ramp of its type, in percent from 0 to below 100. */
export function placeOf(hasher: Hasher, address: string): number {
  return (Number.parseInt(hasher.sha256(`ramp\n${address}`).slice(0, 8), 16) / 2 ** 32) * 100;
}

/** Whether a ramp has reached an agent. */
export function isReached(ramp: Ramp, place: number): boolean {
  return ramp.status === "done" || place < (ramp.stages[ramp.stage] ?? 0);
}
