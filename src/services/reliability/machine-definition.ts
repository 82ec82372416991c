import { AosError } from "../../kernel/index.ts";
import { WAIT_MS_MAX, wholeIn } from "./checks.ts";

/** What a guard or an action is told. */
export interface TransitionCall<S extends string, E extends string, C> {
  readonly from: S;
  readonly event: E;
  readonly to: S;
  readonly payload: unknown;
  /** The machine's context, as it was handed in. */
  readonly context: C;
}

/** A declared move with its conditions. */
export interface Transition<S extends string, E extends string, C = undefined> {
  readonly from: S | readonly S[];
  readonly on: E;
  readonly to: S;
  /** Pure and synchronous; false refuses the move. */
  readonly guard?: ((call: TransitionCall<S, E, C>) => boolean) | undefined;
  /** The move happens by itself after so long in `from`, in ms: 1 to 366 days. One for each state at most. */
  readonly timeoutMs?: number | undefined;
  /** Runs before the move; if it throws there is no move. It must not wait for a `fire` of its own machine. */
  readonly action?: ((call: TransitionCall<S, E, C>) => void | Promise<void>) | undefined;
}

/** A declared move: `[from, event, to]`, or an object where there are conditions. */
export type TransitionInput<S extends string, E extends string, C> = readonly [from: S, event: E, to: S] | Transition<S, E, C>;

/** A definition that was checked and indexed. */
export interface MachineDefinition<S extends string, E extends string, C> {
  readonly states: ReadonlySet<S>;
  readonly initial: S;
  /** The moves out of each state, by event. */
  readonly moves: ReadonlyMap<S, ReadonlyMap<E, Transition<S, E, C>>>;
  /** The move that each state makes by itself. */
  readonly timeouts: ReadonlyMap<S, Transition<S, E, C> & { readonly timeoutMs: number }>;
}

const STATES_MAX = 10_000;

/**
 * Checks and indexes a machine's states and transitions.
 * @throws AosError CONFIG_INVALID for a missing, repeated, unknown or unreachable state, two transitions for one state
 * and event, or two timeouts of one state; its details name them.
 */
export function defineMachine<S extends string, E extends string, C>(
  states: readonly S[],
  transitions: readonly TransitionInput<S, E, C>[],
  initial: S | undefined,
): MachineDefinition<S, E, C> {
  wholeIn("state machine: the number of states", states.length, 1, STATES_MAX);
  const known = new Set<S>();
  for (const state of states) {
    if (typeof state !== "string" || state === "") invalid("a state is a name", { state });
    if (known.has(state)) invalid(`the state ${state} is declared twice`, { state });
    known.add(state);
  }
  const [first] = known;
  const start = initial ?? first;
  if (start === undefined || first === undefined) return invalid("there is no state", {});
  if (!known.has(start)) invalid(`the initial state ${start} is not declared`, { state: start });

  const moves = new Map<S, Map<E, Transition<S, E, C>>>();
  const timeouts = new Map<S, Transition<S, E, C> & { readonly timeoutMs: number }>();
  for (const input of transitions) {
    const move = toTransition(input);
    for (const from of sources(move)) addMove(from, move, { known, moves, timeouts });
  }
  checkReach(known, [first, start], moves);
  return { states: known, initial: start, moves, timeouts };
}

interface Index<S extends string, E extends string, C> {
  readonly known: ReadonlySet<S>;
  readonly moves: Map<S, Map<E, Transition<S, E, C>>>;
  readonly timeouts: Map<S, Transition<S, E, C> & { readonly timeoutMs: number }>;
}

function addMove<S extends string, E extends string, C>(
  from: S,
  move: Transition<S, E, C>,
  { known, moves, timeouts }: Index<S, E, C>,
): void {
  for (const state of [from, move.to])
    if (!known.has(state))
      invalid(`a transition names the state ${state}, which is not declared`, {
        state,
        event: move.on,
      });
  const out = moves.get(from) ?? new Map<E, Transition<S, E, C>>();
  if (out.has(move.on)) invalid(`the state ${from} has two transitions on ${move.on}`, { state: from, event: move.on });
  moves.set(from, out.set(move.on, move));
  if (move.timeoutMs === undefined) return;
  wholeIn("state machine: timeoutMs", move.timeoutMs, 1, WAIT_MS_MAX);
  if (timeouts.has(from)) invalid(`the state ${from} has two timeouts`, { state: from });
  timeouts.set(from, { ...move, timeoutMs: move.timeoutMs });
}

function sources<S extends string, E extends string, C>(move: Transition<S, E, C>): readonly S[] {
  return typeof move.from === "string" ? [move.from] : move.from;
}

function toTransition<S extends string, E extends string, C>(input: TransitionInput<S, E, C>): Transition<S, E, C> {
  const move = isTriple(input) ? { from: input[0], on: input[1], to: input[2] } : input;
  if (typeof move.on !== "string" || move.on === "") invalid("a transition is [from, event, to] or {from, on, to}", {});
  return move;
}

function isTriple<S extends string, E extends string, C>(input: TransitionInput<S, E, C>): input is readonly [S, E, S] {
  return Array.isArray(input);
}

/** From the first state as from the initial one, for a machine may be resumed in its middle. */
function checkReach<S extends string, E extends string, C>(
  known: ReadonlySet<S>,
  starts: readonly S[],
  moves: ReadonlyMap<S, ReadonlyMap<E, Transition<S, E, C>>>,
): void {
  // A set iterates over what is added to it meanwhile, so this walks the whole graph.
  const reached = new Set(starts);
  for (const state of reached) for (const { to } of moves.get(state)?.values() ?? []) reached.add(to);
  const unreachable = [...known].filter((state) => !reached.has(state));
  if (unreachable.length > 0) invalid(`no transition leads to ${unreachable.join(", ")}`, { states: unreachable });
}

function invalid(message: string, details: Readonly<Record<string, unknown>>): never {
  throw new AosError("CONFIG_INVALID", `state machine: ${message}`, { details });
}
