/** The simulator finds what it is there to find: kernels with a bug of ours, by an invariant that the kernel without it keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { INVARIANTS, simulateKernel } from "../../src/testing/index.ts";
import { aos } from "./support/patched.ts";
import { PLANTED_BUGS } from "./support/planted-bugs.ts";

const SEEDS = 300;
const found = new Map<string, number>();
interface Told {
  readonly broken?: { readonly invariant: string; readonly seed: number; readonly step: number; readonly message: string };
}

test("there are at least twelve planted bugs, and each has a name of its own", () => {
  assert.ok(PLANTED_BUGS.length >= 12);
  assert.equal(new Set(PLANTED_BUGS.map(({ name }) => name)).size, PLANTED_BUGS.length);
});

test(`each planted bug is found within ${SEEDS} seeds`, { concurrency: 2 }, async (t) => {
  await Promise.all(
    PLANTED_BUGS.map(({ name, patches }) =>
      t.test(name, async () => {
        const { code, stdout, stderr } = await aos(["sim", "--seed", "1", "--seeds", String(SEEDS), "--json"], patches);
        assert.equal(code, 1, stderr || `no invariant broke in ${SEEDS} seeds`);
        const { broken } = JSON.parse(stdout) as Told;
        assert.ok(broken !== undefined && broken.invariant in INVARIANTS, stdout);
        console.log(`${broken.invariant} found "${name}" at seed ${broken.seed}, step ${broken.step}: ${broken.message.slice(0, 160)}`);
        found.set(name, broken.seed);
      }),
    ),
  );
});

test("where they were found, the kernel without them breaks nothing", async () => {
  assert.equal(found.size, PLANTED_BUGS.length);
  for (const seed of new Set(found.values()))
    assert.equal((await simulateKernel({ seed, steps: 500 })).violation, undefined, `seed ${seed}`);
});

test("a patch that does not apply any more fails loudly", async () => {
  const args = ["sim", "--seed", "1", "--steps", "1"];
  await assert.rejects(aos(args, [{ file: "src/kernel/kernel.ts", from: "no such text", to: "" }]), /does not apply: PATCH .*0 times/);
  await assert.rejects(aos(args, [{ file: "src/kernel/kernel.ts", from: "this", to: "" }]), /does not apply: PATCH .*times/);
  await assert.rejects(aos(args, [{ file: "src/kernel/nowhere.ts", from: "x", to: "" }]), /was never loaded/);
});
