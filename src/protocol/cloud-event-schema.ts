import { z } from "zod";

/** A CloudEvent in its JSON format, for the description of the API; `readEvent` is what checks one. */
export const CloudEvent = z.looseObject({
  specversion: z.literal("1.0"),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1).describe("the event's name in the contract"),
  subject: z.string().optional(),
  time: z.iso.datetime({ offset: true }).optional(),
  datacontenttype: z.string().optional(),
  data: z.unknown(),
  aostarget: z.string().optional().describe("type/id; left out: every agent that accepts the event"),
  partitionkey: z.string().optional().describe("order is kept per credential, source and partition"),
  traceparent: z.string().optional(),
  aospriority: z.int().min(0).max(9).optional(),
  aosdeliverat: z.iso.datetime({ offset: true }).optional(),
  aosdelay: z.string().optional().describe("a duration such as 5m, instead of aosdeliverat"),
  aosexpiresat: z.iso.datetime({ offset: true }).optional(),
  aoscorrelation: z.string().optional(),
  aosversion: z.int().min(1).optional().describe("the version of the event's payload"),
});

/** Several CloudEvents in one request. */
export const CloudEventBatch = z.array(CloudEvent);

/** What a batch is answered with: one entry per event, in order. */
export const Batch = z.array(
  z.looseObject({
    status: z.int(),
    id: z.string().optional(),
    seq: z.int().optional(),
    duplicate: z.boolean().optional(),
    agent: z.string().optional(),
    routed: z
      .array(z.object({ agent: z.string(), id: z.string(), seq: z.int(), duplicate: z.boolean() }))
      .optional()
      .describe("one acknowledgement per agent, where the event named no target"),
    code: z.string().optional(),
    detail: z.string().optional(),
    error: z.unknown().optional().describe("a problem document"),
  }),
);
