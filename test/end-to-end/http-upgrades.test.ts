/** Upgrades and replayable journals over HTTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHttp } from "../support/http-system.ts";

test("upgrades are shown, begun and rolled back over HTTP, and bad input is told", async () => {
  await using http = await startHttp();
  const { body } = await http.call("GET", "/api/upgrades?type=counter");
  assert.deepEqual(
    body.items.map(({ type, version, versions, marked }) => [type, version, versions, marked]),
    [["counter", 1, { 1: 1 }, 0]],
  );
  const begun = await http.call("POST", "/api/upgrades/counter:apply", { ramp: [50, 100], stopAt: "2%" });
  assert.deepEqual([begun.status, begun.body["type"], begun.body["stages"], begun.body["endedAt"]], [202, "counter", [50, 100], null]);
  const rolled = await http.call("POST", "/api/upgrades/counter:rollback");
  assert.deepEqual([rolled.status, rolled.body], [200, { rolledBack: 0, skipped: 0, turnsUndone: 0 }]);
  for (const [path, given, status, code] of [
    ["/api/upgrades/nobody:apply", {}, 404, "TYPE_UNKNOWN"],
    ["/api/upgrades/counter:apply", { ramp: [] }, 422, "PAYLOAD_INVALID"],
    ["/api/upgrades/counter:apply", { ramp: [100, 50] }, 400, "USAGE"],
    ["/api/upgrades/counter:apply", { stopAt: "many" }, 400, "USAGE"],
    ["/api/upgrades/counter:apply", { soakMs: -1 }, 422, "PAYLOAD_INVALID"],
    ["/api/upgrades/counter:apply", { unknown: 1 }, 422, "PAYLOAD_INVALID"],
    ["/api/upgrades/nobody:rollback", undefined, 404, "TYPE_UNKNOWN"],
  ] as const) {
    const answer = await http.call("POST", path, given);
    assert.deepEqual([answer.status, answer.body["code"]], [status, code], path);
  }
  assert.equal((await http.call("GET", "/api/upgrades?type=nobody")).status, 404);
  assert.deepEqual(http.unexpected, []);
});

test("stored agents are copied out by pages for a plan, and a journal for a replay", async () => {
  await using http = await startHttp({ boot: { journal: { payloads: true } } });
  for (const by of [1, 2, 3]) assert.equal((await http.send("counter/main", "added", { by })).status, 202);
  await http.call("PUT", "/api/agents/watcher/main", {});
  const first = await http.call("GET", "/api/upgrades/snapshots?limit=1&turns=1");
  assert.deepEqual(
    first.body.items.map(({ address, state, stateVersion }) => [address, state, stateVersion]),
    [["default/counter/main", '{"total":6}', 1]],
  );
  const cursor = encodeURIComponent(String(first.body["next"]));
  const second = await http.call("GET", `/api/upgrades/snapshots?limit=1&cursor=${cursor}`);
  assert.deepEqual(
    second.body.items.map(({ address }) => address),
    ["default/watcher/main"],
  );
  const { body } = await http.call("GET", "/api/agents/counter/main/replayable");
  const turns = body["turns"] as readonly { readonly replay?: { readonly data: unknown } }[];
  assert.deepEqual(turns.at(-1)?.replay?.data, { by: 3 });
  const contracts = await http.call("GET", "/api/upgrades/contracts");
  assert.ok(contracts.body.items.some(({ name }) => name === "counter"));
  assert.equal((await http.call("GET", "/api/agents/counter/none/replayable")).status, 404);
  assert.equal((await http.call("GET", "/api/agents/watcher/main/replayable")).body["code"], "NOT_FOUND");
  for (const bad of ["limit=0", "limit=9999", "turns=-1"])
    assert.equal((await http.call("GET", `/api/upgrades/snapshots?${bad}`)).status, 422, bad);
});

test("upgrades concern every tenant, so a tenant's own key may not begin one; its snapshots are its own", async () => {
  await using http = await startHttp();
  const { key } = await http.keys.create({ scopes: ["admin"], tenant: "acme" });
  const headers = { authorization: `Bearer ${key}` };
  for (const [method, path] of [
    ["GET", "/api/upgrades"],
    ["POST", "/api/upgrades/counter:apply"],
    ["POST", "/api/upgrades/counter:rollback"],
  ] as const)
    assert.equal((await http.call(method, path, method === "POST" ? {} : undefined, headers)).body["code"], "FORBIDDEN", path);
  const own = await http.call("GET", "/api/upgrades/snapshots", undefined, headers);
  assert.deepEqual(own.body.items, []);
});
