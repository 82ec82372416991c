import { type AosError, type Arrival, type Move, toAosError } from "../../kernel/index.ts";
import type { SimRandom } from "./random.ts";
import { type CallName, type Job, SAMPLE_FLEET } from "./sample-agents.ts";
import { OUTSIDE } from "./scheduler.ts";
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

/** Something that a sender wants in: it asks again until it hears of it, under the same key. */
interface Order {
  readonly target: string;
  readonly kind: "event" | "command";
  readonly name: string;
  readonly job: Job;
  readonly key: string | undefined;
  readonly priority: number | undefined;
  readonly delayMs: number | undefined;
  readonly expiresMs: number | undefined;
  readonly sender: string;
  /** The first id under which it was acknowledged, with when. */
  ack: { readonly id: string; readonly at: number } | undefined;
  tries: number;
}

type Make = (random: SimRandom, id: string) => Partial<Job> & { readonly at: string; readonly name: string; readonly kind?: "command" };

const counters = ["counter/c0", "counter/c1", "counter/c2"];
const CALLS: readonly CallName[] = ["safe", "keyed", "asked", "once"];
const REFUSALS: readonly string[] = ["MAILBOX_FULL", "STORE_FAILED", "DISK_FULL", "IDEMPOTENCY_CONFLICT", "AGENT_TERMINATED"];
const AGAIN_MS = 3_000;
const TRIES_MAX = 12;
/** Less than the dedupe window, since a key may be forgotten after it. */
const REMEMBERED_MS = 20 * 3_600_000;

const fails = (random: SimRandom): number => (random.chance(0.2) ? random.pick([1, 1, 2, 9]) : 0);

const KINDS: readonly Make[] = [
  (random) => ({ at: random.pick(counters), name: "add", amount: random.between(1, 9), fail: fails(random) }),
  (random) => ({ at: random.pick(counters), name: "take", kind: "command", fail: random.chance(0.1) ? 1 : 0 }),
  (random) => ({ at: random.pick(["ponger/p0", "ponger/p1"]), name: "ping", hops: random.int(5), fail: random.chance(0.1) ? 1 : 0 }),
  (random) => ({
    at: random.pick(["worker/w0", "worker/w1"]),
    name: "work",
    calls: Array.from({ length: random.between(1, 3) }, () => random.pick(CALLS)),
    isCalm: random.chance(0.3),
    fail: fails(random),
  }),
  (random) => ({ at: "clerk/k0", name: "later", ms: random.chance(0.1) ? -1 : random.between(1, 600_000) }),
  (random) => ({ at: "asker/a0", name: "question", to: random.pick(["c0", "c1"]), fail: random.chance(0.2) ? 1 : 0 }),
  (random) => ({ at: random.pick(["listener/l0", "listener/l1"]), name: "tell", fail: random.chance(0.2) ? 1 : 0 }),
  (random) => ({
    at: "miser/m0",
    name: "spend",
    ...(random.chance(0.6) ? { calls: ["keyed"] as const } : {}),
    fail: random.chance(0.1) ? 1 : 0,
  }),
  () => ({ at: "batcher/b0", name: "drop" }),
  () => ({ at: "batcher/b0", name: "burst" }),
  (random) => ({ at: "parent/x0", name: "bear", to: random.pick(["child", "child2"]), fail: random.chance(0.2) ? 1 : 0 }),
];

/** What clients and operators do to the sample agents: seeded, and unaware of anything but what they were answered. */
export class Workload {
  readonly #sim: Simulation;
  readonly #random: SimRandom;
  readonly #acked = new Map<string, Order>();
  #count = 0;
  /** Whether senders and operators still do something of their own accord. */
  isOpen = true;

  constructor(sim: Simulation) {
    this.#sim = sim;
    this.#random = sim.random.stream("workload");
  }

  /** Registers who is there from the start. */
  async register(): Promise<void> {
    const { node } = this.#sim;
    for (const [type, id] of SAMPLE_FLEET) await node?.kernel.register(type, { id });
  }

  /** Ids of acknowledged envelopes. */
  get acked(): Iterable<string> {
    return this.#acked.keys();
  }

