import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { EXIT } from "./exit-code.ts";
import { GROUPS } from "./groups.ts";
import type { Io } from "./io.ts";
import { run } from "./run.ts";

/** Runs a command and gathers what it writes. */
async function aos(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    isTty: false,
    now: 0,
    signal: new AbortController().signal,
    exitCode: EXIT.done,
    out: (line) => out.push(line),
    note: (line) => err.push(line),
    read: () => Promise.resolve(""),
  };
  const code = await run(args, io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

test("without arguments it prints help and ends well", async () => {
  const { code, out, err } = await aos();
  assert.equal(code, 0);
  assert.equal(err, "");
  for (const verb of GROUPS.flatMap(({ verbs }) => Object.keys(verbs))) assert.match(out, new RegExp(`^ {2}${verb} `, "m"));
  assert.match(out, /Exit codes/);
});

test("an unknown command exits with 2 and suggests the one that was meant", async () => {
  const { code, out, err } = await aos("regster", "a", "b");
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /^aos: unknown command 'regster' \(Did you mean register\?\)/);
  assert.equal(err.split("\n").length, 1);
  for (const later of ["spawn", "budget", "run"]) assert.equal((await aos(later)).code, 2, later);
});

test("an unknown option, a missing argument and a wrong value exit with 2", async () => {
  for (const args of [
    ["ps", "--stat", "x"],
    ["send", "cfo/main"],
    ["send", "cfo", "event"],
    ["send", "cfo/main", "event", "{a:1}"],
    ["send", "cfo/main", "event", "--priority", "12"],
    ["send", "cfo/main", "event", "--in", "soon"],
    ["pause"],
    ["pause", "cfo/main", "--all"],
    ["dlq", "redrive"],
    ["dlq", "drop", "--agent", "cfo/main"],
    ["dlq", "frob"],
    ["effects", "resolve", "e1", "maybe"],
    ["completion", "fish"],
    ["ps", "--url", "ftp://example"],
    ["register", "Cfo", "main"],
  ]) {
    const { code, out, err } = await aos(...args);
    assert.deepEqual({ code, out }, { code: 2, out: "" }, args.join(" "));
    assert.match(err, /^aos: .+/, args.join(" "));
  }
});

test("a group without its verb says which verbs there are", async () => {
  for (const group of ["dlq", "cron", "effects", "config", "state"]) {
    const { code, out, err } = await aos(group);
    assert.deepEqual({ code, out }, { code: 2, out: "" }, group);
    assert.match(err, new RegExp(`^aos: \`aos ${group}\` needs one of: [a-z]+`), group);
  }
  assert.match((await aos("--json", "dlq")).err, /needs one of: ls, show/);
});

test("with --json an error is one problem object on stderr", async () => {
  const { code, out, err } = await aos("send", "cfo/main", "event", "[1", "--json");
  assert.equal(code, 2);
  assert.equal(out, "");
  const problem: Record<string, unknown> = JSON.parse(err);
  assert.equal(problem["code"], "USAGE");
  assert.equal(problem["status"], 400);
});

test("where nothing listens it exits with 6 and says so", async () => {
  const { code, err } = await aos("wake", "cfo/main", "--url", "http://127.0.0.1:1");
  assert.equal(code, 6);
  assert.match(err, /^aos: no answer from http:\/\/127\.0\.0\.1:1/);
});

test("a data folder that is not there exits with 3 where it is read, with 6 where a system is needed", async () => {
  assert.equal((await aos("ps", "--dir", "no-such-folder")).code, 3);
  const { code, err } = await aos("send", "cfo/main", "event", "--dir", "no-such-folder");
  assert.equal(code, 6);
  assert.match(err, /aos up --dir no-such-folder/);
});

test("every command has help", async () => {
  for (const verb of GROUPS.flatMap(({ verbs }) => Object.keys(verbs))) {
    const { code, out } = await aos(verb, "--help");
    assert.equal(code, 0, verb);
    assert.match(out, new RegExp(`Usage: aos ${verb}`), verb);
    assert.equal((await aos("help", verb)).out, out);
  }
});

test("the completion scripts are valid and know commands, their verbs and options", async () => {
  const { out } = await aos("completion", "bash");
  for (const word of ["register", "redrive", "--after", "--state"]) assert.match(out, new RegExp(word));
  const { status, stderr } = spawnSync("bash", ["-n"], { input: out, encoding: "utf8" });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  assert.match((await aos("completion", "zsh")).out, /^#compdef aos/);
});
