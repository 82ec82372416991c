import { AgentOperatingSystem, effect, event, PurposeDrivenAgent, state } from "aosjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { run } from "../support/checkout.ts";
import { foreign, withFolder } from "./support/processes.ts";
import { fileURLToPath } from "node:url";

const Order = event("order", z.object({ id: z.string() }));
const Launch = effect("launch", {
  input: z.object({ id: z.string() }),
  output: z.null(),
  run: () => process.kill(process.pid, "SIGKILL") && null,
});

class Pad extends PurposeDrivenAgent.define({
  type: "pad",
  purpose: "Call what must never repeat, and then change its mind",
  state: state(1, z.object({ calm: z.number() }), { initial: () => ({ calm: 0 }) }),
  on: { order: Order },
  uses: [Launch],
}) {
  readonly handlers = this.handle({
    order: async (ctx, { data }) => {
      if (process.env["PAD"] === "angry") await ctx.effect(Launch, data);
      ctx.state.calm += 1;
    },
  });
}

const [, file = "", dir] = process.argv;
if (dir !== undefined && fileURLToPath(import.meta.url) === file) {
  const aos = await AgentOperatingSystem.boot({ dir });
  await aos.register(Pad, "main");
  await aos.emit(Order, { id: "o1" }, { to: [Pad, "main"] });
  await new Promise((resolve) => setTimeout(resolve, 5_000));
} else {
  test("a call that must never repeat stays listed in doubt though its turn ends without making it again", async () => {
    await withFolder(async (folder) => {
      const args = ["--conditions=aosjs-source", fileURLToPath(import.meta.url), folder];
      const ended = await run(process.execPath, args, {
        env: { ...foreign(), PAD: "angry" },
        timeout: 20_000,
      });
      assert.equal(ended.signal, "SIGKILL", ended.stderr);
      await using aos = await AgentOperatingSystem.boot({ dir: folder });
      await aos.register(Pad, "main");
      while ((await aos.kernel.mailbox("pad/main")).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.deepEqual((await aos.kernel.state("pad/main")).state, { calm: 1 });
      assert.deepEqual(
        (await aos.kernel.effects({ state: "in-doubt" })).map(({ name }) => name),
        ["launch"],
      );
    });
  });
}
