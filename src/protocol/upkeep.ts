import { z } from "zod";

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
