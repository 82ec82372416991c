import assert from "node:assert/strict";
import { test } from "node:test";
import { isAosError } from "../../kernel/index.ts";
import { AOS_KEYS, AOSConfig, loadAosConfig } from "./index.ts";

const STORAGE = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net";
const BUS = "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=c2VjcmV0";

test("the defaults are valid and each key explains itself", () => {
  const rows = loadAosConfig().explain();
  assert.equal(rows.length, AOS_KEYS.keys.size);
  for (const { key, source, env, description } of rows) {
    assert.equal(source, "default");
    assert.match(env, /^(?:AOS|AZURE|APP)_[A-Z_]+$/, key);
    assert.ok(description.length > 10, key);
  }
});

test("documented variables set their keys", () => {
  const config = loadAosConfig({
    environment: {
      APP_ENVIRONMENT: "test",
      AOS_CLOCK: "inject",
      AOS_LOG: "json",
      AOS_API_KEY: "k-123",
      AOS_HTTP_PORT: "0",
      AOS_TEST_SCALE: "full",
      AOS_TEST_POSTGRES: "postgres://db",
      AOS_URL: "http://127.0.0.1:7117",
    },
  });
  assert.equal(config.get("environment"), "test");
  assert.equal(config.get("clock"), "inject");
  assert.equal(config.get("log.format"), "json");
  assert.equal(config.get("auth.apiKey")?.reveal(), "k-123");
  assert.equal(config.get("http.port"), 0);
});

test("the seed's options are the runtime layer", () => {
  const { runtime } = new AOSConfig({
    storageConnectionString: STORAGE,
    servicebusConnectionString: BUS,
    environment: "development",
    dir: "/srv/aos",
    port: 8_080,
    "log.level": "debug",
    turn: { deadlineMs: "45s" },
    model: undefined,
  });
  const config = loadAosConfig({ environment: { APP_ENVIRONMENT: "production" }, runtime });
  assert.equal(config.get("environment"), "development");
  assert.equal(config.get("dir"), "/srv/aos");
  assert.equal(config.get("http.port"), 8_080);
  assert.equal(config.get("log.level"), "debug");
  assert.equal(config.get("turn.deadlineMs"), 45_000);
  assert.equal(config.get("azure.storageConnectionString")?.reveal(), STORAGE);
  assert.equal(config.get("azure.servicebusConnectionString")?.reveal(), BUS);
  assert.doesNotMatch(JSON.stringify(config.explain()), /c2VjcmV0/);
});

test("an option that is misspelt, mistyped or given twice is refused where it is written", () => {
  const invalid = (run: () => unknown, message: RegExp): void =>
    assert.throws(run, (error) => isAosError(error, "CONFIG_INVALID") && message.test(error.message));
  // @ts-expect-error misspelt
  const misspelt = (): AOSConfig => new AOSConfig({ storageConectionString: STORAGE });
  // @ts-expect-error not a number
  const mistyped = (): AOSConfig => new AOSConfig({ port: "8080" });
  invalid(misspelt, /did you mean storageConnectionString\?/);
  invalid(mistyped, /http\.port \(runtime\) is not a whole number/);
  invalid(() => new AOSConfig({ port: 1, http: { port: 2 } }), /http\.port \(runtime\) is given twice/);
});

test("a configuration that is logged names its keys and no values", () => {
  const config = new AOSConfig({ apiKey: "k-123", dir: "/srv/aos" });
  assert.deepEqual(JSON.parse(JSON.stringify(config)), { keys: ["dir", "auth.apiKey"] });
});

test("a connection string that is none is a fault without its text", () => {
  const { runtime } = new AOSConfig({
    storageConnectionString: "c2VjcmV0",
    servicebusConnectionString: "c2VjcmV0",
  });
  assert.throws(
    () => loadAosConfig({ runtime }),
    (error) =>
      isAosError(error, "CONFIG_INVALID") &&
      /Azure Storage[\s\S]*Azure Service Bus/.test(error.message) &&
      !error.message.includes("c2VjcmV0"),
  );
});
