/** Backup, restore, df and doctor as a user has them: the real command, a real system, a real folder. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { AosClient } from "../../src/client/index.ts";
import { need } from "../support/capabilities.ts";
import { type Ended, run, start } from "../support/checkout.ts";

const BIN = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const AGENTS = fileURLToPath(new URL("../support/hooked-agents.ts", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "aos-upkeep-"));
const dir = join(folder, "data");
let system: ChildProcess;
let url: string;
let key: string;

async function up(of: string): Promise<ChildProcess> {
  const child = start(process.execPath, [BIN, "up", "--dir", of, "--port", "0", "--agents", AGENTS, "--json"]);
  assert.ok(child.stdout);
  const [line] = await once(createInterface(child.stdout), "line");
  const ready: { readonly url: string; readonly apiKey?: string } = JSON.parse(String(line));
  url = ready.url;
  key = ready.apiKey ?? key;
  return child;
}

async function down(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  const [code] = await once(child, "close");
  assert.equal(code, 0);
}

function aos(of: string, ...args: string[]): Promise<Ended> {
  return run(process.execPath, [BIN, ...args, "--dir", of], { cwd: folder });
}

async function json<T = Record<string, unknown>>(code: number, of: string, ...args: string[]): Promise<T> {
  const ended = await aos(of, ...args, "--json");
  assert.equal(ended.code, code, `${args.join(" ")}: ${ended.stderr}${ended.stdout}`);
  const value: T = JSON.parse(code === 0 || ended.stdout !== "" ? ended.stdout : ended.stderr);
  return value;
}

before(async () => {
  system = await up(dir);
});
after(async () => {
  system.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("a running system is backed up by the command while events arrive, and every one acknowledged before is in it", async () => {
  const client = new AosClient({ url, key });
  const state = { isOver: false };
  const load = (async () => {
    for (let at = 0; !state.isOver; at++) await client.send("probe/main", "note", { text: `during ${at}` });
  })();
  await client.send("probe/main", "note", { text: "before" });
  const manifest = await json<{ readonly file: string; readonly bytes: number }>(0, dir, "backup", "one.aos");
  state.isOver = true;
  await load;
  assert.equal(manifest.file, join(folder, "one.aos"));
  assert.equal(statSync(manifest.file).mode & 0o777, 0o600);
  assert.ok(statSync(manifest.file).size > manifest.bytes);
  assert.equal((await json(5, dir, "backup", "one.aos"))["code"], "FILE_EXISTS");
  await json(0, dir, "backup", "one.aos", "--replace");
  assert.equal((await json(2, dir, "backup", "no/such/folder/one.aos"))["code"], "USAGE");
  assert.match((await aos(dir, "backup", "two.aos")).stdout, /two\.aos: .*KiB|MiB, \d+ agents, sha256 [0-9a-f]{64}$/m);
});

test("a backup becomes a folder of its own, whose agents wait until they are resumed", async () => {
  const target = join(folder, "restored");
  const restored = await json<{ readonly paused: number; readonly incarnation: { readonly id: string } }>(0, target, "restore", "one.aos");
  assert.ok(restored.paused >= 1);
  assert.equal((await json(5, target, "restore", "one.aos"))["code"], "FOLDER_NOT_EMPTY");
  assert.equal((await json(1, join(folder, "x"), "restore", join(dir, "aos.db")))["code"], "BACKUP_INVALID");
  assert.equal((await json(3, join(folder, "x"), "restore", "nothing.aos"))["code"], "NOT_FOUND");
  assert.equal(existsSync(join(folder, "x")), false);
  const [was, keep] = [url, key];
  const second = await up(target);
  const found = await json<{ readonly findings: readonly { readonly code: string; readonly mend: string }[] }>(1, target, "doctor");
  assert.deepEqual(
    found.findings.map(({ code, mend }) => [code, mend]),
    [["AGENTS_RESTORED", "aos resume --restored"]],
  );
  // The key of the old system opens the new one; the operator's token does not.
  const old = readFileSync(join(dir, "operator.token"), "utf8").trim();
  assert.equal((await fetch(`${url}/api/agents`, { headers: { authorization: `Bearer ${old}` } })).status, 401);
  assert.equal((await fetch(`${url}/api/agents`, { headers: { authorization: `Bearer ${keep}` } })).status, 200);
  assert.deepEqual(await json(0, target, "resume", "--restored"), { moved: restored.paused, refused: 0 });
  assert.deepEqual(await json(0, target, "doctor"), { place: url, healthy: true, findings: [] });
  const notes = await new AosClient({ url, key }).query("probe/main", "read", {});
  assert.ok(Array.isArray(notes) && notes.includes("before"));
  await down(second);
  [url, key] = [was, keep];
});

test("df tells what bounds each class, running and stopped, and foretells nothing without history", async () => {
  const report = await json<{ readonly classes: readonly { readonly name: string }[]; readonly growth?: unknown }>(0, dir, "df");
  const names = report.classes.map(({ name }) => name);
  for (const name of ["state", "journal", "mail", "effects", "deadLetters", "replies", "dedupe", "ledger", "indexes", "free", "log"])
    assert.ok(names.includes(name), name);
  assert.equal(report.growth, undefined);
  const { stdout } = await aos(dir, "df");
  assert.match(stdout, /^journal +.* 256 KiB and 30 days an agent/m);
  assert.match(stdout, /^growth +not enough history yet/m);
});

test("only a fleet operator with the scope admin may back up, or see what the doctor sees", async () => {
  for (const [method, path] of [
    ["POST", "/api/backups"],
    ["GET", "/api/backups/last"],
    ["GET", "/api/doctor"],
    ["POST", "/api/doctor/mend"],
    ["GET", "/api/storage"],
  ] as const) {
    const body = method === "POST" ? '{"file":"relative.aos"}' : undefined;
    const headers = { authorization: "Bearer wrong", "content-type": "application/json" };
    assert.equal((await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) })).status, 401, path);
  }
  const response = await fetch(`${url}/api/backups`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: '{"file":"relative.aos"}',
  });
  assert.equal(response.status, 400);
});

test("the doctor exits with 1 and names the command where something is wrong, of a stopped folder too", async () => {
  assert.equal((await aos(dir, "doctor")).code, 0);
  const refused = await json<{ readonly findings: readonly { readonly code: string }[] }>(1, dir, "doctor", "--api-key", "wrong");
  assert.deepEqual(
    refused.findings.map(({ code }) => code),
    ["CREDENTIAL_REFUSED"],
  );
  await down(system);
  const healthy = await aos(dir, "doctor");
  assert.deepEqual([healthy.code, healthy.stdout], [0, `${dir}: nothing is wrong\n`]);
  writeFileSync(join(dir, "aos.db.partial"), "");
  const ill = await aos(dir, "doctor");
  assert.equal(ill.code, 1);
  assert.match(ill.stdout, /^CODE +FOUND +MEND\nFILES_LEFT_OVER .* rm -r .*aos\.db\.partial$/m);
  rmSync(join(dir, "aos.db.partial"));
  await json(0, dir, "backup", "stopped.aos");
  assert.deepEqual((await json(0, dir, "doctor", "--mend"))["mended"], { mail: 0, effects: 0, subscriptions: 0 });
  writeFileSync(join(dir, "restore.json"), JSON.stringify({ file: join(folder, "stopped.aos") }));
  assert.equal((await json(4, dir, "up"))["code"], "RESTORE_UNFINISHED");
  assert.equal((await aos(dir, "restore", "stopped.aos", "--replace")).code, 0);
  system = await up(dir);
});

test("a folder that cannot be written to is found", { skip: need("tmpfs") }, async () => {
  await json(0, join(folder, "frozen"), "restore", "stopped.aos");
  const readOnly = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"';
  const asRoot = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const place = join(folder, "frozen");
  const { code, stdout, stderr } = await run("unshare", [
    ...asRoot,
    "--mount",
    "sh",
    "-c",
    readOnly,
    place,
    process.execPath,
    BIN,
    "doctor",
    "--dir",
    place,
  ]);
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^FOLDER_NOT_WRITABLE /m);
});
