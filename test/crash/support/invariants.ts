/** What must hold after any number of crashes, once everything has come to rest. */
import assert from "node:assert/strict";
import { applyDelta } from "../../../src/kernel/index.ts";
import { type OracleCall, TYPES } from "./agents.ts";
import type { Sent } from "./campaign.ts";
import type { Dump, Dumped } from "./child.ts";

/** Everything that is known at the end of a campaign. */
export interface Evidence {
  readonly sent: readonly Sent[];
  readonly dump: Dump;
  readonly calls: readonly OracleCall[];
  readonly violations: readonly string[];
}

type Fate = "done" | "dead" | "parked";
type Counts = Readonly<Record<string, number>>;

const FINAL = new Set(["done", "dead", "refused", "skipped"]);

/** @throws AssertionError naming every broken promise. */
export function assertInvariants(evidence: Evidence): void {
  const broken: string[] = [...evidence.violations];
  const say = (what: string): void => void broken.push(what);
  for (const agent of evidence.dump.agents) checkAgent(agent, say);
  const fates = new Map<string, Fate>();
  for (const sent of evidence.sent) {
    const fate = fateOf(sent, evidence.dump, say);
    if (fate !== undefined) fates.set(sent.job.id, fate);
  }
  checkCounts(evidence, fates, say);
  checkEffects(evidence, fates, say);
  checkOrder(evidence.dump, say);
  assert.deepEqual(broken, []);
}

/** An agent's journal is dense, its rows make up its state, and it is not shown as running. */
function checkAgent(agent: Dumped, say: (what: string) => void): void {
  const { address, journal } = agent;
  if (agent.shown === "running") say(`${address} is shown as running at rest`);
  const type = TYPES.find(({ contract }) => contract.type === address.split("/")[0]);
  let state = JSON.stringify(type?.contract.state.initial());
  let id = 0;
  for (const [at, row] of journal.entries()) {
    if (row.turn !== at + 1) say(`${address}: row ${at + 1} of the journal is of turn ${row.turn}`);
    if (row.id <= id) say(`${address}: the journal's ids do not rise at turn ${row.turn}`);
    id = row.id;
    if (row.delta !== undefined) state = applyDelta(state, row.delta);
  }
  if (journal.length !== agent.turn) say(`${address}: ${journal.length} rows, but its turn is ${agent.turn}`);
  if (state !== agent.state) say(`${address}: its journal does not make up its state`);
}

/** Each acknowledged envelope ended exactly once, or is parked. */
function fateOf({ worker, job, envelope }: Sent, dump: Dump, say: (what: string) => void): Fate | undefined {
  if (envelope === undefined) {
    say(`job ${job.id} was never acknowledged`);
    return undefined;
  }
  const agent = dump.agents.find(({ address }) => address === `worker/${worker}`);
  const ends = agent?.journal.filter((row) => row.envelope === envelope && FINAL.has(row.outcome)) ?? [];
  const mail = agent?.mail.find(({ id }) => id === envelope);
  const [end] = ends;
  if (ends.length > 1) say(`job ${job.id} ended ${ends.length} times: ${ends.map(({ outcome }) => outcome).join(", ")}`);
  if (end === undefined && mail?.parked === undefined) say(`job ${job.id} (${job.kind}) was acknowledged and is lost`);
  if (end !== undefined && mail !== undefined) say(`job ${job.id} ended and still is in the mailbox`);
  const isDead = dump.dead.some(({ id }) => id === envelope);
  if ((end?.outcome === "dead") !== isDead)
    say(`job ${job.id}: its journal says ${end?.outcome ?? "nothing"}, dead letters ${isDead ? "have" : "do not have"} it`);
  // What is thrown by a call that may never repeat is final.
  const mayDie = job.kind === "doomed" || ((job.kind === "never" || job.kind === "mixed") && job.fault === "drop");
  if (isDead && !mayDie)
    say(`job ${job.id} (${job.kind}, ${job.fault}) is a dead letter: ${dump.dead.find(({ id }) => id === envelope)?.reason ?? ""}`);
  if (end === undefined) return "parked";
  return end.outcome === "done" ? "done" : "dead";
}

