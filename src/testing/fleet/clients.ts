import {
  type AosError,
  type Arrival,
  type AosErrorCode,
  type LoadableAgent,
  type Move,
  parseAddress,
  toAosError,
} from "../../kernel/index.ts";
import { OUTSIDE } from "../simulation/scheduler.ts";
import type { SimNode } from "../simulation/sim-node.ts";
import type { SimRandom } from "../simulation/random.ts";
import type { Simulation } from "../simulation/simulation.ts";
import { gapMs, type Happening } from "./happenings.ts";

type Make = (random: SimRandom, count: number) => unknown;

/** Something that a client wants in: it asks again under the same key until it is told. */
interface Order {
  readonly arrival: Omit<Arrival, "id">;
  readonly label: string;
  ackId: string | undefined;
}

const AGAIN_MS = 5_000;
const NO_ANSWER_MS = 30_000;
const CARE_MS = 3_600_000;
/** Times that one agent is put back while everything heals: whoever then is set aside again has a reason of their own. */
const RESUMES_MAX = 20;
/** What the test itself got wrong: the simulation ends with it. */
const WRONG: readonly AosErrorCode[] = ["PAYLOAD_INVALID", "PAYLOAD_TOO_LARGE", "EVENT_NOT_ACCEPTED", "ADDRESS_INVALID", "USAGE"];
/** Of these the sender knows that nothing is in. */
const REFUSED: readonly AosErrorCode[] = ["MAILBOX_FULL", "STORE_FAILED", "DISK_FULL", "IDEMPOTENCY_CONFLICT", "AGENT_TERMINATED"];

/** The clients of a simulated fleet, and the operator who looks after what is in doubt once an hour. */
export class Clients {
  readonly #sim: Simulation;
  readonly #agents: readonly LoadableAgent[];
  readonly #random: SimRandom;
  readonly #endAt: number;
  readonly #open = new Set<Order>();
  readonly #acked = new Set<string>();
  readonly #resumes = new Map<string, number>();
  #sent = 0;
  /** What the test itself got wrong. */
  mistake: AosError | undefined;

  constructor(sim: Simulation, agents: readonly LoadableAgent[], endAt: number) {
    this.#sim = sim;
    this.#agents = agents;
    this.#random = sim.random.stream("clients");
    this.#endAt = endAt;
  }

  /** Ids of acknowledged envelopes. */
  get acked(): ReadonlySet<string> {
    return this.#acked;
  }

