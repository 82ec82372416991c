import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { type AgentOperatingSystem, AosError, type BootOptions, type Budget, effect, event, PurposeDrivenAgent, state } from "../index.ts";
import { advance, afterCrash, ended, folder, onDisk, refused, rest, scene } from "../../test/support/scene.ts";

const Go = event(
  "go",
  z.object({
    calls: z.number().default(1),
    again: z.boolean().default(false),
    isCaught: z.boolean().default(false),
  }),
);
const Ping = effect("ping", {
  input: z.object({ n: z.number() }),
  output: z.object({}),
  repeat: "safe",
  run: () => ({}),
});
const MINUTE = 60_000;

type Told = { readonly event: string; readonly quantity?: string };

function spender(budget: Budget) {
  return class Spender extends PurposeDrivenAgent.define({
    type: "spender",
    purpose: "Spend",
    state: state(1, z.object({ n: z.number(), codes: z.array(z.string()) }), {
      initial: () => ({ n: 0, codes: [] }),
    }),
    on: { go: Go },
    uses: [Ping],
    budget,
  }) {
    readonly handlers = this.handle({
      go: async (ctx, { data }) => {
        try {
          // All at once: a limit holds for calls that have not been answered, too.
          await Promise.all(Array.from({ length: data.calls }, (_, n) => ctx.effect(Ping, { n })));
        } catch (thrown) {
          if (!data.isCaught) throw thrown;
          ctx.state.codes.push((thrown as AosError).code);
        }
        ctx.state.n++;
        if (data.again) ctx.tell("spender/a", Go, { ...data });
      },
    });
  };
}

async function spending(
  t: TestContext,
  budget: Budget,
  options: BootOptions = {},
  dir?: string,
): Promise<{ aos: AgentOperatingSystem; told: Told[]; Spender: ReturnType<typeof spender> }> {
  const told: Told[] = [];
  const given: BootOptions = { ...options, report: (each) => void told.push(each) };
  const aos = dir === undefined ? await scene(t, given) : await onDisk(t, dir, given);
  const Spender = spender(budget);
  await aos.register(Spender, "a");
  return { aos, told, Spender };
}

const stateOf = async (aos: AgentOperatingSystem): Promise<unknown> => (await aos.kernel.state("spender/a")).state;
const notices = (told: readonly Told[]): number => told.filter(({ event: name }) => name === "budget.spent").length;

test("one effect more than the contract allows a turn throws EFFECT_LIMIT, which the handler may catch", async (t) => {
  const { aos, Spender } = await spending(t, { effects: { turn: 2 } });
  assert.equal((await ended(aos, await aos.emit(Go, { calls: 2 }, { to: [Spender, "a"] }))).outcome, "done");
  await ended(aos, await aos.emit(Go, { calls: 3, isCaught: true }, { to: [Spender, "a"] }));
  assert.deepEqual(await stateOf(aos), { n: 2, codes: ["EFFECT_LIMIT"] });
  const record = await ended(aos, await aos.emit(Go, { calls: 3 }, { to: [Spender, "a"] }));
  assert.deepEqual([record.outcome, record.error?.code], ["dead", "EFFECT_LIMIT"]);
});

for (const quantity of ["turns", "effects"] as const) {
  test(`an agent that has had its ${quantity} of one chain cuts it: a dead letter and an event; other chains go on`, async (t) => {
    const { aos, told, Spender } = await spending(t, { [quantity]: { chain: 3 } });
    await aos.emit(Go, { again: true }, { to: [Spender, "a"] });
    await rest(aos);
    assert.deepEqual(await stateOf(aos), { n: 3, codes: [] });
    const { items } = await aos.kernel.deadLetters({ reason: "CHAIN_CUT" });
    assert.equal(items.length, 1);
    assert.equal(told.filter(({ event: name }) => name === "chain.cut").length, 1);
    assert.equal((await ended(aos, await aos.emit(Go, {}, { to: [Spender, "a"] }))).outcome, "done");
  });
}

for (const quantity of ["turns", "effects"] as const) {
  test(`an agent that has spent its ${quantity} of a period waits until it ends, with one notice for all its mail`, async (t) => {
    const { aos, told, Spender } = await spending(t, { [quantity]: { minute: 2 } });
    for (let n = 0; n < 6; n++) await aos.emit(Go, {}, { to: [Spender, "a"] });
    await rest(aos);
    assert.deepEqual(await stateOf(aos), { n: 2, codes: [] });
    assert.equal(notices(told), 1);
    const parked = (await aos.kernel.journal("spender/a")).filter(({ outcome }) => outcome === "parked");
    assert.equal(parked.length, 1);
    assert.match(parked[0]?.note ?? "", new RegExp(`"kind":"budget","on":"${quantity}"`));
    const { state: shown, parked: setAside, mailbox } = await aos.kernel.agent("spender/a");
    assert.deepEqual([shown, setAside, mailbox], ["sleeping", 1, 3]);
    await advance(aos, MINUTE);
    assert.deepEqual(await stateOf(aos), { n: 4, codes: [] });
    assert.equal(notices(told), 2);
    await advance(aos, MINUTE);
    assert.deepEqual(await stateOf(aos), { n: 6, codes: [] });
  });
}

test("a budget that is spent stays spent over a restart, without another notice", async (t) => {
  const dir = folder(t);
  const { aos: before, Spender } = await spending(t, { turns: { month: 1 } }, {}, dir);
  for (let n = 0; n < 3; n++) await before.emit(Go, {}, { to: [Spender, "a"] });
  await rest(before);
  const { aos, told } = await spending(t, { turns: { month: 1 } }, {}, afterCrash(t, dir));
  await aos.emit(Go, {}, { to: "spender/a" });
  await rest(aos);
  assert.deepEqual(await stateOf(aos), { n: 1, codes: [] });
  assert.equal(notices(told), 0);
  const { items } = await aos.kernel.deadLetters({});
  assert.deepEqual(items, []);
});

test("a budget whose period or limit makes no sense is refused with its contract", async () => {
  await refused("CONTRACT_INVALID", () => spender({ turns: { fortnight: 1 } } as Budget));
  await refused("CONTRACT_INVALID", () => spender({ turns: { day: -1 } }));
});
