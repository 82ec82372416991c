import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CronerCalendar } from "../../src/adapters/croner/index.ts";
import { SqliteStore } from "../../src/adapters/sqlite/index.ts";
import { Kernel, type KernelEvent, LIMITS } from "../../src/kernel/index.ts";
import { SystemClock, SystemEntropy, systemHasher } from "../../src/system/index.ts";
import { need, withTmpfs } from "../support/capabilities.ts";
import { run } from "../support/checkout.ts";
import { assertKept, Keeper, surviveFullDisk } from "./support/full-disk.ts";
import { foreign, withFolder } from "./support/processes.ts";

const CHILD = fileURLToPath(new URL("support/full-disk-child.ts", import.meta.url));
const PAGES = 400;
const TMPFS_MB = 16;

async function open(store: SqliteStore, events: KernelEvent[] = []): Promise<Kernel> {
  const clock = new SystemClock();
  const kernel = await Kernel.open(
    {
      store,
      clock,
      entropy: new SystemEntropy(clock),
      hasher: systemHasher,
      calendar: new CronerCalendar(),
      limits: LIMITS,
      report: (event) => events.push(event),
    },
    { node: "test", codeVersion: "test", commandWaitMs: 1_000 },
  );
  await kernel.load(Keeper);
  await kernel.start();
  return kernel;
}

test("a database that may not grow acknowledges nothing it cannot store, stays readable, and goes on when it may", async (t) => {
  await withFolder(async (dir) => {
    const path = join(dir, "aos.db");
    const store = new SqliteStore({ path, maxPageCount: PAGES });
    const events: KernelEvent[] = [];
    const kernel = await open(store, events);
    const survived = await surviveFullDisk(kernel, events, () => store.limitPages(PAGES * 100));
    await kernel.stop(1_000);
    const again = await open(new SqliteStore({ path }));
    await assertKept(again, survived.afterwards);
    await again.stop(1_000);
    t.diagnostic(JSON.stringify(survived));
  });
});

test(
  "a file system without space does the same, and the process needs no restart when there is space again",
  { skip: need("tmpfs") },
  async (t) => {
    await withFolder(async (dir) => {
      const [command = "", ...before] = withTmpfs(dir, TMPFS_MB);
      const args = [...before, process.execPath, "--conditions=aosjs-source", CHILD, dir];
      const ended = await run(command, args, { env: foreign(), timeout: 60_000 });
      assert.equal(ended.code, 0, ended.stderr);
      t.diagnostic(ended.stdout.trim());
    });
  },
);
