/** Drives a real system with the real command: `aos up` in one process, every other verb in processes of their own. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Ended, run, start } from "../support/checkout.ts";

const BIN = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const AGENTS = `
import { command, cron, event, PurposeDrivenAgent, query, state, refuse } from "aosjs";
import { z } from "zod";

const Added = event("added", z.object({ by: z.number() }));
const Broken = event("broken", z.object({}));
const Passed = event("passed", z.object({ by: z.number() }));
const Refused = event("refused", z.object({}));

export class Counter extends PurposeDrivenAgent.define({
  type: "counter",
  purpose: "count",
  state: state(1, z.object({ count: z.number() }), { initial: () => ({ count: 0 }) }),
  on: { added: Added, broken: Broken, passed: Passed, refused: Refused },
  commands: { reset: command(z.object({}), z.object({ was: z.number() })) },
  queries: { count: query(z.object({}), z.number()) },
  sends: [Added],
  schedules: { nightly: cron("0 3 * * *", { tz: "UTC" }) },
  retry: { attempts: 1, backoff: "fixed", delayMs: 0, maxDelayMs: 0 },
}) {
  readonly handlers = this.handle({
    added: (ctx, e) => { ctx.state.count += e.data.by; ctx.decide({ choice: "add", because: "asked" }); },
    broken: () => { throw new Error("it broke"); },
    passed: (ctx, e) => { ctx.tell("counter/other", Added, { by: e.data.by }); },
    refused: () => { throw refuse("not today"); },
    reset: (ctx) => { const was = ctx.state.count; ctx.state.count = 0; return { was }; },
    count: (state) => state.count,
    nightly: () => undefined,
  });
}

export const register = [{ agent: Counter, id: "main" }];
`;

const folder = mkdtempSync(join(tmpdir(), "aos-cli-"));
const dir = join(folder, "data");
const agents = join(folder, "agents.ts");
writeFileSync(agents, AGENTS);

let system: ChildProcess | undefined;
let ready: Ready;

interface Ready {
  readonly ready: boolean;
  readonly url: string;
  readonly pid: number;
  readonly dir: string;
  readonly apiKey?: string;
}

/** Starts a system and waits for its one line. */
async function up(): Promise<Ready> {
  system = start(process.execPath, [BIN, "up", "--dir", dir, "--port", "0", "--agents", agents, "--json"]);
  assert.ok(system.stdout);
  const child = system;
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const died = once(child, "close").then(() => Promise.reject(new Error(`aos up ended: ${stderr}`)));
  const [line] = await Promise.race([once(createInterface(system.stdout), "line"), died]);
  died.catch(() => undefined);
  const found: Ready = JSON.parse(String(line));
  return found;
}

async function down(): Promise<void> {
  if (system === undefined || system.exitCode !== null || system.signalCode !== null) return;
  system.kill("SIGTERM");
  const [code] = await once(system, "close");
  assert.equal(code, 0);
}

/** A process that does not outlive its test. */
function disposable(child: ChildProcess): Disposable & ChildProcess {
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill("SIGKILL") });
}

/** Runs a command against the data folder. */
function aos(...args: string[]): Promise<Ended> {
  return run(process.execPath, [BIN, ...args, "--dir", dir]);
}

/** Runs a command that must end well, and reads its output as JSON. */
async function data<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await aos(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  assert.equal(stderr, "", args.join(" "));
  const value: T = JSON.parse(stdout);
  return value;
}

/** The problem and exit code of a command that must fail. */
async function problem(...args: string[]): Promise<{ readonly exit: number | null; readonly code: string }> {
  const { code, stdout, stderr } = await aos(...args, "--json");
  assert.equal(stdout, "", args.join(" "));
  const found: { readonly code: string } = JSON.parse(stderr);
  return { exit: code, code: found.code };
}

before(async () => {
  ready = await up();
});
after(async () => {
  await down();
  rmSync(folder, { recursive: true, force: true });
});

