import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { event, PurposeDrivenAgent, state } from "../index.ts";
import { afterCrash, ended, folder, onDisk, rest } from "../../test/support/scene.ts";

const News = event("news", z.object({ n: z.number() }));

class Reader extends PurposeDrivenAgent.define({
  type: "reader",
  purpose: "Read",
  state: state(1, z.object({}), { initial: () => ({}) }),
  on: { news: News },
}) {
  readonly handlers = this.handle({ news: () => undefined });
}

test("an agent whose turn was running when the process died is tried again, alone if it dies once more, and quarantined in the end; others lose nothing", async (t) => {
  const Go = event("go", z.object({}));
  let isDeadly = true;
  let ran = 0;
  class Killer extends PurposeDrivenAgent.define({
    type: "killer",
    purpose: "Die",
    state: state(1, z.object({}), { initial: () => ({}) }),
    on: { go: Go },
  }) {
    readonly handlers = this.handle({
      go: async () => {
        ran++;
        if (isDeadly) await new Promise(() => undefined);
      },
    });
  }
  let dir = folder(t);
  const first = await onDisk(t, dir, { turn: { crashesMax: 2 } });
  await first.loadAll([Killer, Reader]);
  await first.register(Killer, "a");
  await first.register(Reader, "a");
  await first.emit(Go, {}, { to: [Killer, "a"] });
  await rest(first);
  let deaths = 0;
  let aos = first;
  while ((await aos.kernel.agent("killer/a")).state !== "quarantined") {
    assert.ok(deaths++ < 6, "it is not noticed");
    dir = afterCrash(t, dir);
    aos = await onDisk(t, dir, { turn: { crashesMax: 2 } });
    await aos.loadAll([Killer, Reader]);
    await rest(aos);
  }
  assert.equal(deaths, 4);
  assert.match((await aos.kernel.agent("killer/a")).reason ?? "", /the process died in its turn, 2 times/);
  assert.equal((await ended(aos, await aos.emit(News, { n: 1 }, { to: [Reader, "a"] }))).outcome, "done");
  isDeadly = false;
  await aos.kernel.move("killer/a", "resume");
  await rest(aos);
  assert.equal(ran, deaths + 1, "the last restart did not run it");
  assert.deepEqual(await aos.kernel.mailbox("killer/a"), []);
});
