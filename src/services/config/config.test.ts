import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AosError, isAosError } from "../../kernel/index.ts";
import {
  bytes,
  choice,
  type ConfigFault,
  type ConfigLayers,
  defineConfig,
  duration,
  flag,
  formatBytes,
  integer,
  list,
  loadConfig,
  parseBytes,
  secret,
  type SecretReaders,
  text,
} from "./index.ts";

const schema = defineConfig(
  {
    dir: text({ default: ".data", description: "folder" }),
    model: text({ default: undefined, description: "model" }),
    mode: choice({ default: "fast", choices: ["fast", "safe"], description: "mode" }),
    tags: list({ default: [], pattern: /^[a-z]+$/, wanted: "words", description: "tags" }),
    "mailbox.limit": integer({ default: 100, min: 1, max: 1_000, description: "limit" }),
    "mailbox.isOpen": flag({ default: true, description: "open" }),
    "turn.deadlineMs": duration({ default: 30_000, max: 60_000, description: "deadline" }),
    "cache.bytes": bytes({ default: 1_024, max: 1 << 20, description: "cache" }),
    "auth.key": secret({
      env: "THE_KEY",
      check: (key) => (key.length < 4 ? "is too short" : undefined),
      description: "key",
    }),
    store: text({ default: "sqlite", connection: true, description: "store" }),
  },
  { prefix: "AOS_", foreign: ["AOS_URL", "AOS_TEST_*"] },
);

function faultsOf(layers: ConfigLayers, readers?: SecretReaders): readonly ConfigFault[] {
  try {
    loadConfig(schema, layers, readers);
  } catch (error) {
    assert.ok(isAosError(error, "CONFIG_INVALID"));
    const { faults } = error.details;
    assert.ok(Array.isArray(faults));
    return faults;
  }
  return [];
}
const file = (values: unknown): ConfigLayers => ({ file: { path: "aos.json", values } });

test("each layer overrides the one below it, and every value remembers its source", () => {
  const config = loadConfig(schema, {
    file: {
      path: "aos.json",
      values: { mailbox: { limit: 1, isOpen: false }, "turn.deadlineMs": "5s" },
    },
    environment: { AOS_MAILBOX_LIMIT: "2", AOS_TURN_DEADLINE_MS: "6s" },
    runtime: { mailbox: { limit: 3 } },
  });
  const limit: number = config.get("mailbox.limit");
  assert.equal(limit, 3);
  assert.equal(config.get("turn.deadlineMs"), 6_000);
  assert.equal(config.get("mailbox.isOpen"), false);
  assert.equal(config.get("dir"), ".data");
  const sources = (["mailbox.limit", "turn.deadlineMs", "mailbox.isOpen", "dir"] as const).map((key) => config.source(key));
  assert.deepEqual(sources, ["runtime", "environment", "file", "default"]);
});

test("a value keeps the type of its key", () => {
  const config = loadConfig(schema, {
    runtime: { mode: "safe", tags: ["a", "a"], model: undefined },
  });
  const mode: "fast" | "safe" = config.get("mode");
  const tags: readonly string[] = config.get("tags");
  const model: string | undefined = config.get("model");
  assert.deepEqual([mode, tags, model], ["safe", ["a"], undefined]);
  // @ts-expect-error the table has no such key
  assert.throws(() => config.get("mode.of"), { code: "CONFIG_INVALID" });
});

test("text from the environment is read with the units and words of its key", () => {
  const config = loadConfig(schema, {
    environment: {
      AOS_TURN_DEADLINE_MS: "1500",
      AOS_CACHE_BYTES: "64KiB",
      AOS_MAILBOX_IS_OPEN: "0",
      AOS_TAGS: "one, two",
      AOS_DIR: "",
      AOS_URL: "http://elsewhere",
      AOS_TEST_SCALE: "full",
      HOME: "/srv/user",
    },
  });
  assert.equal(config.get("turn.deadlineMs"), 1_500);
  assert.equal(config.get("cache.bytes"), 65_536);
  assert.equal(config.get("mailbox.isOpen"), false);
  assert.deepEqual(config.get("tags"), ["one", "two"]);
  assert.equal(config.source("dir"), "default");
});

test("all faults are told at once, each with its key, its layer and what was meant", () => {
  const faults = faultsOf({
    file: { path: "aos.json", values: { mailbox: { limitt: 1 }, limit: 5, mode: "slow", dir: 7 } },
    environment: { AOS_MAILBOX_LIMIT: "many", AOS_MALBOX_LIMIT: "1", AOS_CACHE_BYTES: "2MiB" },
    runtime: { mailbox: { limit: 0 }, tags: "one", nothing: { like: { it: 1 } } },
  });
  assert.deepEqual(
    faults.map(({ key, source, from, suggestion }) => [key, source, from, suggestion]),
    [
      ["mailbox.limitt", "file", "aos.json", "mailbox.limit"],
      ["limit", "file", "aos.json", "mailbox.limit"],
      ["mode", "file", "aos.json", undefined],
      ["dir", "file", "aos.json", undefined],
      ["mailbox.limit", "environment", "AOS_MAILBOX_LIMIT", undefined],
      ["AOS_MALBOX_LIMIT", "environment", "AOS_MALBOX_LIMIT", "AOS_MAILBOX_LIMIT"],
      ["cache.bytes", "environment", "AOS_CACHE_BYTES", undefined],
      ["mailbox.limit", "runtime", undefined, undefined],
      ["tags", "runtime", undefined, undefined],
      ["nothing.like.it", "runtime", undefined, undefined],
    ],
  );
  assert.throws(
    () => loadConfig(schema, { environment: { AOS_MALBOX_LIMIT: "1" } }),
    /AOS_MALBOX_LIMIT \(environment\) is not a known variable; did you mean AOS_MAILBOX_LIMIT\?/,
  );
});

