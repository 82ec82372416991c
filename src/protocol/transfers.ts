import { z } from "zod";

/** Whether an export moves its agent. */
export const ExportAgent = z.strictObject({
  move: z.boolean().optional().describe("pause the agent, to be terminated by `:release` once the file is durable"),
});

/** The first line of an export by move that is durable. */
export const ReleaseAgent = z.strictObject({ header: z.string().min(1).max(65_536) });

/** The line that ends the file of a move. */
export const ReleasedAnswer = z.object({ release: z.string() });

/** Where an import goes, and whose key it trusts. */
export const ImportChoice = z.object({
  as: z.string().max(300).optional().describe("`type/id`; the address that it had unless given"),
  trust: z.string().max(200).optional().describe("the fingerprint of a key to trust for this import"),
});

/** What an import made. */
export const ImportedAnswer = z.object({
  agent: z.string(),
  from: z.string(),
  export: z.string(),
  mode: z.enum(["copy", "move"]),
  turn: z.int().describe("the turn of the import itself"),
  signer: z.string(),
});
