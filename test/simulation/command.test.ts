/** `aos sim` as it is called: numbers in, the hash or the broken invariant out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { aos } from "./support/patched.ts";
import { PLANTED_BUGS } from "./support/planted-bugs.ts";

const hashOf = async (seed: number, patches?: Parameters<typeof aos>[1]): Promise<string> => {
  const { code, stdout, stderr } = await aos(["sim", "--seed", String(seed), "--steps", "200", "--trace-hash"], patches);
  assert.equal(code, 0, `${stdout}${stderr}`);
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  assert.match(last, /^[0-9a-f]{64}$/);
  return last;
};

test("the same seed has the same hash in two processes, and another seed another", async () => {
  const [first, again, other] = await Promise.all([hashOf(7), hashOf(7), hashOf(8)]);
  assert.equal(first, again);
  assert.notEqual(first, other);
});

test("one changed line of a handler changes the hash", async () => {
  const line = { file: "src/testing/simulation/sample-agents.ts", from: "take: (ctx, job) => {\n      note(ctx.state, job);" };
  const same = await hashOf(7, [{ ...line, to: line.from }]);
  assert.equal(same, await hashOf(7));
  assert.notEqual(
    same,
    await hashOf(7, [{ ...line, to: line.from.replace("note(ctx.state, job)", "note(ctx.state, { ...job, amount: 2 })") }]),
  );
});

test("a broken invariant is said with its step and the command that replays it, and that finds it again", async () => {
  const patches = PLANTED_BUGS[0]?.patches ?? [];
  const found = await aos(["sim", "--seed", "1", "--seeds", "50", "--trace-hash"], patches);
  assert.equal(found.code, 1);
  const [what = "", promise, replay = "", ...rest] = found.stdout.trimEnd().split("\n");
  assert.match(what, /^seed \d+ broke "acknowledged" at step \d+: /);
  assert.match(promise ?? "", /^the promise: an acknowledged event is/);
  assert.match(rest.at(-1) ?? "", /^[0-9a-f]{64}$/);
  const [, args = ""] = /^replay: npx aos (sim --seed \d+ --steps 500 --trace)$/.exec(replay) ?? [];
  const replayed = await aos(args.split(" "), patches);
  assert.equal(replayed.code, 1);
  assert.ok(replayed.stdout.split("\n").includes(what), what);
  assert.ok(replayed.stdout.split("\n").some((line) => line.startsWith("broken acknowledged: ")));
});

test("with --json there is one object, and each decision is one too", async () => {
  const { code, stdout } = await aos(["sim", "--seed", "3", "--steps", "20", "--trace", "--json"]);
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split("\n");
  const told = JSON.parse(lines.at(-1) ?? "") as Record<string, unknown>;
  assert.deepEqual([told["seed"], told["seeds"], told["done"], told["steps"], told["ok"]], [3, 1, 1, 20, true]);
  assert.match(String(told["hash"]), /^[0-9a-f]{64}$/);
  for (const line of lines.slice(0, -1)) assert.equal(typeof (JSON.parse(line) as { decision: unknown }).decision, "string");
  assert.ok(lines.length > 50);
});

test("a fresh seed is chosen and named where none is given", async () => {
  const seeds = await Promise.all([1, 2].map(async () => /^seed (\d+): /.exec((await aos(["sim", "--steps", "5"])).stdout)?.[1]));
  assert.ok(seeds[0] !== undefined && seeds[0] !== seeds[1]);
});

test("numbers that are none, too small or too large exit with 2 and say what is right", async () => {
  for (const args of [
    ["--seed", "x"],
    ["--seed", "-1"],
    ["--seed", "1.5"],
    ["--seed", ""],
    ["--seed", "1e3"],
    ["--seed", "99999999999999999999"],
    ["--steps", "0"],
    ["--steps", "-5"],
    ["--seeds", "0"],
    ["--seeds", "2", "--trace"],
    ["--days", "30"],
    ["surplus"],
  ]) {
    const { code, stdout, stderr } = await aos(["sim", ...args]);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, /^aos: /);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  }
});
