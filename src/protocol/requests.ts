import { z } from "zod";

const text = z.string().min(1).max(512);
/** A whole number in a query string. */
const number = (min: number, max: number): z.ZodType<number> => z.coerce.number().int().min(min).max(max);

/** The states that a list filters by. */
const State = z.enum(["running", "sleeping", "paused", "quarantined", "terminated", "code-missing"]);

/** A request without a query. */
export const Nothing = z.object({});

/** How an agent is registered. */
export const RegisterAgent = z.strictObject({
  config: z.unknown().optional(),
  tags: z.array(z.string().min(1).max(100)).max(100).optional(),
});

/** Which agents to list. */
export const AgentFilter = z.object({
  type: text.optional(),
  state: State.optional(),
  cursor: text.optional(),
  limit: number(1, 1_000).optional(),
});

/** Why a move is made. */
export const Reason = z.strictObject({ reason: z.string().max(1_000).optional() });

/** Which agents to move: one of type, tenant, state or `all`. */
export const Selection = z
  .strictObject({
    type: text.optional(),
    tenant: text.optional(),
    state: State.optional(),
    all: z.boolean().optional(),
    restored: z.boolean().optional().describe("only agents that a restore paused"),
    reason: z.string().max(1_000).optional(),
  })
  .refine((given) => given.all === true || given.type !== undefined || given.tenant !== undefined || given.state !== undefined, {
    message: 'name a type, a tenant or a state, or say "all": true',
  });

/** Where a journal is read. */
export const JournalPage = z.object({
  after: number(0, Number.MAX_SAFE_INTEGER).optional(),
  limit: number(1, 1_000).optional(),
});

/** A query's input in the address: JSON text. */
export const QueryInput = z.object({ input: z.string().optional() });

/** How the event of a publication is called. */
export const PublishQuery = z.object({
  type: text.optional().describe("the event's name; the topic unless given"),
});

/** How long a caller waits for a command's reply until it gets 202. */
export const CommandWait = z.object({ waitMs: number(0, 600_000).optional() });

/** How long to wait for an outcome. */
export const OutcomeWait = z.object({ timeoutMs: number(0, 600_000).optional() });

/** Where a stream begins. */
export const StreamFrom = z.object({
  agent: text.optional(),
  after: number(0, Number.MAX_SAFE_INTEGER).optional(),
});

/** Which dead letters to list. */
export const DeadLetterFilter = z.object({
  agent: text.optional(),
  reason: text.optional(),
  cursor: text.optional(),
  limit: number(1, 1_000).optional(),
});

/** How a dead letter is put back. */
export const Fresh = z.strictObject({ fresh: z.boolean().optional() });

/** Which dead letters are put back. */
export const RedriveFilter = z.strictObject({
  agent: text.optional(),
  reason: text.optional(),
  fresh: z.boolean().optional(),
});

/** Which effects to list. */
export const EffectFilter = z.object({
  state: z.enum(["intent", "done", "failed", "retryable", "in-doubt"]).optional(),
  agent: text.optional(),
  limit: number(1, 1_000).optional(),
});

/** What a human says became of an effect in doubt. */
export const ResolveEffect = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("done"), output: z.unknown() }),
  z.strictObject({ outcome: z.literal("failed"), message: z.string().max(1_000).optional() }),
  z.strictObject({ outcome: z.literal("retry") }),
]);

/** Whose schedules to list. */
export const ScheduleFilter = z.object({ agent: text.optional() });

/** How many times to show. */
export const Count = z.object({ count: number(1, 100).optional() });

/** How far the injected clock goes. */
export const ClockAdvance = z.strictObject({
  advanceMs: z
    .int()
    .min(0)
    .max(3_660 * 86_400_000),
});
