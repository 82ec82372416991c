import { z } from "zod";

const Moment = z.iso.datetime();
const Never = Moment.nullable();

/** Any JSON value. */
export const AnyJson = z.unknown().describe("any JSON value");

/** What a sender gets once its event is durable. */
export const AckAnswer = z.object({
  id: z.string(),
  seq: z.int().describe("rises per sender; unique, not dense"),
  duplicate: z.boolean(),
});

/** One line of an ingest's answer. */
export const IngestAnswer = z.looseObject({
  id: z.string().nullable(),
  seq: z.int().optional(),
  duplicate: z.boolean().optional(),
  envelope: z.string().optional(),
  error: z.unknown().optional(),
});

/** One line of a process list. */
export const AgentAnswer = z.looseObject({
  address: z.string(),
  tenant: z.string(),
  type: z.string(),
  id: z.string(),
  state: z.enum(["running", "sleeping", "paused", "quarantined", "terminated", "code-missing"]),
  mailbox: z.int().describe("mail that waits, without what is parked or not due"),
  parked: z.int(),
  lastTurnAt: Never,
  nextWakeAt: Never,
  turn: z.int(),
  revision: z.string(),
  node: z.string(),
  stateVersion: z.int(),
  createdAt: Moment,
  tags: z.array(z.string()),
  config: AnyJson.optional(),
  reason: z.string().optional(),
  upgrade: z
    .looseObject({
      status: z.enum(["failed", "too-new", "rolled-back"]),
      from: z.int(),
      to: z.int(),
      at: Moment,
      code: z.string(),
      message: z.string(),
    })
    .optional()
    .describe("why its state stays at an older version than the code's"),
});

/** A process list. */
export const AgentsPage = z.object({
  items: z.array(AgentAnswer),
  next: z.string().optional().describe("the cursor of the next page"),
});

/** What registering answers. */
export const RegisteredAnswer = z.object({ address: z.string(), created: z.boolean() });

/** What became of a move of many. */
export const MovedAnswer = z.object({ moved: z.int(), refused: z.int() });

/** What journal, stream and log show. */
export const RecordAnswer = z.looseObject({
  seq: z.int().describe("rises in commit order over all agents"),
  agent: z.string(),
  turn: z.int().describe("dense per agent"),
  at: Moment,
  kind: z.string(),
  cause: z.looseObject({
    id: z.string(),
    type: z.string(),
    source: z.string(),
    chain: z.string(),
    depth: z.int(),
  }),
  outcome: z.enum(["done", "retry", "parked", "dead", "skipped", "refused"]),
  attempts: z.int(),
  effects: z.array(z.looseObject({ name: z.string(), key: z.string(), state: z.string() })),
  sent: z.int(),
  decisions: z.array(AnyJson),
  costMs: z.number(),
  revision: z.string(),
  changed: z.boolean(),
  wasted: z.boolean(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
});

/** A list of records. */
export const RecordsAnswer = z.object({ items: z.array(RecordAnswer) });

/** An agent's last committed state. */
export const StateAnswer = z.object({ state: AnyJson, version: z.int(), turn: z.int() });

/** An agent's mail. */
export const MailAnswer = z.object({
  items: z.array(
    z.looseObject({
      id: z.string(),
      seq: z.int(),
      kind: z.string(),
      name: z.string(),
      from: z.string(),
      priority: z.int(),
      attempts: z.int(),
      at: Moment,
      dueAt: Never,
    }),
  ),
});

/** A command's reply. */
export const CommandAnswer = z.object({ id: z.string(), seq: z.int(), output: AnyJson });

/** A reply that was fetched later. */
export const ReplyAnswer = z.object({ output: AnyJson });

/** What a publisher gets. */
export const PublishedAnswer = z.object({
  id: z.string(),
  receivers: z.int(),
  duplicate: z.boolean(),
});

/** A dead letter. */
export const DeadLetterAnswer = z.looseObject({
  id: z.string(),
  agent: z.string(),
  at: Moment,
  reason: z.string(),
  attempts: z.int(),
  kind: z.string(),
  name: z.string(),
  data: AnyJson,
  error: z.looseObject({ code: z.string(), message: z.string() }),
});

/** A page of dead letters. */
export const DeadLettersPage = z.object({
  items: z.array(DeadLetterAnswer),
  next: z.string().optional(),
});

/** What a redrive answers. */
export const RedrivenAnswer = z.object({ id: z.string(), agent: z.string() });

/** What a redrive of many answers. */
export const RedrivenAllAnswer = z.object({ redriven: z.int() });

/** An effect. */
export const EffectAnswer = z.looseObject({
  id: z.string(),
  agent: z.string(),
  envelope: z.string(),
  name: z.string(),
  state: z.string(),
  key: z.string(),
  attempts: z.int(),
  at: Moment,
  input: AnyJson,
});

/** A list of effects. */
export const EffectsAnswer = z.object({ items: z.array(EffectAnswer) });

/** A list of schedules. */
export const SchedulesAnswer = z.object({
  items: z.array(z.looseObject({ agent: z.string(), name: z.string(), spec: AnyJson, nextAt: Never })),
});

/** Times to come. */
export const TimesAnswer = z.object({ items: z.array(Moment) });

/** The agent types whose code is loaded. */
export const TypesAnswer = z.object({
  items: z.array(z.object({ name: z.string(), revision: z.string(), contract: z.record(z.string(), AnyJson) })),
});

/** Names to numbers. */
export const CountsAnswer = z.record(z.string(), z.number());

/** Whether the process lives. */
export const Health = z.object({ status: z.literal("ok") });

/** Whether the system takes work. */
export const Readiness = z.object({ ok: z.boolean(), reasons: z.array(z.string()) });

/** Where the injected clock stands. */
export const ClockAnswer = z.object({ now: Moment });
