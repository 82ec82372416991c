import assert from "node:assert/strict";
import { test } from "node:test";
import { isAosError } from "../../kernel/index.ts";
import { EnvironmentService } from "./index.ts";

test("an environment that nobody named is production", () => {
  const service = new EnvironmentService();
  assert.equal(service.name, "production");
  assert.ok(service.isProduction && !service.isDevelopment && !service.isTest);
  assert.ok(new EnvironmentService({ name: "test" }).isTest);
  assert.ok(!new EnvironmentService({ name: "staging" }).isProduction);
});

test("a feature is on only where it was set", () => {
  const service = new EnvironmentService({ features: ["beta", "alpha"] });
  assert.ok(service.hasFeature("beta"));
  assert.ok(!service.hasFeature("gamma"));
  assert.deepEqual(service.features, ["alpha", "beta"]);
});

test("a variable that is required and not set is an error that names it", () => {
  const service = new EnvironmentService({ variables: { SET: "x", EMPTY: "", UNSET: undefined } });
  assert.equal(service.require("SET"), "x");
  assert.equal(service.get("EMPTY"), undefined);
  for (const name of ["EMPTY", "UNSET", "ABSENT"]) {
    assert.throws(
      () => service.require(name),
      (error) => isAosError(error, "CONFIG_INVALID") && error.details["variable"] === name,
    );
  }
});

test("a later change of the variables is not seen", () => {
  const variables: Record<string, string> = { A: "1" };
  const service = new EnvironmentService({ variables });
  variables["A"] = "2";
  assert.equal(service.get("A"), "1");
});

test("what looks like a credential is never described", () => {
  const service = new EnvironmentService({
    variables: {
      HOME: "/srv/user",
      AOS_API_KEY: "k-1",
      GITHUB_TOKEN: "k-2",
      DB_PASSWORD: "k-3",
      AZURE_STORAGE_CONNECTION_STRING: "k-4",
      DATABASE_URL: "postgres://user:k-5@db/aos",
      KEYBOARD: "us",
      PWD: "/srv/user",
    },
  });
  const shown = service.describe();
  assert.equal(shown["HOME"], "/srv/user");
  assert.equal(shown["KEYBOARD"], "us");
  assert.doesNotMatch(JSON.stringify(shown), /k-\d/);
  assert.doesNotMatch(JSON.stringify(service), /k-\d|home/);
  assert.deepEqual(service.describe("AOS_"), { AOS_API_KEY: "[secret]" });
});
