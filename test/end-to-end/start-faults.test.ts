/** What is wrong before a system runs: each is said in one line, with the exit code of its kind, and leaves nothing half done. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../support/checkout.ts";

const BIN = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const PROBE = new URL("../support/probe.ts", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "aos-faults-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const IMPORT = `import { Probe } from ${JSON.stringify(PROBE)};`;
const AGENTS: readonly (readonly [name: string, text: string, says: RegExp])[] = [
  ["syntax", "export const = 1", /cannot be loaded/],
  ["throws", 'throw new Error("at load")', /cannot be loaded: at load/],
  ["dependency", 'import "no-such-package-here"', /cannot be loaded: .*no-such-package-here/],
  ["empty", "export const x = 1", /exports no agent type/],
  ["no-list", `${IMPORT} export const register = { agent: Probe };`, /register is not a list/],
  [
    "no-agent",
    `${IMPORT} export const register = [{ agent: Probe, id: "good" }, { agent: 7, id: "x" }];`,
    /register \[1\]\.agent is not an agent type/,
  ],
  ["bad-id", `${IMPORT} export const register = [{ agent: Probe, id: "good" }, { agent: Probe, id: "a b" }];`, /register \[1\]: id "a b"/],
  ["webhook", `${IMPORT} export { Probe }; export const webhooks = { github: 5 };`, /webhooks\.github is not a function/],
  ["first-boot", `${IMPORT} export { Probe }; export const onFirstBoot = 5;`, /onFirstBoot is not a function/],
];
const CONFIGS: readonly (readonly [file: string, text: string, says: RegExp])[] = [
  ["a.json", "{ nope", /a\.json cannot be read/],
  [
    "b.json",
    '{"limits.mailboxDepht": 1, "http": {"port": "x"}}',
    /did you mean limits\.mailboxDepth\?.*http\.port .* is not a whole number/,
  ],
  ["c.json", "[1]", /does not export an object/],
  ["d.ts", "export const x = 1", /does not export an object/],
];

/** Starts a system that must not start. */
async function refusal(exit: number, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(process.execPath, [BIN, "up", "--port", "0", ...args]);
  assert.deepEqual([stdout, code], ["", exit], stderr);
  assert.match(stderr, /^aos: [^\n]+\n$/);
  return stderr;
}

test("a broken agents file is refused by name, and nobody of it is registered", async () => {
  for (const [name, text, says] of AGENTS) {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, text);
    const dir = join(folder, name);
    assert.match(await refusal(2, "--dir", dir, "--agents", file), says);
    const { code, stdout } = await run(process.execPath, [BIN, "ps", "--json", "--dir", dir]);
    assert.ok(code === 3 || stdout.trim() === "[]", stdout);
  }
  assert.match(await refusal(2, "--dir", join(folder, "m"), "--agents", "./nowhere.ts"), /no agents file or package \.\/nowhere\.ts/);
});

test("a broken configuration file is refused with all of its faults", async () => {
  for (const [file, text, says] of CONFIGS) {
    writeFileSync(join(folder, file), text);
    assert.match(await refusal(2, "--dir", join(folder, "c"), "--config", join(folder, file)), says);
  }
  assert.match(await refusal(2, "--config", join(folder, "none.json")), /there is no configuration file/);
});

test("a data folder of a newer version, of no version or that is a file is refused and left alone", async () => {
  const newer = join(folder, "newer");
  writeFileSync(join(folder, "file"), "");
  mkdirSync(newer);
  const db = new DatabaseSync(join(newer, "aos.db"));
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE future (x); PRAGMA user_version = 9999");
  db.close();
  const before = readFileSync(join(newer, "aos.db"));
  assert.match(await refusal(4, "--dir", newer), /9999/);
  assert.deepEqual(readFileSync(join(newer, "aos.db")), before);
  const garbage = join(folder, "garbage");
  mkdirSync(garbage);
  writeFileSync(join(garbage, "aos.db"), "not a database, however long one looks at it");
  assert.match(await refusal(6, "--dir", garbage), /not a database/);
  assert.match(await refusal(2, "--dir", join(folder, "file")), /cannot be made or written to/);
});

test("a port that is taken and an address that is not this machine's are refused", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  assert.match(await refusal(2, "--dir", join(folder, "p"), "--port", String(address.port)), /the port is taken/);
  server.close();
  assert.match(await refusal(2, "--dir", join(folder, "p"), "--host", "203.0.113.1"), /cannot listen on 203\.0\.113\.1/);
});
