import { AosError } from "../errors.ts";
import type { AgentMeta } from "../agents/entry.ts";
import type { AgentStatus, DeadRow, EffectRow, JournalWrite, MailRow, ReplyRow, SubscriptionRow } from "../store/store.ts";

/** A count of a budget's calendar period: when the period began, and how many there were. */
export interface CounterRow {
  /** The period's beginning as it stands in the ledger's key. */
  readonly from: string;
  readonly quantity: string;
  readonly period: string;
  readonly sum: number;
}

/**
 * One agent with everything that it owns, as plain JSON. Its dedupe keys stand where the store keeps them as well: in
 * the journal rows and the mail.
 */
export interface AgentContent {
  /** `tenant/type/id`. */
  readonly address: string;
  readonly status: AgentStatus;
  readonly turn: number;
  readonly epoch: number;
  readonly stateVersion: number;
  /** The state as JSON text. */
  readonly state: string;
  readonly createdAt: number;
  readonly lastAt: number;
  readonly meta: AgentMeta;
  /** What its type accepts, as stored; null where that is unknown. */
  readonly contract: Readonly<Record<string, unknown>> | null;
  readonly journal: readonly Omit<JournalWrite, "id" | "prev" | "agent">[];
  readonly mail: readonly Omit<MailRow, "agent" | "marked">[];
  readonly effects: readonly Omit<EffectRow, "agent">[];
  readonly dead: readonly Omit<DeadRow, "agent">[];
  readonly replies: readonly ReplyRow[];
  readonly subscriptions: readonly Omit<SubscriptionRow, "agent" | "tenant">[];
  /** The state as it was before its last migration, as stored; null where none is kept. */
  readonly kept: string | null;
  readonly counters: readonly CounterRow[];
}

type Kind = "text" | "count" | "json" | "maybe-text" | "maybe-count";
type Shape = Readonly<Record<string, Kind>>;

const AGENT: Shape = {
  address: "text",
  status: "text",
  turn: "count",
  epoch: "count",
  stateVersion: "count",
  state: "json",
  createdAt: "count",
  lastAt: "count",
};
const LISTS: Readonly<Record<string, Shape>> = {
  journal: { turn: "count", at: "count", body: "json", delta: "maybe-text" },
  mail: {
    seq: "count",
    priority: "count",
    dueAt: "maybe-count",
    parked: "maybe-text",
    attempts: "count",
    timer: "maybe-text",
    head: "json",
    data: "json",
  },
  effects: {
    id: "text",
    envelope: "text",
    name: "text",
    state: "text",
    key: "text",
    attempts: "count",
    at: "count",
    input: "json",
    outcome: "maybe-text",
  },
  dead: { id: "text", at: "count", reason: "text", attempts: "count", head: "json", data: "json", error: "json" },
  replies: { id: "text", at: "count", body: "json" },
  subscriptions: { pattern: "text", event: "text", filter: "maybe-text" },
  counters: { from: "text", quantity: "text", period: "text", sum: "count" },
};

/**
 * Checks that a value has the shape of an agent's content, whoever signed it.
 * @throws AosError EXPORT_INVALID naming the part that is malformed.
 */
export function readContent(value: unknown): AgentContent {
  const content = recordOf(value, "the content");
  check(content, AGENT, "the agent");
  recordOf(content["meta"], "meta");
  if (content["contract"] !== null) recordOf(content["contract"], "contract");
  if (content["kept"] !== null && !isOf("json", content["kept"])) fault("kept");
  for (const [name, shape] of Object.entries(LISTS)) {
    const rows: unknown = content[name];
    if (!Array.isArray(rows)) fault(name);
    for (const [at, row] of rows.entries()) check(recordOf(row, `${name}/${at}`), shape, `${name}/${at}`);
  }
  const read = value as AgentContent;
  const { journal, turn } = read;
  const first = journal[0]?.turn ?? 0;
  if (first < 1 || journal.at(-1)?.turn !== turn || journal.some((row, at) => row.turn !== first + at)) fault("journal: its turns");
  return read;
}

function check(row: Readonly<Record<string, unknown>>, shape: Shape, what: string): void {
  for (const [name, kind] of Object.entries(shape)) if (!isOf(kind, row[name])) fault(`${what}/${name}`);
}

function isOf(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "maybe-text":
      return value === undefined || typeof value === "string";
    case "maybe-count":
      return value === undefined || isOf("count", value);
    case "text":
      return typeof value === "string";
    case "count":
      return Number.isSafeInteger(value) && (value as number) >= 0;
    case "json":
      return typeof value === "string" && isJsonText(value);
  }
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  return fault(what);
}

function fault(what: string): never {
  throw new AosError("EXPORT_INVALID", `the export is malformed at ${what}`, { details: { at: what } });
}
