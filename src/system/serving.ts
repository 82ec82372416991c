import { randomBytes } from "node:crypto";
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AosError, DEFAULT_TENANT, formatAddress, type KernelEvent, parseAddress } from "../kernel/index.ts";
import { ApiKeys, CachedAuthenticator, type GivenCredential, newToken } from "../services/auth/index.ts";
import type { AosSettings } from "../services/config/index.ts";
import { collectKernel, createLogger, type Log, Metrics } from "../services/observability/index.ts";
import { type AgentsFile, loadAgentsFile, type WebhookArrival, type WebhookRequest } from "./agents-file.ts";
import { AgentOperatingSystem, type BootOptions } from "./aos.ts";
import { systemHasher } from "./entropy.ts";
import { loadSettings } from "./settings.ts";
import { verdictPath } from "./watchdog.ts";

/** What a face needs to serve a system: who may call, what is logged and measured, what agents files bring. */
export interface Serving {
  readonly aos: AgentOperatingSystem;
  readonly settings: AosSettings;
  readonly log: Log;
  readonly metrics: () => Promise<string>;
  readonly auth: CachedAuthenticator;
  readonly webhooks: ReadonlyMap<
    string,
    { readonly receive: (request: WebhookRequest) => WebhookArrival; readonly secret?: string | undefined }
  >;
  /** The key made at the first start of a data folder. */
  readonly apiKey?: string | undefined;
  /** Says where the system is reached, for the commands of this machine. */
  readonly announce: (url: string) => void;
  /** Runs what agents files do at their first boot, until it has succeeded once. */
  readonly firstBoot: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What `openServing` is told. */
export interface ServingOptions {
  readonly boot: BootOptions;
  readonly agents: readonly string[];
  readonly write: (line: string) => void;
}

const FIRST_BOOT = "first-boot";
/** Settings whose adapter is not part of this version. */
const UNUSED = ["azure.storageConnectionString", "azure.servicebusConnectionString"] as const;

/**
 * Boots a system with its agents files and all that serving it needs.
 * @throws AosError CONFIG_INVALID, DATA_LOCKED, DATA_TOO_NEW.
 */
export async function openServing({ boot, agents, write }: ServingOptions): Promise<Serving> {
  const { configFile, codeVersion: _version, report: _report, isSupervised = false, ...runtime } = boot;
  const settings = await loadSettings({ runtime, file: configFile });
  const log = createLogger({
    level: settings.get("log.level"),
    format: settings.get("log.format"),
    write,
    clock: { now: () => Date.now() },
  });
  for (const key of UNUSED) {
    if (settings.source(key) !== "default")
      log.warn("a setting is held for an adapter that is not part of this version; nothing uses it", { setting: key });
  }
  const files: AgentsFile[] = [];
  for (const path of agents) files.push(await loadAgentsFile(path));
  const codeVersion =
    process.env["AOS_CODE_VERSION"] ?? (files.length === 0 ? "none" : systemHasher.sha256(files.map(({ digest }) => digest).join()));
  const aos = new AgentOperatingSystem({ ...boot, codeVersion, report: (event) => report(log, event) });
  await aos.initialize();
  const dir = settings.get("store") === "sqlite" ? settings.get("dir") : undefined;
  try {
    if (isSupervised && dir !== undefined) process.send?.({ type: "watchdog", path: verdictPath(dir) });
    await aos.loadAll(files.flatMap((file) => file.agents));
    for (const { agent, id, config } of files.flatMap((file) => file.register)) await aos.register(agent, id, { config });
    const keys = new ApiKeys({ ledger: aos.ledger, clock: { now: () => Date.now() }, hasher: systemHasher, random: randomBytes });
    const given = settings.get("auth.apiKey")?.reveal();
    const isFirst = given === undefined && (await keys.list()).length === 0;
    const apiKey = isFirst ? (await keys.create({ scopes: ["admin"], isFleet: true, note: "made at the first start" })).key : undefined;
    const token = newToken("aosop", randomBytes);
    if (dir !== undefined) writeSecret(join(dir, "operator.token"), token);
    const metrics = new Metrics();
    collectKernel(metrics, () => aos.kernel.stats());
    const stop = new AbortController();
    return {
      aos,
      settings,
      log,
      metrics: () => metrics.text(),
      auth: new CachedAuthenticator({ keys, clock: { now: () => Date.now() }, hasher: systemHasher, given: credentials(given, token) }),
      webhooks: webhooksOf(files, settings),
      apiKey,
      announce: (url) => {
        if (dir !== undefined)
          writeSecret(join(dir, "run.json"), `${JSON.stringify({ url, pid: process.pid, startedAt: new Date().toISOString() })}\n`);
      },
      firstBoot: () => firstBoot(aos, files, log, stop.signal),
      close: async () => {
        stop.abort();
        if (dir !== undefined) for (const name of ["run.json", "operator.token"]) rmSync(join(dir, name), { force: true });
        await aos.shutdown();
      },
    };
  } catch (thrown) {
    await aos.shutdown();
    throw thrown;
  }
}

function credentials(given: string | undefined, token: string): readonly GivenCredential[] {
  const principal = (id: string): GivenCredential["principal"] => ({ id, tenant: DEFAULT_TENANT, scopes: ["admin"], isFleet: true });
  const operator: GivenCredential = { secret: token, principal: principal("operator") };
  return given === undefined ? [operator] : [operator, { secret: given, principal: principal("api-key") }];
}

/** Written beside and moved into place, so that nobody ever reads half of it or under other rights. */
function writeSecret(path: string, text: string): void {
  const beside = `${path}.new`;
  writeFileSync(beside, text, { mode: 0o600 });
  chmodSync(beside, 0o600);
  renameSync(beside, path);
}

function webhooksOf(files: readonly AgentsFile[], settings: AosSettings): Serving["webhooks"] {
  const found = new Map<string, { readonly receive: (request: WebhookRequest) => WebhookArrival; readonly secret?: string | undefined }>();
  for (const { webhooks, path } of files) {
    for (const [name, receive] of Object.entries(webhooks)) {
      if (found.has(name))
        throw new AosError("CONFIG_INVALID", `agents file ${path}: webhook ${name} exists already`, { details: { path, webhook: name } });
      found.set(name, { receive, secret: name === "github" ? settings.get("github.webhookSecret")?.reveal() : undefined });
    }
  }
  return found;
}

async function firstBoot(aos: AgentOperatingSystem, files: readonly AgentsFile[], log: Log, signal: AbortSignal): Promise<void> {
  for (const file of files) {
    const { onFirstBoot } = file;
    if (onFirstBoot === undefined) continue;
    const key = systemHasher.sha256(file.path).slice(0, 32);
    if ((await aos.ledger.get(FIRST_BOOT, key)) !== undefined) continue;
    await onFirstBoot({
      signal,
      log: (message) => log.info(message),
      deliver: async (name, headers, body) => {
        const webhook = file.webhooks[name];
        if (webhook === undefined) throw new AosError("NOT_FOUND", `agents file ${file.path} has no webhook ${name}`);
        const { target, ...arrival } = webhook({ headers, body });
        const { tenant, type, id } = parseAddress(target);
        return aos.kernel.accept({ ...arrival, target: formatAddress(type, id, tenant), kind: "event" });
      },
    });
    if (signal.aborted) return;
    await aos.ledger.apply([{ op: "put", class: FIRST_BOOT, key, bytes: Buffer.from("done") }]);
  }
}

function report(log: Log, event: KernelEvent): void {
  const { event: name, ...fields } = event;
  switch (name) {
    case "store.failed":
      log.error("the store failed; nothing is acknowledged until it recovers", fields);
      return;
    case "turn.failed":
    case "turn.aborted":
    case "agent.quarantined":
    case "upgrade.failed":
    case "upgrade.stopped":
    case "effect.in-doubt":
    case "chain.cut":
    case "restart.wanted":
      log.warn(name, fields);
      return;
    case "store.recovered":
    case "agent.moved":
    case "budget.spent":
    case "breaker":
      log.info(name, fields);
  }
}
