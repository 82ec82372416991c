/** Moves and imports that are killed at every step: what two systems could run at once does not exist, and nothing is lost. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { AgentOperatingSystem, AosError, isAosError } from "../../src/index.ts";
import { run } from "../support/checkout.ts";
import { startHttp } from "../support/http-system.ts";
import { Note, Probe } from "../support/probe.ts";
import { afterCrash, folder, onDisk, rest } from "../support/scene.ts";
import { foreign } from "./support/processes.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const DYING = new URL("./support/dying-move.ts", import.meta.url).href;
/** Past the last thing that a move does. */
const STEPS_MAX = 40;

test("a move whose command is killed at any step never leaves two agents that could run, and is finished by the same command", async (t) => {
  await using http = await startHttp();
  const place = folder(t);
  let deaths = 0;
  for (let step = 1; step <= STEPS_MAX; step++) {
    const id = `m${step}`;
    await http.aos.kernel.register("counter", { id });
    await http.send(`counter/${id}`, "added", { by: step });
    const file = join(place, `${id}.aosx`);
    const command = (dieAt: number): ReturnType<typeof run> =>
      run(
        process.execPath,
        [
          "--conditions=aosjs-source",
          "--import",
          DYING,
          MAIN,
          "export",
          `counter/${id}`,
          file,
          "--move",
          "--url",
          http.url,
          "--api-key",
          http.key,
        ],
        {
          env: { ...foreign(), DIE_AT: String(dieAt), DIE_FILE: file },
          timeout: 30_000,
        },
      );
    const first = await command(step);
    const isAlive = async (): Promise<boolean> => (await http.aos.kernel.agent(`counter/${id}`)).state !== "terminated";
    // Whether the file would be imported is asked of a system that imports it.
    const imports = async (): Promise<boolean> => {
      const other = await AgentOperatingSystem.boot({ store: "memory" });
      try {
        await other.transfers.import(readFileSync(file), { trust: http.aos.transfers.fingerprint });
        assert.deepEqual((await other.kernel.state(`counter/${id}`)).state, { total: step });
        return true;
      } catch (thrown) {
        assert.ok(isAosError(thrown, "EXPORT_UNRELEASED"), String(thrown));
        return false;
      } finally {
        await other.shutdown();
      }
    };
    const isImported = existsSync(file) && (await imports());
    assert.ok(!(isImported && (await isAlive())), `step ${step}: the agent could run twice`);
    if (first.signal !== "SIGKILL") {
      assert.equal(first.code, 0, first.stderr);
      assert.ok(isImported);
      break;
    }
    deaths++;
    if (!isImported) {
      const second = await command(0);
      assert.equal(second.code, 0, `step ${step}: ${second.stderr}`);
      assert.equal(await imports(), true);
    }
    assert.equal(await isAlive(), false);
  }
  assert.ok(deaths >= 12 && deaths < STEPS_MAX, `it was killed at ${deaths} steps`);
});

/** What a kill at every moment of a piece of work would leave of a data folder. */
async function images(t: TestContext, dir: string, work: Promise<unknown>): Promise<readonly string[]> {
  const found: string[] = [];
  const progress = { isDone: false };
  const ended = work.finally(() => (progress.isDone = true));
  while (!progress.isDone && found.length < 30) {
    found.push(afterCrash(t, dir));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  return [...found, afterCrash(t, dir)];
}

test("a system that is killed while it releases or imports an agent has all of it or nothing", async (t) => {
  const [from, to] = [folder(t), folder(t)];
  const source = await onDisk(t, from);
  await source.loadAll([Probe]);
  await source.register(Probe, "p");
  await source.emit(Note, { text: "one" }, { to: [Probe, "p"] });
  await rest(source);
  await source.kernel.move("probe/p", "pause");
  // With the next tick of its schedule it has three.
  for (const text of ["two", "three"]) await source.emit(Note, { text }, { to: [Probe, "p"] });
  const { text } = await source.transfers.export("probe/p", { isMove: true });
  const line = text.slice(0, text.indexOf("\n"));
  const releasing = source.transfers.release("probe/p", line);
  const ends = new Set<string>();
  for (const dir of await images(t, from, releasing)) {
    const after = await onDisk(t, dir);
    await after.loadAll([Probe]);
    const [{ state }, mail] = [await after.kernel.agent("probe/p"), await after.kernel.mailbox("probe/p")];
    ends.add(`${state} ${mail.length}`);
    // Either way the same question gets the answer.
    assert.equal(JSON.parse(await after.transfers.release("probe/p", line)).export, JSON.parse(line).id);
    await after.shutdown();
  }
  assert.deepEqual(ends, new Set(["paused 3", "terminated 0"]));

  const whole = new TextEncoder().encode(text + (await releasing));
  const target = await onDisk(t, to);
  await target.loadAll([Probe]);
  const trust = source.transfers.fingerprint;
  const imported = new Set<string>();
  for (const dir of await images(t, to, target.transfers.import(whole, { trust }))) {
    const after = await onDisk(t, dir);
    await after.loadAll([Probe]);
    const isThere = await after.kernel.has("probe/p");
    imported.add(isThere ? `all ${(await after.kernel.mailbox("probe/p")).length}` : "nothing");
    const again = await after.transfers.import(whole, { trust }).then(
      () => "imported",
      (thrown: unknown) => (thrown instanceof AosError ? thrown.code : "?"),
    );
    assert.equal(again, isThere ? "AGENT_EXISTS" : "imported");
    await after.shutdown();
  }
  assert.deepEqual(imported, new Set(["nothing", "all 3"]));
});
