import { z } from "zod";
import type { Output, StorageReport } from "../kernel/index.ts";

/** Where a backup is to be written. */
export const BackupRequest = z.strictObject({
  file: z.string().min(1).max(4_096).describe("an absolute path on the system's machine"),
  replace: z.boolean().optional().describe("whether a file that is there is replaced"),
});

/** How a backup stands. */
export const BackupAnswer = z.looseObject({
  file: z.string(),
  state: z.enum(["running", "done", "failed"]),
  progress: z.object({ step: z.enum(["copying", "checking"]), pagesDone: z.int(), pagesTotal: z.int() }).optional(),
  manifest: z
    .looseObject({
      version: z.string(),
      schema: z.int(),
      incarnation: z.string(),
      at: z.string(),
      bytes: z.int(),
      sha256: z.string(),
      counts: z.record(z.string(), z.int()).describe("rows by table"),
    })
    .optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});

/** What the doctor found. */
export const DiagnosisAnswer = z.object({
  healthy: z.boolean(),
  findings: z.array(
    z.object({
      code: z.string().describe("a code of the doctor's table"),
      detail: z.string(),
      mend: z.string().describe("the command that mends it, or begins to"),
      count: z.int(),
    }),
  ),
});

/** What was dropped that belonged to nobody. */
export const MendedAnswer = z.object({ mail: z.int(), effects: z.int(), subscriptions: z.int() });

/** What a store holds, how it grows, and where that leads. */
export const StorageAnswer = z.object({
  at: z.iso.datetime(),
  classes: z.array(
    z.object({
      name: z.string(),
      bytes: z.int(),
      limit: z.string().describe("what bounds it, for people"),
      capBytes: z.int().optional().describe("what it may take at most, where that can be told in bytes"),
    }),
  ),
  bytes: z.int().describe("everything, room to be used again and the log included"),
  diskFreeBytes: z.int().optional(),
  growth: z
    .object({ bytesPerDay: z.int(), journalBytesPerDay: z.int(), since: z.iso.datetime(), samples: z.int() })
    .optional()
    .describe("absent while there is less than an hour of history"),
  forecast: z.object({ diskFullAt: z.iso.datetime().optional(), journalCapAt: z.iso.datetime().optional() }),
});

/** A report as it goes over the wire: times as RFC 3339. */
export function storageRow({ at, growth, forecast, ...rest }: StorageReport): Output<typeof StorageAnswer> {
  const { diskFullAt, journalCapAt } = forecast;
  return {
    ...rest,
    classes: [...rest.classes],
    at: text(at),
    ...(growth === undefined ? {} : { growth: { ...growth, since: text(growth.since) } }),
    forecast: {
      ...(diskFullAt === undefined ? {} : { diskFullAt: text(diskFullAt) }),
      ...(journalCapAt === undefined ? {} : { journalCapAt: text(journalCapAt) }),
    },
  };
}

function text(at: number): string {
  return new Date(at).toISOString();
}
