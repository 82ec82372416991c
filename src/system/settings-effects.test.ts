import assert from "node:assert/strict";
import { test } from "node:test";
import { DOOR_EFFECTS, SYSTEM_EFFECTS } from "../../test/support/settings-of-system.ts";
import { type Effect, KEEPING_EFFECTS, LIMIT_EFFECTS, TURN_EFFECTS } from "../../test/support/settings-of-kernel.ts";
import { AOS_KEYS, type AosTable } from "../services/config/index.ts";

const EFFECTS: Readonly<Record<keyof AosTable, Effect>> = {
  ...LIMIT_EFFECTS,
  ...TURN_EFFECTS,
  ...KEEPING_EFFECTS,
  ...SYSTEM_EFFECTS,
  ...DOOR_EFFECTS,
};

test("every key of the configuration has an effect, and no effect is of a key that is gone", () => {
  assert.deepEqual(Object.keys(EFFECTS).toSorted(), [...AOS_KEYS.keys.keys()].toSorted());
});

for (const [key, effect] of Object.entries(EFFECTS)) test(`${key} changes what the system does`, effect);
