import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertJson, canonicalJson, deepFreeze, digest53, toJson, utf8Length } from "./json.ts";

test("what JSON cannot hold is refused with its path", () => {
  class Money {}
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const cases: readonly (readonly [value: unknown, path: string])[] = [
    [new Date(0), "/"],
    [{ a: new Map() }, "/a"],
    [{ a: [1, 2n] }, "/a/1"],
    [{ a: { b: Number.NaN } }, "/a/b"],
    [[Infinity], "/0"],
    [{ f: () => 1 }, "/f"],
    [{ s: Symbol("x") }, "/s"],
    [{ m: new Money() }, "/m"],
    [[undefined], "/0"],
    [undefined, "/"],
    [{ s: new Set([1]) }, "/s"],
  ];
  for (const [value, path] of cases) {
    assert.throws(
      () => assertJson(value, "it"),
      (error: { code?: string; details?: { faults: { path: string }[] } }) =>
        error.code === "NOT_JSON" && error.details?.faults[0]?.path === path,
      path,
    );
  }
  assert.throws(() => assertJson(cycle, "it"), { code: "NOT_JSON" });
});

test("whatever JSON can hold comes back as it was; absent members are absent", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(JSON.parse(toJson(value, "it")), JSON.parse(JSON.stringify(value)))));
  assert.equal(toJson({ a: undefined, b: 1 }, "it"), '{"b":1}');
});

test("the length in UTF-8 is what an encoder gives, lone surrogates included", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => utf8Length(text) === new TextEncoder().encode(text).length));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
      const text = String.fromCharCode(...units);
      return utf8Length(text) === new TextEncoder().encode(text).length;
    }),
  );
});

test("the canonical form does not depend on the order of members", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).toReversed());
      return canonicalJson(value) === canonicalJson(turned);
    }),
  );
  assert.equal(canonicalJson({ b: [1, { d: 1, c: undefined }], a: "é" }), '{"a":"é","b":[1,{"d":1}]}');
});

test("freezing reaches every level; digests tell payloads apart", () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  assert.throws(() => ((value.a[0] as { b: number }).b = 2), TypeError);
  fc.assert(fc.property(fc.string(), fc.string(), (left, right) => left === right || digest53(left) !== digest53(right)));
  assert.ok(Number.isSafeInteger(digest53("x".repeat(1_000))));
});
