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
  for (const to of ["talker/b", "other/talker/b", "talker/nobody"]) await aos.emit(Say, { to }, { to: [Talker, "a"] });
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
  assert.equal((await ended(aos, await aos.emit(Heard, {}, { to: [Talker, "a"] }))).outcome, "done");
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

const Shout = event("shout", z.object({ how: z.enum(["unheard", "caught", "left"]) }));
const Hire = event("hire", z.object({ size: z.unknown().optional() }));

class Hired extends PurposeDrivenAgent.define({
  type: "hired",
  purpose: "Be hired",
  state: state(1, z.object({}), { initial: () => ({}) }),
  config: z.object({ size: z.number().default(7) }),
}) {
  readonly handlers = this.handle({});
}

class Shouter extends PurposeDrivenAgent.define({
  type: "shouter",
  purpose: "Shout",
  state: state(1, z.object({ codes: z.array(z.string()) }), { initial: () => ({ codes: [] }) }),
  on: { shout: Shout, hire: Hire },
  retry: { attempts: 1, backoff: "fixed", delayMs: 0 },
}) {
  readonly handlers = this.handle({
    shout: async (ctx, { data: { how } }) => {
      if (how === "caught") {
        const told = ctx.broadcast(Heard, {});
        await ctx.broadcast(Heard, {}).catch((thrown: unknown) => {
          ctx.state.codes.push((thrown as AosError).code);
        });
        await told.catch(() => undefined);
      } else void ctx.broadcast(Heard, {});
      if (how === "left") await Promise.resolve();
    },
    hire: (ctx, { data: { size } }) => void ctx.spawn(Hired, "h", { size }),
  });
}

test("a broadcast that nobody awaits is sent; a full mailbox fails it, and its turn unless somebody hears of it", async (t) => {
  const aos = await scene(t, { limits: { mailboxDepth: 1 } });
  await aos.register(Talker, "a");
  await aos.register(Shouter, "s");
  const shout = async (how: "unheard" | "caught" | "left") => ended(aos, await aos.emit(Shout, { how }, { to: [Shouter, "s"] }));
  assert.equal((await shout("unheard")).sent, 1);
  await rest(aos);
  assert.deepEqual((await aos.kernel.state("talker/a")).state, { codes: [], heard: 1 });
  await aos.kernel.move("talker/a", "pause");
  await aos.emit(Heard, {}, { to: [Talker, "a"] });
  for (const how of ["unheard", "left"] as const) {
    const failed = await shout(how);
    assert.equal(failed.outcome, "dead");
    assert.equal(failed.error?.code, "MAILBOX_FULL");
  }
  assert.equal((await shout("caught")).outcome, "done");
  assert.deepEqual((await aos.kernel.state("shouter/s")).state, { codes: ["MAILBOX_FULL"] });
});

test("an agent that is spawned has a configuration that its contract allows, or is not spawned", async (t) => {
  const aos = await scene(t);
  await aos.load(Hired);
  await aos.register(Shouter, "s");
  const hire = async (size: unknown) => ended(aos, await aos.emit(Hire, { size }, { to: [Shouter, "s"] }));
  const wrong = await hire("big");
  assert.equal(wrong.error?.code, "PAYLOAD_INVALID");
  await refused("AGENT_NOT_FOUND", aos.kernel.agent("hired/h"));
  assert.equal((await hire(undefined)).outcome, "done");
  assert.deepEqual((await aos.kernel.agent("hired/h")).config, { size: 7 });
});
