/** Exports and imports over HTTP and by the client. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AosClient, ProblemError } from "../../src/client/index.ts";
import { startHttp } from "../support/http-system.ts";

test("an agent is exported, released and imported over HTTP, within the caller's tenant, and bad input is told", async () => {
  await using http = await startHttp();
  await http.send("counter/main", "added", { by: 3 });
  const client = new AosClient({ url: http.url, key: http.key });
  const copy = Buffer.from(await client.transfers.export("counter/main"));
  const made = await client.transfers.import(copy, { as: "counter/copy" });
  assert.deepEqual([made.agent, made.from, made.mode], ["counter/copy", "counter/main", "copy"]);
  assert.deepEqual((await client.state("counter/copy")).state, { total: 3 });
  const elsewhere = await client.transfers.import(copy, { as: "acme/counter/main" });
  assert.equal(elsewhere.agent, "acme/counter/main");
  const text = await client.transfers.export("counter/copy", { move: true });
  const code = (want: string) => (thrown: unknown) => thrown instanceof ProblemError && thrown.code === want;
  await assert.rejects(client.transfers.import(Buffer.from(text), { as: "counter/moved" }), code("EXPORT_UNRELEASED"));
  const release = await client.transfers.release("counter/copy", text.slice(0, text.indexOf("\n")));
  assert.equal((await client.transfers.import(Buffer.from(text + release), { as: "counter/moved" })).mode, "move");
  for (const [method, path, given, status, problem] of [
    ["POST", "/api/agents/counter/nobody:export", {}, 404, "AGENT_NOT_FOUND"],
    ["POST", "/api/agents/counter/copy:export", {}, 410, "AGENT_TERMINATED"],
    ["POST", "/api/agents/counter/main:export", { move: "yes" }, 422, "PAYLOAD_INVALID"],
    ["POST", "/api/agents/counter/main:release", { header: "x" }, 422, "EXPORT_INVALID"],
    ["POST", "/api/agents/counter/main:release", { header: text.slice(0, text.indexOf("\n")) }, 422, "EXPORT_INVALID"],
    ["POST", "/api/imports", "nonsense", 422, "EXPORT_INVALID"],
    ["POST", "/api/imports?as=acme/counter/x", copy.toString(), 403, "FORBIDDEN"],
    ["POST", "/api/imports?as=counter/main", copy.toString(), 409, "AGENT_EXISTS"],
  ] as const) {
    const answer = await http.call(method, path, given);
    assert.deepEqual([answer.status, answer.body["code"]], [status, problem], path);
  }
  const { key } = await http.keys.create({ scopes: ["operate"], isFleet: false });
  const operator = new AosClient({ url: http.url, key });
  await assert.rejects(operator.transfers.export("counter/main"), code("FORBIDDEN"));
  await assert.rejects(operator.transfers.import(copy), code("FORBIDDEN"));
  assert.deepEqual(http.unexpected, []);
});
