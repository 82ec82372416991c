/** The hash of a simulation: the same decisions, and nothing but them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { simulateKernel } from "../../src/testing/index.ts";

const script = fileURLToPath(new URL("support/run-seed.ts", import.meta.url));
const elsewhere = (seed: number): string =>
  execFileSync(process.execPath, ["--conditions=aosjs-source", script, String(seed), "300"], { encoding: "utf8" }).trim();

test("a seed has the same hash in two processes, and in the same one again", async () => {
  for (const seed of [11, 12]) {
    const { hash, violation } = await simulateKernel({ seed, steps: 300 });
    assert.equal(violation, undefined);
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.equal((await simulateKernel({ seed, steps: 300 })).hash, hash);
    assert.equal(elsewhere(seed), hash);
  }
});

test("two seeds have two hashes", async () => {
  const hashes = new Set<string>();
  for (let seed = 20; seed < 30; seed++) hashes.add((await simulateKernel({ seed, steps: 50 })).hash);
  assert.equal(hashes.size, 10);
});

test("after a simulation the process has its own time, randomness and network back", async () => {
  const own = (): unknown[] => [
    globalThis.Date,
    setTimeout,
    setImmediate,
    fetch,
    queueMicrotask,
    ...["random", "now", "randomUUID"].flatMap((name) => [Math, performance, crypto].map((of) => Reflect.get(of, name) as unknown)),
  ];
  const before = own();
  await simulateKernel({ seed: 1, steps: 20 });
  assert.ok(own().every((each, at) => each === before[at]));
  assert.ok(Math.abs(Date.now() - performance.timeOrigin - performance.now()) < 60_000);
});

test("only one simulation runs in a process at a time", async () => {
  const first = simulateKernel({ seed: 1, steps: 20 });
  await assert.rejects(simulateKernel({ seed: 2, steps: 20 }), { code: "USAGE" });
  await first;
});