  /** What nobody has acknowledged. */
  get unheard(): readonly string[] {
    return [...this.#open].map(({ label }) => label);
  }

  /** Lets everything happen, each by a stream of its own, and the operator do their rounds. */
  begin(happenings: readonly Happening[]): void {
    happenings.forEach((happening, at) => this.#expect(happening, this.#sim.random.stream(`happening ${at}`), 0));
    this.#rounds();
  }

  /** Settles what is in doubt, by what really happened. */
  settleDoubts(node: SimNode): void {
    for (const row of this.#sim.model.effects.values()) {
      if (row.state !== "in-doubt") continue;
      const known = this.#sim.outside.happened(row);
      if (known === undefined) this.#sim.outside.allowAgain(row);
      this.#sim.trace.add(`settle ${row.name} ${row.envelope}`);
      node.kernel
        .resolveEffect(row.id, known === undefined ? { outcome: "retry" } : { outcome: "done", output: known.output })
        .catch(this.#heard);
    }
  }

  /** Lets those run again who were quarantined. */
  resume(node: SimNode): void {
    for (const { address, status } of this.#sim.model.agents.values()) {
      const times = this.#resumes.get(address) ?? 0;
      if (status !== "quarantined" || times >= RESUMES_MAX) continue;
      this.#resumes.set(address, times + 1);
      node.kernel.move(address, "resume").catch(this.#heard);
    }
  }

  /** An operator who is refused, or hears nothing since the process died, looks again on the next round. */
  readonly #heard = (thrown: unknown): void => this.#sim.trace.add(`heard ${toAosError(thrown).code}`);

  #rounds(): void {
    this.#sim.scheduler.after(OUTSIDE, CARE_MS, "rounds", () => {
      const { node } = this.#sim;
      if (node !== undefined) this.settleDoubts(node);
      if (this.#sim.scheduler.now < this.#endAt) this.#rounds();
    });
  }

  #expect(happening: Happening, random: SimRandom, count: number): void {
    const { scheduler } = this.#sim;
    const gap = gapMs(happening.moments, count, random);
    if (gap === undefined || scheduler.now + gap >= this.#endAt) return;
    scheduler.after(OUTSIDE, gap, "happening", () => {
      this.#happen(happening, random, count);
      this.#expect(happening, random, count + 1);
    });
  }

  #happen({ kind, name, target, version, data, key, moments: _moments }: Happening, random: SimRandom, count: number): void {
    if (kind === "move") {
      this.#sim.trace.add(`operate ${name} ${target}`);
      this.#sim.node?.kernel.move(target ?? "", name as Move).catch(this.#heard);
      return;
    }
    const payload = typeof data === "function" ? this.#sim.relaxed(() => (data as Make)(random, count)) : data;
    const own = `client ${++this.#sent}`;
    for (const address of target === undefined ? this.#accepting(name) : [target]) {
      const label = `${name} ${own} to ${address}`;
      const arrival = { target: address, kind, name, data: payload, version, key: key?.(payload as never) ?? own, source: "simulation" };
      const order: Order = { arrival, label, ackId: undefined };
      this.#open.add(order);
      this.#send(order);
    }
  }

  /** Everybody whose contract accepts an event. */
  #accepting(event: string): readonly string[] {
    const types = this.#agents.filter(({ contract }) => Object.values(contract.on ?? {}).some(({ name }) => name === event));
    const names = new Set(types.map(({ contract }) => contract.type));
    return [...this.#sim.model.byAddress]
      .filter(([address, { status }]) => status !== "terminated" && names.has(parseAddress(address).type))
      .map(([address]) => address);
  }

  #send(order: Order): void {
    const { node, trace, faults, scheduler } = this.#sim;
    if (!this.#open.has(order)) return;
    if (node === undefined) return this.#again(order);
    trace.add(`send ${order.label}`);
    const isLost = faults.happens("lostAck");
    let isOver = false;
    const id = this.#uuid();
    node.kernel.accept({ ...order.arrival, id }).then(
      (ack) => {
        isOver = true;
        if (isLost) this.#again(order);
        else this.#acknowledged(order, ack, id);
      },
      (thrown: unknown) => {
        isOver = true;
        this.#rejected(order, id, toAosError(thrown));
      },
    );
    // Whoever hears nothing asks again.
    scheduler.after(OUTSIDE, NO_ANSWER_MS, "no answer", () => isOver || this.#send(order));
  }

  #again(order: Order): void {
    this.#sim.scheduler.after(OUTSIDE, this.#random.between(1, AGAIN_MS), "again", () => this.#send(order));
  }

  #acknowledged(order: Order, ack: { readonly id: string; readonly duplicate: boolean }, id: string): void {
    const { model, trace } = this.#sim;
    trace.add(`ack ${order.label} ${ack.id} ${ack.duplicate}`);
    if (!ack.duplicate && ack.id !== id) this.#sim.report("dedupe", `${order.label}: sent as ${id}, acknowledged as ${ack.id}`);
    if (!model.knows(ack.id)) this.#sim.report("acknowledged", `${order.label}: ${ack.id} was acknowledged, but the store never had it`);
    order.ackId ??= ack.id;
    this.#acked.add(ack.id);
    this.#open.delete(order);
  }

  #rejected(order: Order, id: string, error: AosError): void {
    this.#sim.trace.add(`refused ${order.label} ${error.code}`);
    if (WRONG.includes(error.code)) this.mistake ??= error;
    if (REFUSED.includes(error.code)) this.#sim.refuse(id);
    if (error.retryable) this.#again(order);
    else this.#open.delete(order);
  }

  #uuid(): string {
    const hex = Array.from({ length: 8 }, () => this.#random.int(0x10000).toString(16).padStart(4, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}
