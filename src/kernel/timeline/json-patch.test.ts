import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { jsonPatch, type PatchOp } from "./json-patch.ts";

/** Applies a patch as RFC 6902 says, as far as `jsonPatch` makes use of it. */
function apply(document: unknown, ops: readonly PatchOp[]): unknown {
  const root = { at: structuredClone(document) };
  for (const { op, path, value } of ops) {
    const keys = [
      "at",
      ...path
        .split("/")
        .slice(1)
        .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")),
    ];
    const last = keys.pop() ?? "at";
    const parent = keys.reduce((within: never, key) => within[key], root as never) as unknown;
    if (Array.isArray(parent)) {
      if (op === "replace") parent[Number(last)] = value;
      else if (op === "add") parent.splice(Number(last), 0, value);
      else parent.splice(Number(last), 1);
    } else if (op === "remove") delete (parent as Record<string, unknown>)[last];
    else (parent as Record<string, unknown>)[last] = value;
  }
  return root.at;
}

test("a patch makes one JSON value the other, whatever they are", () => {
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof({ maxDepth: 3 }, fc.constantFrom(null, true, 1, 2, "a", "b"), tie("list"), tie("record")),
    list: fc.array(tie("json"), { maxLength: 5 }),
    record: fc.dictionary(fc.constantFrom("a", "b", "c/d", "e~f", ""), tie("json")),
  }));
  fc.assert(
    fc.property(json, json, (was, now) => {
      const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
      assert.deepEqual(plain(apply(plain(was), jsonPatch(plain(was), plain(now)))), plain(now));
    }),
    { numRuns: 2_000 },
  );
});

test("an entry that came at the front of a list is one operation", () => {
  assert.deepEqual(jsonPatch([1, 2, 3], [0, 1, 2, 3]), [{ op: "add", path: "/0", value: 0 }]);
  assert.deepEqual(jsonPatch([0, 1, 2], [1, 2]), [{ op: "remove", path: "/0", was: 0 }]);
});

test("lists within lists, as deep as a state can be stored, cost no more than what they hold", () => {
  const DEPTH = 3_500;
  const nested = (seed: number): unknown => {
    let value: unknown = [seed];
    for (let at = 0; at < DEPTH; at++) value = [value, at];
    return value;
  };
  const read = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
  // Naming every level's whole content again made this take minutes and then overflow the stack.
  assert.deepEqual(jsonPatch(read(nested(1)), read(nested(2))), [{ op: "replace", path: "/0".repeat(DEPTH + 1), value: 2, was: 1 }]);
});

test("records that differ in the order of their members alone are alike", () => {
  assert.deepEqual(jsonPatch([{ a: 1, b: [2] }, 3], [{ b: [2], a: 1 }, 3]), []);
  assert.deepEqual(jsonPatch([{ a: 1 }, 5], [{ b: 1 }, { a: 1 }, 5]), [{ op: "add", path: "/0", value: { b: 1 } }]);
});
