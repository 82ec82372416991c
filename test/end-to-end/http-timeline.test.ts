/** The history of agents over HTTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHttp } from "../support/http-system.ts";

test("states are shown, compared, rewound and forked over HTTP, and bad input is told", async () => {
  await using http = await startHttp();
  for (const by of [1, 2]) assert.equal((await http.send("counter/main", "added", { by })).status, 202);
  const past = await http.call("GET", "/api/agents/counter/main/states/2");
  assert.deepEqual([past.status, past.body["state"], past.body["version"], past.body["turn"]], [200, { total: 1 }, 1, 2]);
  assert.match(String(past.body["at"]), /^\d{4}-\d\d-\d\dT/);
  const diff = await http.call("GET", "/api/agents/counter/main/diff?from=2&to=3");
  assert.deepEqual(diff.body["patch"], [{ op: "replace", path: "/total", value: 3, was: 1 }]);
  const rewound = await http.call("POST", "/api/agents/counter/main:rewind", { turn: 2 });
  assert.deepEqual([rewound.status, rewound.body], [200, { agent: "counter/main", to: 2, from: 3, turn: 4 }]);
  const forked = await http.call("POST", "/api/agents/counter/main:fork", { id: "f", turn: 3 });
  assert.deepEqual([forked.status, forked.body], [201, { agent: "counter/f", from: "counter/main", turn: 3 }]);
  assert.deepEqual((await http.call("GET", "/api/agents/counter/f/state")).body["state"], { total: 3 });
  for (const [method, path, given, status, code] of [
    ["GET", "/api/agents/counter/main/states/99", undefined, 404, "TURN_NOT_FOUND"],
    ["GET", "/api/agents/counter/main/states/x", undefined, 404, "TURN_NOT_FOUND"],
    ["GET", "/api/agents/counter/nobody/states/1", undefined, 404, "AGENT_NOT_FOUND"],
    ["POST", "/api/agents/counter/main:rewind", {}, 422, "PAYLOAD_INVALID"],
    ["POST", "/api/agents/counter/main:rewind", { turn: 0 }, 422, "PAYLOAD_INVALID"],
    ["POST", "/api/agents/counter/main:fork", { id: "f" }, 409, "AGENT_EXISTS"],
    ["POST", "/api/agents/counter/main:fork", { id: "a b" }, 422, "ADDRESS_INVALID"],
  ] as const) {
    const answer = await http.call(method, path, given);
    assert.deepEqual([answer.status, answer.body["code"]], [status, code], path);
  }
  assert.deepEqual(http.unexpected, []);
});
