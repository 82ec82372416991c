import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../testing/index.ts";
import { breakerOpen, Breakers } from "./breakers.ts";

const POLICY = { failures: 3, openMs: 1_000 };

function breakers(): {
  readonly clock: FakeClock;
  readonly all: Breakers;
  readonly moves: string[];
} {
  const clock = new FakeClock(10_000);
  const moves: string[] = [];
  return {
    clock,
    moves,
    all: new Breakers(clock, POLICY, (name, state) => moves.push(`${name} ${state}`)),
  };
}

test("a breaker opens after so many failures in a row; one success between begins the count anew", () => {
  const { all, moves } = breakers();
  all.failed("x");
  all.failed("x");
  all.succeeded("x");
  all.failed("x");
  all.failed("x");
  assert.equal(all.blockedUntil("x"), undefined);
  all.failed("x");
  assert.equal(all.blockedUntil("x"), 11_000);
  assert.deepEqual(moves, ["x open"]);
  assert.deepEqual(all.list(), [{ name: "x", state: "open", openUntil: 11_000 }]);
  assert.equal(all.blockedUntil("y"), undefined);
});

test("a half-open breaker lets one probe pass; its answer decides", async () => {
  const { clock, all, moves } = breakers();
  for (let at = 0; at < 3; at++) all.failed("x");
  await clock.advance(1_000);
  assert.equal(all.blockedUntil("x"), undefined);
  all.enter("x");
  assert.equal(all.blockedUntil("x"), 12_000);
  all.failed("x");
  assert.equal(all.blockedUntil("x"), 12_000);
  await clock.advance(1_000);
  assert.equal(all.blockedUntil("x"), undefined);
  all.enter("x");
  all.succeeded("x");
  assert.equal(all.blockedUntil("x"), undefined);
  assert.deepEqual(moves, ["x open", "x half-open", "x open", "x half-open", "x closed"]);
  assert.deepEqual(all.list(), []);
});

test("a probe that ends without an answer leaves the probe to the next caller", async () => {
  const { clock, all } = breakers();
  for (let at = 0; at < 3; at++) all.failed("x");
  await clock.advance(1_000);
  all.blockedUntil("x");
  all.enter("x");
  all.left("x");
  assert.equal(all.blockedUntil("x"), undefined);
});

test("the error of a refused call says which breaker and until when", () => {
  const error = breakerOpen("x", 5);
  assert.equal(error.code, "BREAKER_OPEN");
  assert.deepEqual(error.details, { breaker: "x", until: 5 });
});
