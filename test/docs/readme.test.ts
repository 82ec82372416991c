/** What the README shows is what there is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

test("the README's agent is examples/first-agent.ts to the letter", () => {
  const shown = /```ts\n([\s\S]*?)```/.exec(read("README.md"))?.[1];
  assert.equal(shown, read("examples/first-agent.ts"));
});
