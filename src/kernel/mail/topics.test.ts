import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkPattern, checkTopic, matchesFilter, matchesTopic } from "./topics.ts";

test("* takes one word, > takes one or more at the end", () => {
  const cases: readonly (readonly [pattern: string, topic: string, expected: boolean])[] = [
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a", "a.b", false],
    ["a.b", "a", false],
    ["*", "a", true],
    ["*", "a.b", false],
    ["a.*", "a.b", true],
    ["a.*", "a", false],
    ["a.*.c", "a.b.c", true],
    ["a.*.c", "a.b.d", false],
    [">", "a", true],
    [">", "a.b.c", true],
    ["a.>", "a", false],
    ["a.>", "a.b", true],
    ["a.>", "a.b.c", true],
    ["*.>", "a.b", true],
  ];
  for (const [pattern, topic, expected] of cases) assert.equal(matchesTopic(pattern, topic), expected, `${pattern} ${topic}`);
});

test("a topic matches itself and whatever replaces words of it by *", () => {
  const words = fc.array(fc.stringMatching(/^[A-Za-z0-9_-]{1,6}$/), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(words, fc.infiniteStream(fc.boolean()), (topic, stars) => {
      const name = topic.join(".");
      const pattern = topic.map((word) => (stars.next().value === true ? "*" : word)).join(".");
      checkTopic(name);
      checkPattern(pattern);
      return matchesTopic(name, name) && matchesTopic(pattern, name) && matchesTopic(">", name);
    }),
  );
});

test("malformed topics and patterns are refused", () => {
  for (const topic of ["", ".", "a.", "a..b", "a b", "a.*", ">", "ä", "x".repeat(201)])
    assert.throws(() => checkTopic(topic), { code: "USAGE" }, topic);
  for (const pattern of ["", "a.>.b", "a*", ">>", "a..b"]) assert.throws(() => checkPattern(pattern), { code: "USAGE" }, pattern);
});

test("a filter asks for equality on dotted paths, all of them, and reads own members only", () => {
  const data = { order: { status: "paid", n: 1 }, ok: true, none: null };
  const holds = (filter: unknown): boolean => matchesFilter(JSON.stringify(filter), data);
  assert.ok(holds({}));
  assert.ok(holds({ "order.status": "paid", ok: true, none: null }));
  assert.ok(!holds({ "order.status": "paid", ok: false }));
  assert.ok(!holds({ "order.status.length": 4 }));
  assert.ok(!holds({ "order.constructor.name": "Object" }));
  assert.ok(!holds({ missing: null }));
  assert.ok(matchesFilter(undefined, 1));
  assert.ok(!matchesFilter('{"a":1}', null));
});
