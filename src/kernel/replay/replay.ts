import type { Hasher } from "../clock.ts";
import { shortAddress, typeOf } from "../address.ts";
import type { HandlerParts, LoadedType } from "../agents/types.ts";
import type { ReceivedEvent } from "../contract/context.ts";
import { validate } from "../contract/schema.ts";
import { toAosError } from "../errors.ts";
import { toJson } from "../json.ts";
import type { MailKind } from "../mail/envelope.ts";
import { checkPayload } from "../mail/intake.ts";
import { migrateState } from "../turn/migrate.ts";
import { type JsonDifference, jsonDifferences } from "./differences.ts";
import type { AgentJournal, JournalTurn } from "./journal-file.ts";
import type { RecordedMessage, ReplayNote } from "./note.ts";
import { ReplayContext } from "./replay-context.ts";

/** What a replayed turn does otherwise than the recorded one. */
export interface ReplayDifference extends JsonDifference {
  /** `type/id`. */
  readonly agent: string;
  readonly turn: number;
  readonly what: "state" | "message" | "effect" | "decision" | "reply" | "failure";
  /** In words. */
  readonly detail: string;
}

/** What replaying journals found. */
export interface ReplayResult {
  /** Turns that were run again. */
  readonly replayed: number;
  /** Turns that could not be, by why. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly differences: readonly ReplayDifference[];
}

const RUNNABLE: readonly string[] = ["event", "timer", "command", "schedule"];

interface Step {
  readonly type: LoadedType;
  readonly address: string;
  readonly config: unknown;
  readonly turn: JournalTurn;
  readonly note: ReplayNote;
  readonly before: { readonly state: unknown; readonly version: number };
  readonly after: { readonly state: unknown; readonly version: number };
}

/**
 * Runs recorded turns against loaded code: each from the state that it found, its calls answered from the journal. Nothing leaves, nothing
 * is stored. States of older versions are migrated on both sides.
 */
export async function replayJournals(
  typeNamed: (name: string) => LoadedType | undefined,
  hasher: Hasher,
  journals: readonly AgentJournal[],
): Promise<ReplayResult> {
  let replayed = 0;
  const skipped: Record<string, number> = {};
  const differences: ReplayDifference[] = [];
  for (const { header, turns } of journals) {
    const type = typeNamed(typeOf(header.agent));
    let before = { state: header.state, version: header.stateVersion };
    for (const turn of turns) {
      const after = { state: turn.state === undefined ? before.state : turn.state, version: turn.stateVersion };
      const { replay: note } = turn;
      const why =
        type === undefined
          ? `no code for type ${typeOf(header.agent)}`
          : turn.outcome !== "done" || !RUNNABLE.includes(turn.kind)
            ? "no handler ran"
            : note === undefined
              ? "payload not kept"
              : undefined;
      if (why === undefined && type !== undefined && note !== undefined) {
        replayed++;
        differences.push(...(await replayTurn(hasher, { type, address: header.agent, config: header.config, turn, note, before, after })));
      } else skipped[why ?? "no handler ran"] = (skipped[why ?? "no handler ran"] ?? 0) + 1;
      before = after;
    }
  }
  return { replayed, skipped, differences };
}

async function replayTurn(hasher: Hasher, step: Step): Promise<readonly ReplayDifference[]> {
  const { type, address, config, turn, note, before, after } = step;
  const at = { agent: shortAddress(address), turn: turn.turn };
  const failed = (what: ReplayDifference["what"], path: string, detail: string): ReplayDifference => ({ ...at, what, path, detail });
  let context: ReplayContext;
  try {
    context = new ReplayContext(hasher, address, config, turn, migrated(type, address, before));
  } catch (thrown) {
    return [failed("failure", "/", toAosError(thrown).message)];
  }
  let thrown: unknown;
  let reply: unknown;
  let state: unknown;
  try {
    reply = await run(type, context, turn, note);
    state = JSON.parse(toJson(await validate(type.contract.state.schema, context.state, "the state", "STATE_INVALID"), "the state"));
  } catch (caught) {
    thrown = caught;
  }
  const calls = [
    ...context.unknownCalls.map((name) => failed("effect", "/", `calls ${name}: the recorded turn did not`)),
    ...context.unclaimed.map(({ name }) => failed("effect", "/", `no longer calls ${name} as the recorded turn did`)),
  ];
  if (thrown !== undefined) {
    const error = toAosError(thrown, "TURN_FAILED");
    return [...calls, failed("failure", "/", `${error.code}: ${error.message}`)];
  }
  let wanted: unknown;
  try {
    wanted = migrated(type, address, after);
  } catch (caught) {
    return [...calls, failed("failure", "/", `the recorded state after it: ${toAosError(caught).message}`)];
  }
  return [
    ...calls,
    ...jsonDifferences(wanted, state).map((each) => ({ ...at, what: "state" as const, detail: "leaves another state", ...each })),
    ...messageDifferences(note.sent ?? [], context.messages).map((each) => ({ ...at, what: "message" as const, ...each })),
    ...jsonDifferences(turn.decisions, context.decisions).map((each) => ({
      ...at,
      what: "decision" as const,
      detail: "decides otherwise",
      ...each,
    })),
    ...(turn.kind === "command" ? jsonDifferences(note.reply ?? null, reply ?? null) : []).map((each) => ({
      ...at,
      what: "reply" as const,
      detail: "replies otherwise",
      ...each,
    })),
  ];
}

function migrated(type: LoadedType, address: string, { state, version }: { readonly state: unknown; readonly version: number }): unknown {
  const made = migrateState(type, { address, state: JSON.stringify(state), stateVersion: version });
  return JSON.parse(toJson(made, `migrated state of ${address}`)) as unknown;
}

async function run(type: LoadedType, context: ReplayContext, turn: JournalTurn, note: ReplayNote): Promise<unknown> {
  const { cause, kind } = turn;
  const check = async (data: unknown): Promise<unknown> =>
    (await checkPayload(type, kind as MailKind, cause.type, JSON.stringify(data), note.version))?.of;
  if (kind === "schedule") {
    const tick = { schedule: cause.type, scheduledAt: note.tick?.scheduledAt ?? note.at, missed: note.tick?.missed ?? 0 };
    return handler(type.schedules.get(cause.type), cause.type)(context, tick);
  }
  const data = await check(note.data);
  if (kind === "command") {
    const command = type.commands.get(cause.type);
    const output = await handler(command?.handler, cause.type)(context, data);
    return command === undefined
      ? output
      : JSON.parse(toJson((await validate(command.type.output, output, "the reply")) ?? null, "the reply"));
  }
  const event: ReceivedEvent = {
    id: cause.eventId ?? cause.id,
    type: cause.type,
    data,
    source: cause.source,
    subject: note.subject,
    at: note.at,
    from: cause.from,
    correlation: cause.correlation ?? cause.chain,
    batch: note.batch === undefined ? [data] : await Promise.all(note.batch.map(check)),
  };
  return handler(type.events.get(cause.type)?.handler, cause.type)(context, event);
}

function handler(parts: HandlerParts | undefined, name: string): (context: unknown, given: unknown) => unknown {
  if (parts === undefined) throw new Error(`nothing handles ${name} any more`);
  return parts.run as unknown as (context: unknown, given: unknown) => unknown;
}

/** Messages are told apart by kind, name and receiver; how those to one receiver follow one another matters, nothing else does. */
function messageDifferences(
  was: readonly RecordedMessage[],
  now: readonly RecordedMessage[],
): readonly (JsonDifference & { readonly detail: string })[] {
  const named = ({ kind, name, to }: RecordedMessage): string => (kind === "spawn" ? shortAddress(to) : `${name} to ${shortAddress(to)}`);
  const verb = ({ kind }: RecordedMessage): string => (kind === "spawn" ? "spawns" : kind === "timer" ? "sets a timer for" : "sends");
  const left = [...now];
  const gone = was.flatMap((old, at) => {
    const found = left.findIndex(({ kind, name, to }) => kind === old.kind && name === old.name && to === old.to);
    const [made] = found < 0 ? [] : left.splice(found, 1);
    if (made === undefined) return [{ path: `/${at}`, was: old.data, detail: `no longer ${verb(old)} ${named(old)}` }];
    return jsonDifferences(plain(old), plain(made)).map((each) => ({
      ...each,
      path: `/${at}${each.path}`,
      detail: `${verb(old)} ${named(old)} otherwise`,
    }));
  });
  const added = left.map((made) => ({
    path: `/${now.indexOf(made)}`,
    now: made.data,
    detail: `${verb(made)} ${named(made)}: the recorded turn did not`,
  }));
  return [...gone, ...added];
}

/** Without members that are absent: a file has none of them. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
