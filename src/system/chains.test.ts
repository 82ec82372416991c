import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { AgentOperatingSystem, event, PurposeDrivenAgent, state } from "../index.ts";
import { advance, rest, scene } from "../../test/support/scene.ts";

const Ball = event("ball", z.object({ n: z.number() }));

class Player extends PurposeDrivenAgent.define({
  type: "player",
  purpose: "Throw the ball back",
  state: state(1, z.object({ caught: z.number() }), { initial: () => ({ caught: 0 }) }),
  on: { ball: Ball },
}) {
  readonly handlers = this.handle({
    ball: (ctx, { data }) => {
      ctx.state.caught++;
      ctx.tell(ctx.self.id === "a" ? "player/b" : "player/a", Ball, { n: data.n + 1 });
    },
  });
}

async function game(aos: AgentOperatingSystem): Promise<void> {
  await aos.register(Player, "a");
  await aos.register(Player, "b");
}

test("two agents that tell each other for ever stop at depth 64: one cut in the journal, one dead letter that names the chain", async (t) => {
  const aos = await scene(t);
  await game(aos);
  const [ack] = await aos.emit(Ball, { n: 0 }, { to: [Player, "a"] });
  for (let round = 0; round < 20; round++) await rest(aos);
  const rows = [...(await aos.kernel.journal("player/a")), ...(await aos.kernel.journal("player/b"))];
  const cuts = rows.filter(({ kind }) => kind === "chain.cut");
  assert.equal(cuts.length, 1);
  assert.equal(cuts[0]?.cause.chain, ack?.id);
  const { items } = await aos.kernel.deadLetters({});
  assert.equal(items.length, 1);
  assert.equal(items[0]?.reason, "CHAIN_CUT");
  assert.equal(items[0]?.chain, ack?.id);
  assert.equal(items[0]?.depth, 65);
  assert.equal(rows.filter(({ kind, outcome }) => kind === "event" && outcome === "done").length, 65);
});

test("a chain that was cut goes on as a new chain when its dead letter is redriven", async (t) => {
  const aos = await scene(t, { limits: { chainDepth: 3 } });
  await game(aos);
  await aos.emit(Ball, { n: 0 }, { to: [Player, "a"] });
  await rest(aos);
  const [letter] = (await aos.kernel.deadLetters({})).items;
  assert.ok(letter);
  await aos.kernel.redrive(letter.id);
  for (let round = 0; round < 4; round++) await rest(aos);
  const [again] = (await aos.kernel.deadLetters({})).items;
  assert.equal(again?.chain, letter.id);
  assert.equal((await aos.kernel.deadLetters({})).items.length, 1);
});

test("a chain may have so many turns and no more, however shallow it is", async (t) => {
  const Seed = event("seed", z.object({}));
  class Fan extends PurposeDrivenAgent.define({
    type: "fan",
    purpose: "Tell itself many times",
    state: state(1, z.object({ n: z.number() }), { initial: () => ({ n: 0 }) }),
    on: { seed: Seed, ball: Ball },
  }) {
    readonly handlers = this.handle({
      seed: (ctx) => {
        for (let n = 0; n < 10; n++) ctx.tell(ctx.self.address, Ball, { n });
      },
      ball: (ctx) => void ctx.state.n++,
    });
  }
  const aos = await scene(t, { limits: { chainTurns: 4 } });
  await aos.register(Fan, "a");
  await aos.emit(Seed, {}, { to: [Fan, "a"] });
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("fan/a")).state, { n: 4 });
  const { items } = await aos.kernel.deadLetters({ reason: "CHAIN_CUT" });
  assert.equal(items.length, 6);
});

test("a timer begins a new chain: what an agent does tomorrow is no loop", async (t) => {
  class Clockwork extends PurposeDrivenAgent.define({
    type: "clockwork",
    purpose: "Wind itself up",
    state: state(1, z.object({ n: z.number(), depths: z.array(z.number()) }), {
      initial: () => ({ n: 0, depths: [] }),
    }),
    on: { ball: Ball },
  }) {
    readonly handlers = this.handle({
      ball: (ctx) => {
        ctx.state.n++;
        ctx.state.depths.push(ctx.envelope.depth);
        if (ctx.state.n < 6) ctx.timer("again", "1s", Ball, { n: 0 });
      },
    });
  }
  const aos = await scene(t, { limits: { chainDepth: 2 } });
  await aos.register(Clockwork, "a");
  await aos.emit(Ball, { n: 0 }, { to: [Clockwork, "a"] });
  await advance(aos, 10_000);
  assert.deepEqual((await aos.kernel.state("clockwork/a")).state, {
    n: 6,
    depths: [0, 0, 0, 0, 0, 0],
  });
});