  /** Does one thing. */
  act(): void {
    const { node } = this.#sim;
    if (node === undefined) return;
    try {
      this.#act(node);
    } catch (thrown) {
      // It died while it was spoken to.
      if (node.isAlive) throw thrown;
    }
  }

  #act(node: SimNode): void {
    const dice = this.#random.next();
    if (dice < 0.72) this.#send(node, this.#order());
    else if (dice < 0.76) this.#flood(node);
    else if (dice < 0.8) this.#publish(node);
    else if (dice < 0.86) this.#read(node);
    else this.#operate(node);
  }

  /** An operator who is refused, or hears nothing since the process died, lets it be. */
  readonly #heard = (thrown: unknown): void => this.#sim.trace.add(`heard ${toAosError(thrown).code}`);

  #order(): Order {
    const random = this.#random;
    const id = `j${++this.#count}`;
    const { at, name, kind = "event", ...job } = random.pick(KINDS)(random, id);
    const isRare = random.chance(0.15);
    return {
      target: `default/${at}`,
      kind,
      name,
      job: { ...job, id, ...(name === "later" ? { name: random.pick(["t", "u"]) } : {}) },
      key: random.chance(0.8) ? id : undefined,
      priority: isRare ? random.int(10) : undefined,
      delayMs: kind === "event" && random.chance(0.1) ? random.between(1, 120_000) : undefined,
      expiresMs: random.chance(0.03) ? random.between(1, 60_000) : undefined,
      sender: random.pick(["ann", "bob"]),
      ack: undefined,
      tries: 0,
    };
  }

  /** Sends an order, and again until it hears what became of it. */
  #send(node: SimNode, order: Order): void {
    this.#once(node, order);
    // A hasty sender asks twice.
    if (order.key !== undefined && this.#random.chance(0.1)) this.#once(node, order);
  }

  #once(node: SimNode, order: Order): void {
    if (!node.isAlive) return;
    const { trace, faults } = this.#sim;
    const id = uuidOf(this.#random);
    const now = node.clock.now();
    const arrival: Arrival = {
      id,
      target: order.target,
      kind: order.kind,
      name: order.name,
      data: order.job,
      sender: order.sender,
      key: order.key,
      priority: order.priority,
      deliverAt: order.delayMs === undefined ? undefined : now + order.delayMs,
      expiresAt: order.expiresMs === undefined ? undefined : now + order.expiresMs,
    };
    trace.add(`send ${order.name} ${order.job.id} to ${order.target}`);
    const isLost = faults.happens("lostAck");
    node.kernel.accept(arrival).then(
      (ack) => {
        if (isLost) this.#again(order);
        else this.#acknowledged(order, ack, id);
      },
      (thrown: unknown) => this.#rejected(order, id, toAosError(thrown)),
    );
    // Whoever hears nothing asks again.
    this.#sim.scheduler.after(OUTSIDE, AGAIN_MS * 2, "no answer", () => order.ack === undefined && this.#again(order));
  }

  #acknowledged(order: Order, ack: { readonly id: string; readonly duplicate: boolean }, id: string): void {
    const { model, scheduler } = this.#sim;
    this.#sim.trace.add(`ack ${order.job.id} ${ack.id} ${ack.duplicate}`);
    if (!ack.duplicate && ack.id !== id) this.#sim.report("dedupe", `${order.job.id}: sent as ${id}, acknowledged as ${ack.id}`);
    if (!model.knows(ack.id)) this.#sim.report("acknowledged", `${order.job.id}: ${ack.id} was acknowledged, but the store never had it`);
    const first = order.ack;
    if (first !== undefined && first.id !== ack.id && scheduler.now - first.at < REMEMBERED_MS && this.#isSteady)
      this.#sim.report("dedupe", `${order.job.id}: acknowledged as ${first.id}, and under the same key as ${ack.id}`);
    order.ack ??= { id: ack.id, at: scheduler.now };
    this.#acked.set(ack.id, order);
  }

  /** Whether the wall clock has shown what passed: a jump makes the window of a key pass. */
  get #isSteady(): boolean {
    return Math.abs(this.#sim.machine.skewMs) < 3_600_000;
  }

  #rejected(order: Order, id: string, error: AosError): void {
    this.#sim.trace.add(`refused ${order.job.id} ${error.code}`);
    if (!REFUSALS.includes(error.code)) return;
    this.#sim.refuse(id);
    if (error.retryable) this.#again(order);
  }

  #again(order: Order): void {
    // Patience ends: nobody was promised anything yet.
    if (order.key === undefined || ++order.tries > TRIES_MAX) return;
    this.#sim.scheduler.after(OUTSIDE, this.#random.between(1, AGAIN_MS), "again", () => {
      const { node } = this.#sim;
      if (order.ack !== undefined) return;
      if (node === undefined) this.#again(order);
      else this.#once(node, order);
    });
  }

  /** More at once than a mailbox holds. */
  #flood(node: SimNode): void {
    const target = `default/${this.#random.pick(["counter/c0", "ponger/p0", "miser/m0"])}`;
    for (let left = this.#random.between(10, 30); left > 0; left--) {
      const order = this.#order();
      const name = target.includes("counter") ? "add" : target.includes("ponger") ? "ping" : "spend";
      this.#once(node, { ...order, target, kind: "event", name, job: { id: order.job.id }, delayMs: undefined });
    }
  }

  #publish(node: SimNode): void {
    const id = `n${++this.#count}`;
    this.#sim.trace.add(`publish ${id}`);
    node.kernel.publish("default", "news.all", { name: "news", data: { id }, key: id }).catch(this.#heard);
  }

  /** A reader sees the state of the last commit. */
  #read(node: SimNode): void {
    const address = this.#random.pick(counters);
    this.#sim.trace.add(`read ${address}`);
    node.kernel.query(address, "total", null).then(
      (total) => {
        const agent = this.#sim.model.byAddress.get(`default/${address}`);
        const said = agent === undefined ? undefined : (JSON.parse(agent.state) as { readonly total: number }).total;
        if (total !== said) this.#sim.report("reads", `${address}: a query saw ${String(total)}, the last commit left ${said}`);
      },
      () => undefined,
    );
  }

  #operate(node: SimNode): void {
    const random = this.#random;
    const [type, id] = random.pick(SAMPLE_FLEET);
    const address = `${type}/${id}`;
    const dice = random.next();
    this.#sim.trace.add(`operate ${address}`);
    if (dice < 0.35) this.#move(node, address, random.pick(["pause", "kill", "kill", "quarantine"]));
    else if (dice < 0.6) this.resumeAll(node);
    else if (dice < 0.7) node.kernel.wake(address).catch(this.#heard);
    else if (dice < 0.75) node.kernel.runSchedule("clerk/k0", "tick").catch(this.#heard);
    else if (dice < 0.85) this.redriveOne(node);
    else this.settleDoubts(node);
  }

  #move(node: SimNode, address: string, move: Move): void {
    node.kernel.move(address, move).catch(this.#heard);
  }

  /** Lets everybody run who was set aside. */
  resumeAll(node: SimNode): void {
    for (const agent of this.#sim.model.agents.values())
      if (agent.status === "paused" || agent.status === "quarantined") this.#move(node, agent.address, "resume");
  }

  /** Puts one dead letter back. */
  redriveOne(node: SimNode): void {
    const [id] = this.#sim.model.dead.keys();
    if (id !== undefined) node.kernel.redrive(id).catch(this.#heard);
  }

  /** Finds out what became of each call in doubt, and says so. */
  settleDoubts(node: SimNode): void {
    for (const row of this.#sim.model.effects.values()) {
      if (row.state !== "in-doubt") continue;
      const known = this.#sim.outside.happened(row);
      if (known !== undefined) node.kernel.resolveEffect(row.id, { outcome: "done", output: known.output }).catch(this.#heard);
      else if (this.#random.chance(0.5)) node.kernel.resolveEffect(row.id, { outcome: "failed" }).catch(this.#heard);
      else {
        this.#sim.outside.allowAgain(row);
        node.kernel.resolveEffect(row.id, { outcome: "retry" }).catch(this.#heard);
      }
    }
  }
}

function uuidOf(random: SimRandom): string {
  const hex = Array.from({ length: 8 }, () => random.int(0x10000).toString(16).padStart(4, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}
