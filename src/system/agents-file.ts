import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { AosError, formatAddress, type LoadableAgent, parseAddress } from "../kernel/index.ts";

const WEBHOOK_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** What arrives at a webhook. */
export interface WebhookRequest {
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** The secret of this webhook, where the configuration has one. */
  readonly secret?: string | undefined;
}

/** What a webhook makes of a request: mail for one agent. */
export interface WebhookArrival {
  /** `type/id`. */
  readonly target: string;
  readonly name: string;
  readonly data: unknown;
  readonly source: string;
  /** Deduplicates deliveries of the webhook, whichever agent gets them. */
  readonly key: string;
  readonly subject?: string | undefined;
}

/** Turns a request into mail. @throws AosError WEBHOOK_SIGNATURE, BODY_INVALID, USAGE. */
export type Webhook = (request: WebhookRequest) => WebhookArrival;

/** What `onFirstBoot` may do. */
export interface FirstBoot {
  /** Delivers a request to a webhook as if it had arrived over HTTP; resolves once durable. */
  readonly deliver: (
    webhook: string,
    headers: Readonly<Record<string, string | undefined>>,
    body: Uint8Array,
  ) => Promise<{ readonly id: string; readonly duplicate: boolean }>;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}

/** An agents file as loaded. */
export interface AgentsFile {
  readonly path: string;
  readonly digest: string;
  readonly agents: readonly LoadableAgent[];
  readonly register: readonly { readonly agent: LoadableAgent; readonly id: string; readonly config?: unknown }[];
  readonly webhooks: Readonly<Record<string, Webhook>>;
  readonly onFirstBoot?: ((boot: FirstBoot) => Promise<void>) | undefined;
}

/**
 * Loads an agents file or package: every export that is an agent type, and `register`, `webhooks`, `onFirstBoot`.
 * @throws AosError CONFIG_INVALID naming the file and what is wrong with it.
 */
export async function loadAgentsFile(given: string): Promise<AgentsFile> {
  const path = locate(given);
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (thrown) {
    if (thrown instanceof AosError) throw thrown;
    throw new AosError(
      "CONFIG_INVALID",
      `agents file ${path} cannot be loaded: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      { cause: thrown, details: { path } },
    );
  }
  const agents = [...new Set(Object.values(module).filter(isAgent))];
  const register = readRegister(path, module["register"]);
  for (const [at, { agent, config }] of register.entries()) {
    const checked = await agent.contract.config?.["~standard"].validate(config ?? {});
    const [issue] = checked?.issues ?? [];
    if (issue !== undefined) throw faulty(path, `register [${at}].config is invalid: ${issue.message}`);
  }
  const all = [...new Set([...agents, ...register.map(({ agent }) => agent)])];
  if (all.length === 0) throw new AosError("CONFIG_INVALID", `agents file ${path} exports no agent type`, { details: { path } });
  const { onFirstBoot } = module;
  if (onFirstBoot !== undefined && typeof onFirstBoot !== "function") throw faulty(path, "onFirstBoot is not a function");
  return {
    path,
    digest: createHash("sha256").update(readFileSync(path)).digest("hex"),
    agents: all,
    register,
    webhooks: readWebhooks(path, module["webhooks"]),
    onFirstBoot: typeof onFirstBoot === "function" ? (onFirstBoot as AgentsFile["onFirstBoot"]) : undefined,
  };
}

function locate(given: string): string {
  const path = isAbsolute(given) ? given : resolve(given);
  if (existsSync(path) && statSync(path).isFile()) return path;
  try {
    return createRequire(resolve("package.json")).resolve(given);
  } catch {
    throw new AosError("CONFIG_INVALID", `there is no agents file or package ${given}`, { details: { path } });
  }
}

function isAgent(value: unknown): value is LoadableAgent {
  return (
    typeof value === "function" &&
    "contract" in value &&
    typeof value.contract === "object" &&
    value.contract !== null &&
    "type" in value.contract
  );
}

function readRegister(path: string, value: unknown): AgentsFile["register"] {
  if (value === undefined) return [];
  const refuse = (why: string): never => {
    throw faulty(path, `register ${why}`);
  };
  if (!Array.isArray(value)) return refuse("is not a list of { agent, id }");
  return value.map((entry: unknown, at) => {
    const { agent, id, config } = (entry ?? {}) as { agent?: unknown; id?: unknown; config?: unknown };
    if (!isAgent(agent)) return refuse(`[${at}].agent is not an agent type`);
    if (typeof id !== "string") return refuse(`[${at}].id is not a text`);
    // Before anybody is registered: a file is registered whole or not at all.
    checkAddress(path, at, agent.contract.type, id);
    return { agent, id, config };
  });
}

function checkAddress(path: string, at: number, type: string, id: string): void {
  try {
    parseAddress(formatAddress(type, id));
  } catch (thrown) {
    throw faulty(path, `register [${at}]: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
  }
}

function readWebhooks(path: string, value: unknown): AgentsFile["webhooks"] {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw faulty(path, "webhooks is not an object of functions");
  for (const [name, webhook] of Object.entries(value)) {
    if (!WEBHOOK_NAME.test(name))
      throw faulty(path, `webhooks: a name is 1–64 of A-Z a-z 0-9 . _ -, not ${JSON.stringify(name.slice(0, 80))}`);
    if (typeof webhook !== "function") throw faulty(path, `webhooks.${name} is not a function`);
  }
  return value as Readonly<Record<string, Webhook>>;
}

function faulty(path: string, why: string, cause?: unknown): AosError {
  return new AosError("CONFIG_INVALID", `agents file ${path}: ${why}`, { cause, details: { path } });
}
