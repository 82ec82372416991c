/** What each setting of the system and its doors changes, shown on real folders, processes and sockets. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { serve, type Served } from "../../src/http/index.ts";
import { AgentOperatingSystem, type BootOptions } from "../../src/index.ts";
import { diagnose } from "../../src/system/index.ts";
import { run } from "./checkout.ts";
import { Fail, Probe } from "./probe.ts";
import { folder, refused, scene } from "./scene.ts";
import type { Effect } from "./settings-of-kernel.ts";

const STORAGE = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net";
const BUS = "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=c2VjcmV0";
const SECRETS = new Set(["auth.apiKey", "github.webhookSecret", "azure.storageConnectionString", "azure.servicebusConnectionString"]);
const AGENTS = fileURLToPath(new URL("./hooked-agents.ts", import.meta.url));
const BLOCKED = fileURLToPath(new URL("./blocked.ts", import.meta.url));

interface Door extends Served {
  /** What was logged. */
  readonly lines: readonly string[];
  readonly dir: string;
}

/** Serves with a configuration file that holds the settings; it ends with the test. */
async function served(t: TestContext, settings: BootOptions = {}): Promise<Door> {
  const dir = folder(t);
  const configFile = join(dir, "settings.json");
  const values = Object.entries(settings).map(([key, value]) => [key, SECRETS.has(key) ? hidden(dir, key, JSON.stringify(value)) : value]);
  writeFileSync(configFile, JSON.stringify({ "http.port": 0, ...Object.fromEntries(values) }));
  const lines: string[] = [];
  const door = await serve({
    dir: join(dir, "data"),
    agents: [AGENTS],
    configFile,
    log: (line) => lines.push(line),
  });
  t.after(() => door.close());
  return { ...door, lines, dir };
}

/** A configuration file holds no secret but the file where it is. */
function hidden(dir: string, key: string, secret: string): string {
  const path = join(dir, key);
  writeFileSync(path, JSON.parse(secret), { mode: 0o600 });
  return `file:${path}`;
}

