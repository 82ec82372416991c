import { shortAddress } from "../address.ts";
import { AosError } from "../errors.ts";
import { versionsOf } from "../replay/journal-file.ts";
import type { AgentRow, JournalRow, Store } from "../store/store.ts";
import { applyDelta, isFull, stateBefore } from "../turn/delta.ts";
import { decodeBody } from "../turn/record.ts";

const PAGE = 1_000;

/** A state as one turn left it. */
export interface PastState {
  readonly turn: number;
  /** When that turn was, epoch ms. */
  readonly at: number;
  /** The state as JSON text. */
  readonly text: string;
  readonly version: number;
}

/**
 * What an agent's journal tells of its states: full copies, and the differences after each. It is proven by the newest
 * one, which must be the stored state.
 */
export class History {
  readonly agent: AgentRow;
  readonly #rows: readonly JournalRow[];
  readonly #versions: readonly number[];
  /** The place of the newest row that changed the state. */
  readonly #lastChange: number;

  /** @throws AosError AGENT_NOT_FOUND; INTERNAL where the journal does not lead to the stored state. */
  static async read(store: Store, address: string): Promise<History> {
    const agent = await store.agent(address);
    if (agent === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${address}`, { details: { agent: address } });
    const rows: JournalRow[] = [];
    while (true) {
      const page = await store.journal(agent.no, rows.at(-1)?.turn ?? 0, PAGE);
      // What was committed since the agent was read is later than this history.
      rows.push(...page.filter(({ turn }) => turn <= agent.turn));
      if (page.length < PAGE) return new History(agent, rows);
    }
  }

  private constructor(agent: AgentRow, rows: readonly JournalRow[]) {
    this.agent = agent;
    this.#rows = rows;
    this.#versions = versionsOf(
      rows.map(({ body }) => decodeBody(body)),
      agent.stateVersion,
    );
    this.#lastChange = rows.findLastIndex(({ delta }) => delta !== undefined);
    const newest = rows.at(-1)?.turn === agent.turn ? this.#fold(rows.length - 1) : agent.state;
    if (newest === undefined || newest === agent.state) return;
    throw new AosError("INTERNAL", `the journal of ${shortAddress(agent.address)} does not lead to its state; \`aos doctor\` tells more`, {
      details: { agent: agent.address },
    });
  }

  /** The first turn whose state can be told. */
  get oldest(): number {
    const place = this.#rows.findIndex((row, at) => at >= this.#lastChange || (row.delta !== undefined && isFull(row.delta)));
    // What keeps the state before it is an agent's first change: nothing older says anything else.
    const from = stateBefore(this.#rows[place]?.delta ?? "") === undefined ? place : 0;
    return this.#rows[from]?.turn ?? this.agent.turn;
  }

  /** @throws AosError TURN_NOT_FOUND for a turn that never was, FOLDED with `nearest` for one that is no longer retained. */
  at(turn: number): PastState {
    const { agent } = this;
    const name = shortAddress(agent.address);
    if (!Number.isSafeInteger(turn) || turn < 1 || turn > agent.turn)
      throw new AosError("TURN_NOT_FOUND", `${name} has turns 1 to ${agent.turn}, not ${turn}`, {
        details: { agent: agent.address, turn, last: agent.turn },
      });
    const at = this.#rows.findIndex((row) => row.turn === turn);
    const text = turn === agent.turn ? agent.state : this.#fold(at);
    if (text === undefined) {
      const nearest = this.oldest;
      throw new AosError("FOLDED", `turn ${turn} of ${name} is no longer retained; the nearest one is ${nearest}`, {
        details: { agent: agent.address, turn, nearest },
      });
    }
    return { turn, at: this.#rows[at]?.at ?? agent.lastAt, text, version: this.#versions[at] ?? agent.stateVersion };
  }

  /** The state before the first change from a place on, where that keeps it. */
  #before(place: number): string | undefined {
    const change = this.#rows.slice(place).find(({ delta }) => delta !== undefined);
    return stateBefore(change?.delta ?? "");
  }

  /** The state after the row at a place: the last full copy, and the differences since; undefined where there is none. */
  #fold(place: number): string | undefined {
    if (place < 0) return undefined;
    const rows = this.#rows.slice(0, place + 1);
    const copy = rows.findLastIndex(({ delta }) => delta !== undefined && isFull(delta));
    if (copy < 0) return place >= this.#lastChange ? this.agent.state : this.#before(place + 1);
    return rows.slice(copy).reduce((text, { delta }) => (delta === undefined ? text : applyDelta(text, delta)), "");
  }
}
