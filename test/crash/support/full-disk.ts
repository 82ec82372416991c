/** Writes until there is no space, sees that nothing is pretended, makes space, and sees that nothing is lost. */
import { event, isAosError, PurposeDrivenAgent, query, state } from "aosjs";
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { Ack, Kernel, KernelEvent } from "../../../src/kernel/index.ts";

const Keep = event("keep", z.object({ id: z.string(), bulk: z.string() }));

/** Keeps what it gets. */
export class Keeper extends PurposeDrivenAgent.define({
  type: "keeper",
  purpose: "Keep everything",
  state: state(1, z.object({ seen: z.record(z.string(), z.number()), bulk: z.string() }), {
    initial: () => ({ seen: {}, bulk: "" }),
  }),
  on: { keep: Keep },
  queries: { count: query(z.null(), z.number()) },
}) {
  readonly handlers = this.handle({
    keep: (ctx, { data }) => {
      ctx.state.seen[data.id] = (ctx.state.seen[data.id] ?? 0) + 1;
      ctx.state.bulk = data.bulk;
    },
    count: ({ seen }) => Object.keys(seen).length,
  });
}

/** What was seen on the way. */
export interface Survived {
  readonly acked: number;
  readonly refused: number;
  readonly afterwards: number;
  readonly events: readonly string[];
}

const AGENTS = 4;
const BULK_BYTES = 6_000;
const TOGETHER = 8;
const WAVES_MAX = 1_000;
const POLL_MS = 20;
const RECOVERY_MS = 15_000;

/** @throws AssertionError where a write is pretended, a read fails, or what is sent again after recovery is lost or doubled. */
export async function surviveFullDisk(kernel: Kernel, events: readonly KernelEvent[], freeSpace: () => void): Promise<Survived> {
  for (let at = 0; at < AGENTS; at++) await kernel.register("keeper", { id: `k${at}` });
  const acked = new Set<number>();
  const refused = new Set<number>();
  let next = 0;
  for (let wave = 0; wave < WAVES_MAX && refused.size < TOGETHER; wave++) {
    const ids = Array.from({ length: TOGETHER }, () => next++);
    const outcomes = await Promise.allSettled(ids.map((id) => send(kernel, id)));
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") acked.add(ids[at] ?? -1);
      else {
        assert.ok(isAosError(outcome.reason, "DISK_FULL"), String(outcome.reason));
        refused.add(ids[at] ?? -1);
      }
    }
  }
  assert.ok(refused.size >= TOGETHER, "the disk was never full");
  // It says so, and it still can be read: what was acknowledged is there, what was refused is not.
  assert.ok(events.some(({ event: name }) => name === "store.failed"));
  assert.ok(kernel.stats().storeIsDown);
  assert.equal((await kernel.agents({ type: "keeper" })).items.length, AGENTS);
  for (const id of refused) assert.ok(!(id in (await seenBy(kernel, id))), `${id} was refused and yet handled`);
  const before = acked.size;
  freeSpace();
  const until = performance.now() + RECOVERY_MS;
  while (kernel.stats().storeIsDown && performance.now() < until) await pause(POLL_MS);
  assert.ok(!kernel.stats().storeIsDown, "it did not recover");
  for (const id of [...refused, ...acked]) {
    const { duplicate } = await send(kernel, id);
    assert.equal(duplicate, acked.has(id), `${id} was ${acked.has(id) ? "acknowledged" : "refused"} before`);
  }
  await assertKept(kernel, next);
  return {
    acked: before,
    refused: refused.size,
    afterwards: next,
    events: events.map(({ event: name }) => name),
  };
}

/** Each of the first `count` events was handled exactly once. */
export async function assertKept(kernel: Kernel, count: number): Promise<void> {
  for (let at = 0; at < AGENTS; at++) while ((await kernel.mailbox(`keeper/k${at}`)).length > 0) await pause(POLL_MS);
  for (let id = 0; id < count; id++) assert.equal((await seenBy(kernel, id))[id], 1, `event ${id}`);
}

function send(kernel: Kernel, id: number): Promise<Ack> {
  const data = { id: String(id), bulk: String(id).padStart(BULK_BYTES, "x") };
  return kernel.accept({
    target: `default/keeper/k${id % AGENTS}`,
    kind: "event",
    name: Keep.name,
    data,
    key: String(id),
  });
}

async function seenBy(kernel: Kernel, id: number): Promise<Readonly<Record<number, number>>> {
  const { state: kept } = await kernel.state(`keeper/k${id % AGENTS}`);
  return z.object({ seen: z.record(z.string(), z.number()) }).parse(kept).seen;
}
