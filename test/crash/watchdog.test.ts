import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { foreign, withFolder } from "./support/processes.ts";

const AOS = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));
const AGENTS = fileURLToPath(new URL("support/suicidal.ts", import.meta.url));
/** Longer than a busy machine keeps a process that starts from its event loop. */
const DEADLINE_MS = 2_000;
const POLL_MS = 20;
const PATIENCE_MS = 60_000;

/** `aos up` as its user sees it from outside: a process, and an API that goes away when it is started again. */
class Up implements AsyncDisposable {
  readonly #dir: string;
  readonly #process: ReturnType<typeof spawn>;
  output = "";

  constructor(dir: string) {
    this.#dir = dir;
    this.#process = spawn(process.execPath, [AOS, "up", "--dir", dir, "--agents", AGENTS, "--port", "0"], {
      env: { ...foreign(), AOS_WATCHDOG_DEADLINE_MS: String(DEADLINE_MS) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => this.#hear(text));
  }

  /** How long each block lasted until the launcher started the process again. */
  readonly blockedMs: number[] = [];
  #blockedAt = 0;

  #hear(text: string): void {
    this.output += text;
    if (text.includes("blocks from now on")) this.#blockedAt = performance.now();
    if (text.includes("aos: restarting")) this.blockedMs.push(Math.round(performance.now() - this.#blockedAt));
  }

  get restarts(): number {
    return this.output.split("aos: restarting").length - 1;
  }

  /** Asks until there is an answer that satisfies; a process that starts again gives none meanwhile. */
  async until<T>(path: string, satisfies: (answer: unknown) => T | undefined): Promise<T> {
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until) {
      const found = await this.#ask(path).then(satisfies, () => undefined);
      if (found !== undefined) return found;
      await pause(POLL_MS);
    }
    return assert.fail(`${path} did not come to what was waited for:\n${this.output}`);
  }

  async send(agent: string, name: string, data: unknown, more: Record<string, string> = {}): Promise<void> {
    const body = {
      specversion: "1.0",
      id: crypto.randomUUID(),
      source: "test",
      type: name,
      datacontenttype: "application/json",
      data,
      ...more,
    };
    await this.until(`/api/agents/${agent}`, (found) => found);
    const response = await this.#fetch(`/api/agents/${agent}/events`, {
      method: "POST",
      headers: { "content-type": "application/cloudevents+json" },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 202, await response.text());
  }

  async #ask(path: string): Promise<unknown> {
    const response = await this.#fetch(path, {});
    return response.ok ? response.json() : Promise.reject(new Error(String(response.status)));
  }

  #fetch(
    path: string,
    init: {
      readonly method?: string;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    },
  ): Promise<Response> {
    const { url }: { url: string } = JSON.parse(readFileSync(join(this.#dir, "run.json"), "utf8"));
    const token = readFileSync(join(this.#dir, "operator.token"), "utf8").trim();
    return fetch(new URL(path, url), {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(2_000),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const end = once(this.#process, "close");
    this.#process.kill("SIGTERM");
    await end;
  }
}

const State = z.object({ state: z.object({ seen: z.record(z.string(), z.number()) }) });

test("a blocked event loop is noticed, the process starts again, others lose nothing, the agent is quarantined after three", async (t) => {
  await withFolder(async (dir) => {
    await using up = new Up(dir);
    const wanted: Record<string, number> = {};
    for (let at = 0; at < 10; at++) {
      await up.send("bystander/main", "ping", { id: `p${at}` });
      wanted[`p${at}`] = 1;
    }
    // Due a little later, so that it is durable and answered before its handler blocks everything.
    await up.send("killer/main", "die", { how: "block" }, { aosdeliverat: new Date(Date.now() + 300).toISOString() });
    await up.until("/api/agents/killer/main", (found) =>
      z.object({ state: z.literal("quarantined") }).safeParse(found).success ? true : undefined,
    );
    await up.send("bystander/main", "ping", { id: "after" });
    wanted["after"] = 1;
    const seen = await up.until("/api/agents/bystander/main/state", (found) => {
      const { state } = State.parse(found);
      return state.seen["after"] === undefined ? undefined : state.seen;
    });
    assert.deepEqual(seen, wanted);
    assert.equal(up.restarts, 3, up.output);
    t.diagnostic(`blocked for ${up.blockedMs.join(", ")} ms, the deadline is ${DEADLINE_MS} ms`);
    // The promise of the watchdog is a time, so here a time is asserted.
    assert.ok(Math.max(...up.blockedMs) <= 2 * DEADLINE_MS, up.blockedMs.join());
  });
});
