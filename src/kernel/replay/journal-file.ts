import { parseAddress, shortAddress } from "../address.ts";
import { AosError } from "../errors.ts";
import type { AgentRow, JournalRow } from "../store/store.ts";
import { applyDelta, isFull, stateBefore } from "../turn/delta.ts";
import { decodeBody, type RecordBody } from "../turn/record.ts";
import type { Decision } from "../contract/context.ts";
import type { AgentMeta } from "../agents/entry.ts";
import type { ReplayNote } from "./note.ts";

/** Names the format of a journal that can be replayed. */
const JOURNAL_FORMAT = "aos.journal/1";

/** The first line of an agent's journal: the state that its first turn found. */
interface JournalHeader {
  readonly journal: typeof JOURNAL_FORMAT;
  /** `tenant/type/id`. */
  readonly agent: string;
  readonly config?: unknown;
  readonly stateVersion: number;
  readonly state: unknown;
}

/** A line of a turn; turns that consumed no mail have no `replay`, nor have those whose payloads were not kept. */
export interface JournalTurn {
  readonly turn: number;
  readonly at: number;
  readonly kind: string;
  readonly outcome: string;
  readonly attempts: number;
  readonly cause: RecordBody["cause"];
  readonly decisions: readonly Decision[];
  readonly replay?: ReplayNote | undefined;
  /** The state after it, where it changed, and the version of that. */
  readonly state?: unknown;
  readonly stateVersion: number;
}

/** An agent's journal, as far as its states can be told. */
export interface AgentJournal {
  readonly header: JournalHeader;
  readonly turns: readonly JournalTurn[];
}

/** Makes an agent's journal of its rows, oldest first; undefined where no state before a turn is known. */
export function journalOf(agent: AgentRow, rows: readonly JournalRow[], turnsMax = Number.POSITIVE_INFINITY): AgentJournal | undefined {
  const copied = rows.findIndex(({ delta }) => delta !== undefined && isFull(delta));
  if (copied < 0) return undefined;
  // An agent's first change keeps the state before it, which is that of the row before.
  const earlier = copied === 0 ? undefined : stateBefore(rows[copied]?.delta ?? "");
  const from = earlier === undefined ? copied : copied - 1;
  const bodies = rows.slice(from).map(({ body }) => decodeBody(body));
  const versions = versionsOf(bodies, agent.stateVersion);
  let text = earlier ?? applyDelta("", rows[from]?.delta ?? "=null");
  const states = [text];
  for (const { delta } of rows.slice(from + 1)) states.push((text = delta === undefined ? text : applyDelta(text, delta)));
  // The state that the first turn found is the one after the row before it.
  const first = Math.max(1, bodies.length - turnsMax);
  if (bodies.length < 2) return undefined;
  const meta = agent.meta === undefined ? {} : (JSON.parse(agent.meta) as AgentMeta);
  const turns = bodies.slice(first).map((body, at) => {
    const row = rows[from + first + at];
    const [before, after] = [states[first + at - 1], states[first + at]];
    const { kind, outcome, attempts, cause, decisions, replay } = body;
    return {
      turn: row?.turn ?? 0,
      at: row?.at ?? 0,
      kind,
      outcome,
      attempts,
      cause,
      decisions,
      replay,
      state: before === after ? undefined : (JSON.parse(after ?? "null") as unknown),
      stateVersion: versions[first + at] ?? agent.stateVersion,
    };
  });
  const header: JournalHeader = {
    journal: JOURNAL_FORMAT,
    agent: agent.address,
    config: meta.config,
    stateVersion: versions[first - 1] ?? agent.stateVersion,
    state: JSON.parse(states[first - 1] ?? "null") as unknown,
  };
  return { header, turns };
}

const MIGRATED = /^(?:rewound to turn \d+, )?state (\d+) → (\d+)(?:$|: )/;

/** The version of the state after each row: migrations say in their rows what they led from. */
export function versionsOf(bodies: readonly RecordBody[], last: number): readonly number[] {
  const versions: number[] = [];
  let version = last;
  for (const { note } of bodies.toReversed()) {
    versions.push(version);
    const migrated = MIGRATED.exec(note ?? "");
    if (migrated !== null) version = Number(migrated[1]);
  }
  return versions.toReversed();
}

/** The lines of a journal file. */
export function journalLines({ header, turns }: AgentJournal): readonly string[] {
  return [header, ...turns].map((line) => JSON.stringify(line));
}

/**
 * Reads a journal file: JSON lines, one or more agents' journals one after another.
 * @throws AosError JOURNAL_INVALID naming the line.
 */
export function readJournals(text: string): readonly AgentJournal[] {
  const found: { header: JournalHeader; turns: JournalTurn[] }[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const refuse = (why: string, cause?: unknown): never => {
      throw new AosError("JOURNAL_INVALID", `line ${at + 1} ${why}; \`aos log TYPE/ID --replay\` writes such a file`, {
        cause,
        details: { line: at + 1 },
      });
    };
    let value: Partial<Omit<JournalHeader, "journal"> & JournalTurn> & { readonly journal?: unknown };
    try {
      value = JSON.parse(line) as typeof value;
    } catch (thrown) {
      return refuse("is not JSON", thrown);
    }
    if (typeof value !== "object" || value === null) return refuse("is not an object");
    if (value.journal !== undefined) {
      if (value.journal !== JOURNAL_FORMAT) return refuse(`has the format ${JSON.stringify(value.journal)}, known is ${JOURNAL_FORMAT}`);
      if (typeof value.agent !== "string" || !Number.isSafeInteger(value.stateVersion)) return refuse("has no agent or no stateVersion");
      parseAddress(value.agent);
      found.push({ header: value as JournalHeader, turns: [] });
    } else {
      const last = found.at(-1);
      if (last === undefined) return refuse("stands before the first line of a journal");
      const isTurn = Number.isSafeInteger(value.turn) && typeof value.cause?.id === "string" && Number.isSafeInteger(value.stateVersion);
      if (!isTurn) return refuse(`is no turn of ${shortAddress(last.header.agent)}`);
      last.turns.push(value as JournalTurn);
    }
  }
  if (found.length === 0) throw new AosError("JOURNAL_INVALID", "the file holds no journal; `aos log TYPE/ID --replay` writes one");
  return found;
}
