/** A running system in memory behind a real HTTP server, for the tests of the HTTP face. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { createServer, type HttpLimits, type HttpServer, type HttpSystem, type HttpWebhook } from "../../src/http/index.ts";
import { AosError, command, cron, effect, event, PurposeDrivenAgent, query, state } from "../../src/kernel/index.ts";
import { ApiKeys, CachedAuthenticator } from "../../src/services/auth/index.ts";
import { collectKernel, Metrics } from "../../src/services/observability/index.ts";
import { Backups, diagnose, AgentOperatingSystem, type BootOptions, systemHasher } from "../../src/system/index.ts";

const Added = event("added", z.object({ by: z.number() }));
const Burst = event("burst", z.object({ why: z.string() }));
const Charge = event("charge", z.object({ cents: z.number() }));
const Pay = effect("pay", {
  input: z.object({ cents: z.number() }),
  output: z.object({}),
  run: () => {
    throw new AosError("EFFECT_TIMEOUT", "the bank did not answer");
  },
});

/** Counts; fails where it is told to. */
class Counter extends PurposeDrivenAgent.define({
  type: "counter",
  purpose: "Count",
  state: state(1, z.object({ total: z.number() }), { initial: () => ({ total: 0 }) }),
  on: { added: Added, burst: Burst, charge: Charge },
  commands: {
    set: command(z.object({ to: z.number() }), z.object({ was: z.number() })),
    stall: command(z.object({}), z.object({})),
  },
  queries: {
    total: query(z.object({}), z.number()),
    times: query(z.object({ by: z.number() }), z.number()),
  },
  uses: [Pay],
  schedules: { daily: cron("0 9 * * *", { tz: "Europe/London" }) },
  retry: { attempts: 1, backoff: "fixed", delayMs: 1 },
}) {
  readonly handlers = this.handle({
    added: (ctx, e) => {
      ctx.state.total += e.data.by;
      ctx.decide({ choice: "count", because: `${e.data.by} came` });
    },
    burst: (_ctx, e) => {
      throw new Error(e.data.why);
    },
    charge: async (ctx, e) => {
      await ctx.effect(Pay, e.data);
    },
    set: (ctx, input) => {
      const was = ctx.state.total;
      ctx.state.total = input.to;
      return { was };
    },
    stall: async (ctx) => {
      await new Promise((resolve) => {
        ctx.signal.addEventListener("abort", resolve, { once: true });
      });
      return {};
    },
    total: (current) => current.total,
    times: (current, input) => current.total * input.by,
    daily: (ctx) => {
      ctx.state.total++;
    },
  });
}

const Seen = event("seen", z.object({}).loose());

/** Accepts another event, for routing. */
class Watcher extends PurposeDrivenAgent.define({
  type: "watcher",
  purpose: "Watch",
  state: state(1, z.object({ seen: z.number() }), { initial: () => ({ seen: 0 }) }),
  on: { added: Added, seen: Seen },
  topics: [{ topic: "news.*", event: Seen }],
}) {
  readonly handlers = this.handle({
    added: (ctx) => {
      ctx.state.seen++;
    },
    seen: (ctx) => {
      ctx.state.seen++;
    },
  });
}

/** What a test works with. */
export interface HttpHarness extends AsyncDisposable {
  readonly aos: AgentOperatingSystem;
  readonly keys: ApiKeys;
  readonly server: HttpServer;
  readonly url: string;
  /** A key with every scope. */
  readonly key: string;
  /** Errors that nobody expected. */
  readonly unexpected: unknown[];
  /** A request with the key; JSON bodies are written, JSON answers read. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  /** Sends a structured CloudEvent. */
  send(
    address: string,
    type: string,
    data: unknown,
    attributes?: Readonly<Record<string, unknown>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answered>;
}

/** A response that was read. */
interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // A test says itself what it expects.
  readonly body: Readonly<Record<string, unknown>> & {
    readonly items: readonly Readonly<Record<string, unknown>>[];
  };
}

let eventId = 0;

/** Boots a system with `counter/main` and serves it. */
export async function startHttp(
  options: {
    readonly limits?: Partial<HttpLimits>;
    readonly boot?: BootOptions;
    readonly webhooks?: Readonly<Record<string, HttpWebhook>>;
  } = {},
): Promise<HttpHarness> {
  const aos = await AgentOperatingSystem.boot({ store: "memory", ...options.boot });
  await aos.loadAll([Counter, Watcher]);
  await aos.register(Counter, "main");
  const clock = { now: () => Date.now() };
  const keys = new ApiKeys({
    ledger: aos.ledger,
    clock,
    hasher: systemHasher,
    random: randomBytes,
  });
  const { key } = await keys.create({ scopes: ["admin"], isFleet: true });
  const unexpected: unknown[] = [];
  const system = faceOf(aos, keys, clock, options.webhooks ?? {});
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (_message: string, fields: unknown) => void unexpected.push(fields),
  };
  const server = await createServer({
    system,
    host: "127.0.0.1",
    port: 0,
    log,
    limits: options.limits,
  });
  const call = caller(server.url, key);
  return {
    aos,
    keys,
    server,
    url: server.url,
    key,
    unexpected,
    call,
    send: (address, type, data, attributes = {}, headers = {}) =>
      call(
        "POST",
        `/api/agents/${address}/events`,
        { specversion: "1.0", id: `e${++eventId}`, source: "test", type, data, ...attributes },
        { "content-type": "application/cloudevents+json", ...headers },
      ),
    [Symbol.asyncDispose]: async () => {
      await server.close(1_000);
      await aos.shutdown();
    },
  };
}

/** A fetch with the key that reads its answer. */
function caller(url: string, key: string): HttpHarness["call"] {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : { text }) as Answered["body"],
    };
  };
}

/** The system as the HTTP face takes it. */
function faceOf(
  aos: AgentOperatingSystem,
  keys: ApiKeys,
  clock: { now(): number },
  webhooks: Readonly<Record<string, HttpWebhook>>,
): HttpSystem {
  const metrics = new Metrics();
  collectKernel(metrics, () => aos.kernel.stats());
  return {
    api: aos.kernel,
    auth: new CachedAuthenticator({
      keys,
      clock,
      hasher: systemHasher,
      given: [
        {
          secret: "given-key",
          principal: { id: "given", tenant: "default", scopes: ["read"], isFleet: false },
        },
      ],
    }),
    clock,
    metrics: () => metrics.text(),
    readiness: () => (aos.kernel.stats().storeIsDown ? { ok: false, reasons: ["the store fails"] } : { ok: true, reasons: [] }),
    info: { version: "0.0.0-test", node: "local" },
    backups: new Backups(aos.backup),
    transfers: aos.transfers,
    diagnose: () => diagnose(aos),
    webhooks: new Map(Object.entries(webhooks)),
    testClock: aos.testClock,
  };
}