test("aos up says in one line where it is, and leaves what the other commands need", () => {
  assert.equal(ready.ready, true);
  assert.equal(ready.dir, dir);
  assert.match(ready.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.ok(ready.apiKey);
  const { url, pid }: Ready = JSON.parse(readFileSync(join(dir, "run.json"), "utf8"));
  assert.deepEqual({ url, pid }, { url: ready.url, pid: ready.pid });
  assert.equal(statSync(join(dir, "operator.token")).mode & 0o777, 0o600);
});

test("a second system on the same data folder is refused, naming the owner's pid", async () => {
  const { code, stderr } = await aos("up", "--port", "0", "--agents", agents);
  assert.equal(code, 5);
  assert.match(stderr, new RegExp(`^aos: .*\\b${ready.pid}\\b`, "m"));
});

test("an agent is registered, gets mail, and shows it", async () => {
  assert.deepEqual(await data("register", "counter", "other"), {
    address: "counter/other",
    created: true,
  });
  assert.equal((await data("register", "counter", "other"))["created"], false);
  const record = await data("send", "counter/other", "added", '{"by":2}', "--wait");
  assert.equal(record["outcome"], "done");
  assert.deepEqual(await data("state", "get", "counter/other"), { count: 2 });
  assert.equal(await data<number>("query", "counter/other", "count", "{}"), 2);
  assert.deepEqual(await data("call", "counter/other", "reset", "{}"), { was: 2 });
  const rows = await data<readonly Record<string, unknown>[]>("ps", "--type", "counter", "--json");
  const row = rows.find(({ address }) => address === "counter/other");
  for (const name of ["type", "id", "state", "mailbox", "parked", "lastTurnAt", "nextWakeAt", "revision", "node"])
    assert.ok(row !== undefined && name in row, name);
  assert.match((await aos("ps")).stdout, /^ADDRESS +STATE +MAILBOX +PARKED +LAST-TURN +NEXT-WAKE +REVISION +NODE$/m);
});

test("the same key is answered with the first id, and refused with another payload", async () => {
  const first = await data("send", "counter/main", "added", '{"by":1}', "--key", "k1");
  assert.equal(first["duplicate"], false);
  const again = await data("send", "counter/main", "added", '{"by":1}', "--key", "k1");
  assert.deepEqual([again["id"], again["duplicate"]], [first["id"], true]);
  assert.deepEqual(await problem("send", "counter/main", "added", '{"by":9}', "--key", "k1"), {
    exit: 5,
    code: "IDEMPOTENCY_CONFLICT",
  });
});

test("what is wrong has the exit code that the contract names", async () => {
  assert.deepEqual(await problem("send", "counter/nobody", "added", '{"by":1}'), {
    exit: 3,
    code: "AGENT_NOT_FOUND",
  });
  assert.deepEqual(await problem("send", "counter/main", "added", '{"by":"x"}'), {
    exit: 2,
    code: "PAYLOAD_INVALID",
  });
  assert.deepEqual(await problem("register", "unknown", "x"), { exit: 3, code: "TYPE_UNKNOWN" });
  assert.deepEqual(await problem("ps", "--api-key", "wrong"), { exit: 4, code: "UNAUTHENTICATED" });
  assert.deepEqual(await problem("why", "no-such-id"), { exit: 3, code: "NOT_FOUND" });
  const { code, stderr } = await aos("send", "counter/main", "added", '{"by":"x"}');
  assert.equal(code, 2);
  assert.match(stderr, /^aos: .*\/by.*\n$/);
});

test("--url with the key of the first start reaches the system too", async () => {
  const { code, stdout } = await run(process.execPath, [BIN, "ps", "--json", "--url", ready.url, "--api-key", ready.apiKey ?? ""]);
  assert.equal(code, 0);
  assert.ok(Array.isArray(JSON.parse(stdout)));
});

test("log shows an agent's turns as JSON lines, and goes on with -f", async () => {
  using follower = disposable(start(process.execPath, [BIN, "log", "counter/main", "-f", "--dir", dir]));
  assert.ok(follower.stdout);
  const lines: string[] = [];
  const got = new Promise<void>((resolve) => {
    createInterface(follower.stdout ?? process.stdin).on("line", (line) => {
      lines.push(line);
      if (line.includes('"followed"')) resolve();
    });
  });
  await data("send", "counter/main", "added", '{"by":1}', "--source", "followed", "--wait");
  await got;
  follower.kill("SIGINT");
  const [code] = await once(follower, "close");
  assert.equal(code, 0);
  const { stdout } = await aos("log", "counter/main");
  const turns = stdout
    .trim()
    .split("\n")
    .map((line): { readonly turn: number } => JSON.parse(line));
  const last = turns.at(-1)?.turn ?? 0;
  assert.deepEqual(
    lines.map((line): unknown => JSON.parse(line)),
    turns.slice(0, lines.length),
  );
  assert.equal((await aos("log", "counter/main", "--after", String(last))).stdout, "");
});

test("why draws what an event led to over all agents", async () => {
  const { cause } = await data<{ readonly cause: { readonly id: string } }>("send", "counter/main", "passed", '{"by":5}', "--wait");
  const { id } = cause;
  await aos("send", "counter/other", "added", '{"by":1}', "--wait");
  const { code, stdout } = await aos("why", id);
  assert.equal(code, 0);
  assert.match(stdout, /^passed .* → counter\/main .*\n(?:.*\n)*└─ added +counter\/main → counter\/other/m);
  assert.ok((await data<readonly unknown[]>("why", id, "--json")).length >= 2);
});

test("a turn that the handler refused exits with 1", async () => {
  const { code, stdout } = await aos("send", "counter/main", "refused", "{}", "--wait");
  assert.equal(code, 1);
  assert.equal(JSON.parse(stdout).outcome, "refused");
});

test("a turn that ends dead exits with 1; its letter is listed, put back and dropped", async () => {
  const { code, stdout } = await aos("send", "counter/main", "broken", "{}", "--wait");
  assert.equal(code, 1);
  assert.equal(JSON.parse(stdout).outcome, "dead");
  const [letter] = await data<readonly { readonly id: string }[]>("dlq", "ls", "--json");
  assert.ok(letter);
  assert.equal((await data("dlq", "show", letter.id))["id"], letter.id);
  assert.equal((await data("dlq", "redrive", letter.id))["agent"], "counter/main");
  await aos("send", "counter/main", "added", '{"by":0}', "--wait");
  assert.equal((await data("dlq", "redrive", "--agent", "counter/main"))["redriven"], 1);
  await aos("send", "counter/main", "added", '{"by":0}', "--wait");
  const { stderr, code: all } = await aos("dlq", "drop", "--all");
  assert.equal(all, 0, stderr);
  assert.deepEqual(await data("dlq", "ls", "--json"), []);
  assert.deepEqual(await problem("dlq", "show", letter.id), {
    exit: 3,
    code: "DEAD_LETTER_NOT_FOUND",
  });
});

test("an agent is paused, killed, quarantined and resumed, alone or with its type", async () => {
  for (const [verb, state] of [
    ["pause", "paused"],
    ["kill", "paused"],
    ["resume", "sleeping"],
    ["quarantine", "quarantined"],
    ["resume", "sleeping"],
  ] as const) {
    assert.equal((await data(verb, "counter/other"))["state"], state, verb);
  }
  assert.ok(Number((await data("pause", "--type", "counter"))["moved"]) >= 2);
  assert.ok(Number((await data("resume", "--all"))["moved"]) >= 2);
  await data("wake", "counter/other");
  await data("register", "counter", "brief");
  await data("terminate", "counter/brief");
  assert.equal((await problem("send", "counter/brief", "added", '{"by":1}')).exit, 4);
});

test("schedules, types, usage, topics, broadcasts and configuration are shown", async () => {
  const rows = await data<readonly { readonly name: string }[]>("cron", "ls", "counter/main", "--json");
  assert.deepEqual(
    rows.map(({ name }) => name),
    ["nightly"],
  );
  assert.match((await aos("cron", "next", "counter/main", "nightly", "--count", "2")).stdout, /^(?:\d{4}-\d\d-\d\dT03:00:00\.000Z\n){2}$/);
  await data("cron", "run", "counter/main", "nightly");
  assert.ok((await data<readonly { readonly name: string }[]>("types", "--json")).some(({ name }) => name === "counter"));
  assert.ok(Object.keys(await data("df", "--json")).length > 0);
  assert.equal((await data("publish", "nobody.listens", "{}"))["receivers"], 0);
  assert.ok((await data<readonly unknown[]>("emit", "added", '{"by":1}')).length >= 2);
  assert.deepEqual(await data("effects", "ls", "--state", "in-doubt", "--json"), []);
  assert.match((await aos("config", "explain", "http.port")).stdout, /^http\.port +7117 +default/m);
  const [node] = await data<readonly { readonly pid: number }[]>("ps", "--nodes", "--json");
  assert.equal(node?.pid, ready.pid);
  assert.equal((await aos("doctor")).code, 0);
});

test("a payload comes from a file or from stdin", async () => {
  const file = join(folder, "payload.json");
  writeFileSync(file, '{"by":3}');
  await data("send", "counter/main", "added", `@${file}`);
  const line = `"$0" "$1" send counter/main added - --dir "$2" < "$3"`;
  const { code, stderr } = await run("sh", ["-c", line, process.execPath, BIN, dir, file]);
  assert.equal(code, 0, stderr);
  assert.equal((await aos("send", "counter/main", "added", "-")).code, 2);
});

test("a stopped data folder can still be read, and no more than read", async () => {
  const running = await data<readonly { readonly address: string }[]>("ps", "--json");
  const log = (await aos("log", "counter/main")).stdout;
  await down();
  const stopped = await data<readonly { readonly address: string }[]>("ps", "--json");
  assert.deepEqual(
    stopped.map(({ address }) => address),
    running.map(({ address }) => address),
  );
  assert.deepEqual(Object.keys(stopped[0] ?? {}), Object.keys(running[0] ?? {}));
  assert.equal((await aos("log", "counter/main")).stdout, log);
  assert.equal(typeof (await data("state", "get", "counter/main"))["count"], "number");
  assert.deepEqual(await data("dlq", "ls", "--json"), []);
  await data("df", "--json");
  assert.equal((await aos("doctor")).code, 0);
  assert.deepEqual(await problem("send", "counter/main", "added", '{"by":1}'), {
    exit: 6,
    code: "UNAVAILABLE",
  });
  ready = await up();
  assert.equal(ready.apiKey, undefined);
});