/** The status of a request, with the key of the first start unless another one is given. */
async function status(
  door: Door,
  path: string,
  {
    body,
    key = door.apiKey,
    headers = {},
  }: {
    readonly body?: string;
    readonly key?: string | undefined;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<number> {
  const response = await fetch(`${door.url}${path}`, {
    ...(body === undefined ? {} : { method: "POST", body }),
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
  await response.text();
  return response.status;
}

async function blocked(t: TestContext, enabled: boolean, deadlineMs: number): Promise<string> {
  const { stdout, signal } = await run(process.execPath, [
    "--conditions=aosjs-source",
    BLOCKED,
    folder(t),
    String(enabled),
    String(deadlineMs),
  ]);
  return signal ?? stdout.trim();
}

/** Log lines of a served system in which a turn failed. */
async function logged(t: TestContext, settings: BootOptions): Promise<readonly string[]> {
  const door = await served(t, { retry: { attempts: 1 }, ...settings });
  const event = { specversion: "1.0", id: "1", source: "test", type: Fail.name, data: {} };
  const sent = await status(door, "/api/agents/probe/main/events", {
    body: JSON.stringify(event),
    headers: { "content-type": "application/cloudevents+json", prefer: "wait=5" },
  });
  assert.ok(sent < 300, String(sent));
  for (let round = 0; round < 100 && !door.lines.some((line) => line.includes("turn.failed")); round++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return door.lines;
}

/** Effects of the keys about where a system runs and what it is. */
export const SYSTEM_EFFECTS = {
  dir: async (t) => {
    const dir = join(folder(t), "elsewhere");
    await using _ = await AgentOperatingSystem.boot({ dir });
    assert.ok(existsSync(join(dir, "aos.db")));
  },
  store: async (t) => {
    const dir = join(folder(t), "never");
    await using _ = await AgentOperatingSystem.boot({ dir, store: "memory" });
    assert.equal(existsSync(dir), false);
    await refused("CONFIG_INVALID", AgentOperatingSystem.boot({ dir, store: "postgres://somewhere/db" }));
  },
  environment: async (t) => {
    assert.equal((await scene(t)).environment.isProduction, true);
    assert.equal((await scene(t, { environment: "test" })).environment.isTest, true);
  },
  features: async (t) => {
    assert.equal((await scene(t)).environment.hasFeature("fast"), false);
    assert.equal((await scene(t, { features: ["fast"] })).environment.hasFeature("fast"), true);
  },
  "disk.freeBytesMin": async (t) => {
    const found = async (options: BootOptions): Promise<readonly string[]> => {
      await using aos = await AgentOperatingSystem.boot({ dir: join(folder(t), "data"), ...options });
      return (await diagnose(aos)).findings.map(({ code }) => code);
    };
    assert.deepEqual(
      [await found({ disk: { freeBytesMin: "1000000GiB" } }), await found({ disk: { freeBytesMin: 0 } })],
      [["DISK_NEARLY_FULL"], []],
    );
  },
  "node.name": async (t) => {
    const aos = await scene(t, { node: "left" });
    await aos.register(Probe, "main");
    assert.equal((await aos.agents())[0]?.node, "left");
  },
  clock: async () => {
    await using real = await AgentOperatingSystem.boot({ store: "memory" });
    await using injected = await AgentOperatingSystem.boot({ store: "memory", clock: "inject" });
    assert.deepEqual([real.testClock === undefined, injected.testClock === undefined], [true, false]);
  },
  "watchdog.enabled": async (t) => {
    assert.deepEqual([await blocked(t, true, 100), await blocked(t, false, 100)], ["SIGKILL", "alive"]);
  },
  "watchdog.deadlineMs": async (t) => {
    assert.equal(await blocked(t, true, 60_000), "alive");
  },
  "azure.storageConnectionString": (t) => azure(t, "azure.storageConnectionString", STORAGE),
  "azure.servicebusConnectionString": (t) => azure(t, "azure.servicebusConnectionString", BUS),
} satisfies Record<string, Effect>;

/** A connection string is checked, kept secret, and said to be unused while its adapter is missing. */
async function azure(
  t: TestContext,
  key: "azure.storageConnectionString" | "azure.servicebusConnectionString",
  good: string,
): Promise<void> {
  await refused("CONFIG_INVALID", AgentOperatingSystem.boot({ store: "memory", [key]: "nonsense" }));
  const { lines } = await served(t, { [key]: good });
  const line = lines.find((each) => each.includes(key)) ?? "";
  assert.match(line, /adapter that is not part of this version/);
  assert.doesNotMatch(lines.join("\n"), /c2VjcmV0/);
}

/** Effects of the keys about the doors and the log. */
export const DOOR_EFFECTS = {
  "http.host": async (t) => {
    assert.match((await served(t)).url, /^http:\/\/127\.0\.0\.1:/);
    assert.match((await served(t, { "http.host": "127.0.0.2" })).url, /^http:\/\/127\.0\.0\.2:/);
  },
  "http.port": async (t) => {
    const port = await freePort();
    assert.equal(new URL((await served(t, { "http.port": port })).url).port, String(port));
  },
  "http.bodyBytesMax": async (t) => {
    const event = JSON.stringify({
      specversion: "1.0",
      id: "1",
      source: "test",
      type: "note",
      data: { text: "x".repeat(4_000) },
    });
    const send = async (settings: BootOptions): Promise<number> =>
      status(await served(t, settings), "/api/agents/probe/main/events", {
        body: event,
        headers: { "content-type": "application/cloudevents+json" },
      });
    assert.deepEqual([await send({}), await send({ "http.bodyBytesMax": "1KiB" })], [202, 413]);
  },
  "http.batchBytesMax": async (t) => {
    const events = JSON.stringify([
      {
        specversion: "1.0",
        id: "1",
        source: "test",
        type: "note",
        data: { text: "x".repeat(4_000) },
      },
    ]);
    const send = async (settings: BootOptions): Promise<number> =>
      status(await served(t, settings), "/api/events", {
        body: events,
        headers: { "content-type": "application/cloudevents-batch+json" },
      });
    assert.ok((await send({})) < 300);
    assert.equal(await send({ "http.batchBytesMax": "1KiB" }), 413);
  },
  "auth.apiKey": async (t) => {
    const door = await served(t, { "auth.apiKey": "a-key-of-mine" });
    assert.equal(door.apiKey, undefined);
    assert.deepEqual(
      [await status(door, "/api/agents", { key: "a-key-of-mine" }), await status(door, "/api/agents", { key: "another" })],
      [200, 401],
    );
  },
  "github.webhookSecret": async (t) => {
    const text = async (settings: BootOptions): Promise<string> => {
      const door = await served(t, settings);
      await status(door, "/webhooks/github", {
        body: "{}",
        headers: { "content-type": "application/json", "x-github-delivery": "1" },
      });
      const response = await fetch(`${door.url}/api/agents/probe/main/queries/read`, {
        headers: { authorization: `Bearer ${door.apiKey}` },
      });
      return response.text();
    };
    assert.match(await text({}), /unsigned/);
    assert.match(await text({ "github.webhookSecret": "0123456789" }), /signed with 10 characters/);
  },
  "log.format": async (t) => {
    const lines = await logged(t, { "log.format": "json" });
    assert.ok(lines.length > 0);
    for (const line of lines) assert.equal(typeof JSON.parse(line), "object");
    assert.throws(() => JSON.parse("[]" + lines[0]));
    for (const line of await logged(t, { "log.format": "pretty" })) assert.throws(() => JSON.parse(line), line);
  },
  "log.level": async (t) => {
    assert.ok((await logged(t, {})).some((line) => line.includes("turn.failed")));
    assert.deepEqual(await logged(t, { "log.level": "silent" }), []);
  },
} satisfies Record<string, Effect>;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
