import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cause, TurnRecord } from "../client/index.ts";
import { causeTree } from "./cause-tree.ts";

function record(agent: string, cause: Partial<Cause>, more: Partial<TurnRecord> = {}): TurnRecord {
  return {
    seq: 1,
    agent,
    turn: 1,
    at: 0,
    kind: "event",
    cause: { id: "e0", type: "invoice.received", source: "bank", chain: "c", depth: 0, ...cause },
    outcome: "done",
    attempts: 1,
    effects: [],
    sent: 0,
    decisions: [],
    costMs: 2,
    revision: "r",
    ...more,
  };
}

test("what an agent sent hangs below the turn that sent it", () => {
  const lines = causeTree([
    record("cfo/main", {}, { sent: 2, decisions: [{ choice: "pay", because: ["due"] }] }),
    record("ceo/main", { id: "e1", type: "invoice.paid", depth: 1, from: "cfo/main" }, { sent: 1 }),
    record("cmo/main", { id: "e2", type: "invoice.paid", depth: 1, from: "cfo/main" }),
    record("cto/main", { id: "e3", type: "brief", depth: 2, from: "ceo/main" }, { turn: 7 }),
  ]);
  assert.deepEqual(lines, [
    "invoice.received  bank → cfo/main  turn 1 · done · 2 ms · 2 sent",
    "│  decided: pay, because due",
    "├─ invoice.paid  cfo/main → ceo/main  turn 1 · done · 2 ms · 1 sent",
    "│  └─ brief  ceo/main → cto/main  turn 7 · done · 2 ms",
    "└─ invoice.paid  cfo/main → cmo/main  turn 1 · done · 2 ms",
  ]);
});

test("attempts of one event are one node with a line each", () => {
  const error = { code: "TURN_FAILED", message: "no\nluck" };
  const lines = causeTree([
    record("cfo/main", {}, { outcome: "retry", error }),
    record("cfo/main", {}, { outcome: "dead", turn: 2, attempts: 2, error }),
  ]);
  assert.deepEqual(lines, [
    "invoice.received  bank → cfo/main",
    "   turn 1 · retry · 2 ms",
    "   turn 2 · dead (attempt 2) · 2 ms",
    "   TURN_FAILED: no; luck",
    "   TURN_FAILED: no; luck",
  ]);
});

test("records whose sender's turn is no longer kept stand on their own", () => {
  const lines = causeTree([record("ceo/main", { id: "e9", depth: 3, from: "gone/x" })]);
  assert.equal(lines.length, 1);
});
