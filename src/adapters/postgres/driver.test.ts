import assert from "node:assert/strict";
import { test } from "node:test";
import { loadDriver } from "./driver.ts";

test("where `pg` is not installed the error says what to install", async () => {
  const load = async (): Promise<never> => {
    throw Object.assign(new Error("Cannot find package 'pg'"), { code: "ERR_MODULE_NOT_FOUND" });
  };
  await assert.rejects(loadDriver(load), (thrown: Error & { code?: string }) => {
    assert.equal(thrown.code, "CONFIG_INVALID");
    assert.match(thrown.message, /npm install pg/);
    return true;
  });
});