test("a file that is not an object, a key given twice and a null are faults", () => {
  for (const values of [null, [], "text", 5, undefined]) {
    assert.equal(faultsOf(file(values)).length, 1);
  }
  assert.equal(faultsOf(file({ mailbox: { limit: 5 }, "mailbox.limit": 6 }))[0]?.problem, "is given twice");
  assert.equal(faultsOf(file({ mailbox: { limit: null } })).length, 1);
  assert.equal(faultsOf(file({ mailbox: null })).length, 1);
});

test("any JSON as a file is a configuration or a typed refusal", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 12 }), (values) => {
      try {
        loadConfig(schema, file(values));
      } catch (error) {
        assert.ok(error instanceof AosError && error.code === "CONFIG_INVALID");
      }
    }),
  );
});

test("a secret comes from a variable, a private file or the caller, and is never shown", () => {
  const readers: SecretReaders = {
    variable: (name) => (name === "VAULT" ? "s3cr3t-1" : undefined),
    file: (path) => (path === "/run/key" ? { text: "s3cr3t-2\n", mode: 0o100_600 } : undefined),
  };
  const cases: readonly [ConfigLayers, string][] = [
    [file({ auth: { key: "env:VAULT" } }), "s3cr3t-1"],
    [file({ auth: { key: "file:/run/key" } }), "s3cr3t-2"],
    [{ environment: { THE_KEY: "s3cr3t-3" } }, "s3cr3t-3"],
    [{ runtime: { auth: { key: "s3cr3t-4" } } }, "s3cr3t-4"],
  ];
  for (const [layers, expected] of cases) {
    const config = loadConfig(schema, layers, readers);
    const key = config.get("auth.key");
    assert.equal(key?.reveal(), expected);
    assert.doesNotMatch(JSON.stringify([config.explain(), key]) + String(key), /s3cr3t/);
  }
});

test("a secret that cannot be had is a fault that names its reference and never its text", () => {
  const readers: SecretReaders = {
    file: (path) => (path === "/open" ? { text: "s3cr3t", mode: 0o644 } : path === "/empty" ? { text: "\n" } : undefined),
  };
  const cases: readonly [ConfigLayers, RegExp][] = [
    [file({ auth: { key: "s3cr3t" } }), /a file holds a reference/],
    [file({ auth: { key: "env:ABSENT" } }), /variable ABSENT, which is not set/],
    [file({ auth: { key: "file:relative" } }), /absolute path/],
    [file({ auth: { key: "file:/absent" } }), /\/absent, which cannot be read/],
    [file({ auth: { key: "file:/open" } }), /chmod 600/],
    [file({ auth: { key: "file:/empty" } }), /empty/],
    [{ runtime: { auth: { key: "abc" } } }, /too short/],
    [{ runtime: { auth: { key: 5 } } }, /not a text/],
  ];
  for (const [layers, problem] of cases) {
    const faults = faultsOf(layers, readers);
    assert.equal(faults.length, 1);
    assert.match(faults[0]?.problem ?? "", problem);
    assert.doesNotMatch(JSON.stringify(faults), /s3cr3t/);
  }
});

test("explain has a row for each key with value, source, default and variable", () => {
  const rows = loadConfig(schema, {
    environment: {
      AOS_TURN_DEADLINE_MS: "6s",
      AOS_STORE: "postgres://me:pw@db:5432/aos?sslmode=on",
    },
  }).explain();
  assert.deepEqual(
    rows.map(({ key }) => key),
    Object.keys(schema.table),
  );
  assert.deepEqual(
    rows.find(({ key }) => key === "turn.deadlineMs"),
    {
      key: "turn.deadlineMs",
      type: "duration",
      value: 6_000,
      text: "6s",
      source: "environment",
      from: "AOS_TURN_DEADLINE_MS",
      default: 30_000,
      env: "AOS_TURN_DEADLINE_MS",
      description: "deadline",
    },
  );
  const store = rows.find(({ key }) => key === "store");
  assert.equal(store?.value, "postgres://me:[secret]@db:5432/aos?sslmode=on");
  assert.equal(rows.find(({ key }) => key === "model")?.value, null);
});

test("a table that contradicts itself is refused", () => {
  const row = text({ default: "x", description: "a row" });
  const wrong = [
    { Bad: row },
    { "a.b": row, a: row },
    { aB: row, "a.b": row },
    { n: integer({ default: 0, min: 1, description: "out of its own range" }) },
  ];
  for (const table of wrong) assert.throws(() => defineConfig(table, { prefix: "X_" }));
});

test("a size that is written is read back, and a size without a unit of its own is refused", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (size) => {
      assert.equal(parseBytes(formatBytes(size)), size);
    }),
  );
  for (const wrong of ["5", "5KB", "5 KiB", "-1B", "1.5MiB", "", -1, 0.5, NaN, "9999999999999999GiB"]) {
    assert.throws(() => parseBytes(wrong), { code: "CONFIG_INVALID" });
  }
});
