import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { AosError, event, PurposeDrivenAgent, refuse, state } from "../index.ts";
import { ended, refused, rest, scene } from "../../test/support/scene.ts";

const Say = event("say", z.object({ to: z.string().default("") }));
const Heard = event("heard", z.object({}));

class Talker extends PurposeDrivenAgent.define({
  type: "talker",
  purpose: "Talk",
  state: state(1, z.object({ codes: z.array(z.string()), heard: z.number() }), {
    initial: () => ({ codes: [], heard: 0 }),
  }),
  on: { say: Say, heard: Heard },
}) {
  readonly handlers = this.handle({
    say: (ctx, { data }) => {
      if (data.to === "") throw refuse("no address", { amount: 10n });
      try {
        ctx.tell(data.to, Heard, {});
        ctx.state.codes.push("told");
      } catch (thrown) {
        ctx.state.codes.push((thrown as AosError).code);
      }
    },
    heard: (ctx) => void ctx.state.heard++,
  });
}

const said = async (aos: Awaited<ReturnType<typeof scene>>): Promise<unknown> =>
  ((await aos.kernel.state("talker/a")).state as { codes: unknown }).codes;

test("an agent reaches its own tenant's agents by address, and no other tenant's", async (t) => {
  const aos = await scene(t);
  await aos.register(Talker, "a");
  await aos.register(Talker, "b");
  await aos.register(Talker, "b", { tenant: "other" });
  for (const to of ["talker/b", "other/talker/b", "talker/nobody"])
    await aos.emit(Say, { to }, { to: [Talker, "a"] });
  await rest(aos);
  assert.deepEqual(await said(aos), ["told", "AGENT_NOT_FOUND", "AGENT_NOT_FOUND"]);
  assert.deepEqual((await aos.kernel.state("other/talker/b")).state, { codes: [], heard: 0 });
});

test("a full mailbox is told to the sender, who can catch it", async (t) => {
  const aos = await scene(t, { limits: { mailboxDepth: 1 } });
  await aos.register(Talker, "a");
  await aos.register(Talker, "b");
  await aos.kernel.move("talker/b", "pause");
  await aos.emit(Heard, {}, { to: [Talker, "b"] });
  await ended(aos, await aos.emit(Say, { to: "talker/b" }, { to: [Talker, "a"] }));
  assert.deepEqual(await said(aos), ["MAILBOX_FULL"]);
  await refused("MAILBOX_FULL", aos.emit(Heard, {}, { to: [Talker, "b"] }));
});

test("an error whose details JSON cannot hold fails its turn and nobody else", async (t) => {
  const aos = await scene(t);
  await aos.register(Talker, "a");
  const record = await ended(aos, await aos.emit(Say, {}, { to: [Talker, "a"] }));
  assert.equal(record.outcome, "refused");
  assert.equal(
    (await ended(aos, await aos.emit(Heard, {}, { to: [Talker, "a"] }))).outcome,
    "done",
  );
});

test("a dependency or a supervisor whose address is malformed is refused with its contract", async () => {
  for (const supervise of [{ dependsOn: ["nonsense"] }, { escalate: "a/b/c/d" }]) {
    await refused("ADDRESS_INVALID", () =>
      PurposeDrivenAgent.define({
        type: "odd",
        purpose: "",
        state: state(1, z.object({}), { initial: () => ({}) }),
        supervise: { restarts: 1, within: "1m", ...supervise },
      }),
    );
  }
});
