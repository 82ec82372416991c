import { z } from "zod";
import type { Ramp, UpgradeStatus } from "../kernel/index.ts";
import { AnyJson } from "./answers.ts";
import { moment } from "./rows.ts";

const page = (min: number, max: number): z.ZodType<number> => z.coerce.number().int().min(min).max(max);

/** How an upgrade is to go. */
export const ApplyUpgrade = z.strictObject({
  ramp: z
    .array(z.number().positive().max(100))
    .min(1)
    .max(100)
    .optional()
    .describe("rising shares of the agents in percent, the last one 100"),
  stopAt: z
    .union([z.int().min(0), z.string().max(16)])
    .optional()
    .describe("failed agents that stop it when there are more: a number, or a share such as `2%`; `1%` unless given"),
  soakMs: z.int().min(0).max(2_592_000_000).optional().describe("how long the turns of a stage are watched before the next one"),
});

/** Which upgrades to show. */
export const UpgradeFilter = z.object({ type: z.string().min(1).max(64).optional() });

/** Which stored agents to copy out. */
export const SnapshotFilter = z.object({
  type: z.string().min(1).max(64).optional(),
  cursor: z.string().min(1).max(512).optional(),
  limit: page(1, 1_000).optional(),
  turns: page(0, 1_000).optional().describe("how many of each agent's last turns come with it"),
});

/** How many of an agent's last turns to copy out. */
export const TurnsFilter = z.object({ turns: page(1, 100_000).optional() });

/** An upgrade by stages. */
export const RampAnswer = z.looseObject({
  type: z.string(),
  to: z.int(),
  revision: z.string(),
  status: z.enum(["running", "stopped", "done"]),
  stages: z.array(z.number()),
  stage: z.int().describe("the index of the stage that is under way"),
  migrated: z.int(),
  failed: z.int(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  why: z.string().optional(),
});

/** How the upgrades of types stand. */
export const UpgradesAnswer = z.object({
  items: z.array(
    z.looseObject({
      type: z.string(),
      version: z.int().describe("the version of the state that the loaded code knows"),
      revision: z.string(),
      versions: z.record(z.string(), z.int()).describe("agents by the version of their state"),
      marked: z.int().describe("agents that stay on their old state"),
      examples: z.array(z.object({ agent: z.string(), status: z.string(), message: z.string() })),
      ramp: RampAnswer.optional(),
    }),
  ),
});

/** What putting agents back did. */
export const RolledBackAnswer = z.object({ rolledBack: z.int(), skipped: z.int(), turnsUndone: z.int() });

/** An agent's journal as far as it can be replayed. */
export const ReplayableAnswer = z.object({ header: AnyJson, turns: z.array(AnyJson) });

/** Stored agents with their mail. */
export const SnapshotsPage = z.object({
  items: z.array(
    z.looseObject({ address: z.string(), status: z.string(), stateVersion: z.int(), state: z.string(), mail: z.array(AnyJson) }),
  ),
  next: z.string().optional(),
});

/** Contracts as they were loaded last. */
export const ContractsAnswer = z.object({ items: z.array(z.object({ name: z.string(), contract: AnyJson })) });

/** A ramp as it goes over the wire. */
export function rampRow({ startedAt, endedAt, ...ramp }: Ramp): Readonly<Record<string, unknown>> {
  return { ...ramp, startedAt: moment(startedAt), endedAt: moment(endedAt) };
}

/** An upgrade's status as it goes over the wire. */
export function upgradeRow({ ramp, ...status }: UpgradeStatus): Readonly<Record<string, unknown>> {
  return { ...status, ...(ramp === undefined ? {} : { ramp: rampRow(ramp) }) };
}
