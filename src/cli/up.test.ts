import assert from "node:assert/strict";
import { test } from "node:test";
import { greeting } from "./up.ts";

const READY = { url: "http://127.0.0.1:7117", dir: ".aos", pid: 42 };

test("people see where the page is, who is there, and the key once", () => {
  const lines = greeting({ ...READY, apiKey: "aos_key" }, ["cfo/main", "ceo/main"]).join("\n");
  for (const part of ["http://127.0.0.1:7117", ".aos", "cfo/main, ceo/main", "aos_key", "kill 42"]) assert.ok(lines.includes(part), part);
  assert.ok(!greeting(READY, []).join("\n").includes("key"));
});

test("a crowd of agents is cut short", () => {
  const many = Array.from({ length: 13 }, (_, at) => `cfo/${at}`);
  assert.match(greeting(READY, many).join("\n"), /cfo\/11 and more/);
});