/** Each done job counted once at everyone it reached; no other job at all. */
function checkCounts({ sent, dump }: Evidence, fates: ReadonlyMap<string, Fate>, say: (what: string) => void): void {
  const sink = stateOf(dump, "sink/main");
  const desk = stateOf(dump, "desk/main");
  const kids = dump.agents.filter(({ address }) => address.startsWith("kid/"));
  const greeted = kids.map(({ state }) => (JSON.parse(state) as { greeted: Counts }).greeted);
  for (const { worker, job } of sent) {
    const { id, kind } = job;
    const isDone = fates.get(id) === "done";
    const own = stateOf(dump, `worker/${worker}`);
    const expect = (what: string, count: number | undefined, wanted: number): void => {
      if ((count ?? 0) !== wanted) say(`job ${id} (${kind}, ${fates.get(id) ?? "?"}) counts ${count ?? 0} times as ${what}, not ${wanted}`);
    };
    const once = (on: boolean): number => (isDone && on ? 1 : 0);
    expect("done", own["done"]?.[id], once(true));
    expect("tick", own["ticks"]?.[id], once(kind === "timer"));
    expect("note", sink["notes"]?.[id], once(kind === "tell" || kind === "told-once" || kind === "mixed"));
    expect("news", sink["news"]?.[id], once(kind === "publish"));
    expect(
      "greeting",
      greeted.reduce((sum, counts) => sum + (counts[id] ?? 0), 0),
      once(kind === "spawn"),
    );
    expect("ask", desk["asked"]?.[id], once(kind === "ask"));
  }
}

/** What the outside saw of each job. */
function checkEffects({ sent, dump, calls }: Evidence, fates: ReadonlyMap<string, Fate>, say: (what: string) => void): void {
  const seen = Map.groupBy(calls, ({ id, name }) => `${name} ${id}`);
  for (const { job, envelope } of sent) {
    const { id, kind } = job;
    const fate = fates.get(id);
    const of = (name: string): readonly OracleCall[] => seen.get(`${name} ${id}`) ?? [];
    const paid = of("pay");
    if (new Set(paid.map(({ key }) => key)).size > 1) say(`job ${id} was paid under several keys`);
    if (fate === "done" && (kind === "key" || kind === "mixed") && paid.length === 0) say(`job ${id} is done but was never paid`);
    const fired = of("fire");
    const isDoubted = dump.doubt.some((effect) => effect.envelope === envelope && effect.name === "fire");
    if (fired.length > 1) say(`job ${id}: an effect that must never repeat came ${fired.length} times`);
    if (fired.length === 1 && fate === "parked" && !isDoubted) say(`job ${id}: an effect whose outcome is unknown is not listed in doubt`);
    if (isDoubted !== (fate === "parked")) say(`job ${id} is ${fate ?? "?"} and its effect is ${isDoubted ? "" : "not "}in doubt`);
    const moved = of("move");
    if (moved.length > 1) say(`job ${id}: an effect that is reconciled came ${moved.length} times`);
    if (fate === "done" && kind === "reconcile" && moved.length === 0) say(`job ${id} is done but was never moved`);
  }
}

/** A sender's jobs were done in the order in which they were sent. */
function checkOrder(dump: Dump, say: (what: string) => void): void {
  for (const { address, state } of dump.agents.filter((agent) => agent.address.startsWith("worker/"))) {
    const { order } = JSON.parse(state) as { order: Readonly<Record<string, readonly number[]>> };
    for (const [lane, numbers] of Object.entries(order)) {
      const late = numbers.findIndex((n, at) => at > 0 && n <= (numbers[at - 1] ?? 0));
      if (late >= 0) say(`${address}: ${lane} did ${numbers[late]} after ${numbers[late - 1]}`);
    }
  }
}

function stateOf(dump: Dump, address: string): Readonly<Record<string, Counts>> {
  const found = dump.agents.find((agent) => agent.address === address);
  assert.ok(found, `${address} is gone`);
  return JSON.parse(found.state);
}
