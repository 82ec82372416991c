import {
  type AgentClass,
  type AgentStatus,
  AosError,
  type EffectType,
  formatAddress,
  type Input,
  type Output,
  parseAddress,
  shortAddress,
} from "../../kernel/index.ts";
import type { Simulation } from "../simulation/simulation.ts";

type StateOf<A extends AgentClass> = Output<A["contract"]["state"]["schema"]>;

/** An agent as the last commit left it. */
export interface SimulatedAgent<A extends AgentClass = AgentClass> {
  /** `type/id`. */
  readonly address: string;
  readonly id: string;
  readonly status: AgentStatus;
  readonly turn: number;
  /** Shared between looks: do not change it. */
  readonly state: Readonly<StateOf<A>>;
}

/** Something that happened outside: an effect's call that had its consequence, whether its answer arrived or not. */
export interface OutsideEvent<I = unknown, O = unknown> {
  /** `type/id` of the agent that called. */
  readonly agent: string;
  readonly input: I;
  readonly output: O;
  readonly idempotencyKey: string;
  /** True time, epoch ms. */
  readonly at: number;
}

/**
 * What an invariant sees: the agents as the last commit left them, and what happened outside. It is kept beside the
 * kernel, without its code.
 */
export class World {
  readonly #sim: Simulation;
  readonly #startAt: number;
  readonly #parsed = new Map<string, { readonly text: string; readonly state: unknown }>();
  readonly #happened = new Map<string, OutsideEvent[]>();

  constructor(sim: Simulation) {
    this.#sim = sim;
    this.#startAt = sim.scheduler.now;
    sim.outside.onHappened = (type, input, output, { agent, idempotencyKey }) => {
      const list = this.#happened.get(type.name) ?? [];
      this.#happened.set(type.name, list);
      list.push({ agent: shortAddress(agent), input, output, idempotencyKey, at: sim.scheduler.now });
    };
  }

  /** True time, epoch ms; no clock of a machine need show it. */
  get now(): number {
    return this.#sim.scheduler.now;
  }

  /** Days since the start, with their fraction. */
  get day(): number {
    return (this.now - this.#startAt) / 86_400_000;
  }

  /**
   * The state of one agent.
   * @throws AosError AGENT_NOT_FOUND.
   */
  state<A extends AgentClass>(type: A, id = "main"): Readonly<StateOf<A>> {
    const agent = this.agent(type, id);
    if (agent === undefined) throw new AosError("AGENT_NOT_FOUND", `there is no agent ${type.contract.type}/${id} in the simulation`);
    return agent.state;
  }

  /** One agent; undefined where there is none. */
  agent<A extends AgentClass>(type: A, id = "main"): SimulatedAgent<A> | undefined {
    return this.#shown(formatAddress(type.contract.type, id));
  }

  /** All agents of a type, those that others spawned included; all agents where it is left out. */
  agents<A extends AgentClass>(type?: A): readonly SimulatedAgent<A>[] {
    const found: SimulatedAgent<A>[] = [];
    for (const address of this.#sim.model.byAddress.keys()) {
      if (type !== undefined && parseAddress(address).type !== type.contract.type) continue;
      const agent = this.#shown(address);
      if (agent !== undefined) found.push(agent);
    }
    return found;
  }

  /** What an effect did outside, in order; a call whose answer was lost is here, one that failed beforehand is not. */
  happened<E extends EffectType>(effect: E): readonly OutsideEvent<Output<E["input"]>, Input<E["output"]>>[] {
    return (this.#happened.get(effect.name) ?? []) as OutsideEvent<Output<E["input"]>, Input<E["output"]>>[];
  }

  /** Mail that was given up and that nobody has put back. */
  deadLetters(): readonly { readonly id: string; readonly agent: string; readonly reason: string }[] {
    return [...this.#sim.model.dead].map(([id, { agent, reason }]) => ({
      id,
      agent: shortAddress(this.#sim.model.agents.get(agent)?.address ?? ""),
      reason,
    }));
  }

  #shown(address: string): SimulatedAgent | undefined {
    const agent = this.#sim.model.byAddress.get(address);
    if (agent === undefined) return undefined;
    let parsed = this.#parsed.get(address);
    if (parsed?.text !== agent.state) {
      parsed = { text: agent.state, state: JSON.parse(agent.state) as unknown };
      this.#parsed.set(address, parsed);
    }
    return {
      address: shortAddress(address),
      id: parseAddress(address).id,
      status: agent.status,
      turn: agent.turn,
      state: parsed.state as object,
    };
  }
}
