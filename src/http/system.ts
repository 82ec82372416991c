import type { Finding, Imported, KernelApi } from "../kernel/index.ts";

/** What a credential may do; `admin` includes the others. */
export type HttpScope = "read" | "send" | "operate" | "admin";

/** Whoever stands behind a request. */
export interface HttpPrincipal {
  readonly id: string;
  readonly tenant: string;
  readonly scopes: readonly HttpScope[];
  /** Whether it may pass `AOS-Tenant`. */
  readonly isFleet: boolean;
}

/** Tells who calls; at once where it can. */
export interface HttpAuthenticator {
  /** @throws AosError UNAUTHENTICATED. */
  authenticate(header: string | undefined): HttpPrincipal | Promise<HttpPrincipal>;
}

/** What arrives at a webhook. */
export interface HttpWebhookRequest {
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  readonly secret?: string | undefined;
}

/** Mail for one agent, as a webhook makes it. */
export interface HttpWebhookArrival {
  /** `type/id`. */
  readonly target: string;
  readonly name: string;
  readonly data: unknown;
  readonly source: string;
  readonly key: string;
  readonly subject?: string | undefined;
}

/** A webhook as it is served: without a secret it answers loopback only. */
export interface HttpWebhook {
  /** @throws AosError WEBHOOK_SIGNATURE, BODY_INVALID, USAGE. */
  readonly receive: (request: HttpWebhookRequest) => HttpWebhookArrival;
  readonly secret?: string | undefined;
}

/** Where the server reports what is not an answer to anybody. */
export interface HttpLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Takes backups of the system. */
interface HttpBackups {
  /** How the one stands that was begun last. */
  readonly last: HttpBackupStatus | undefined;
  /** @throws AosError BACKUP_RUNNING, FILE_EXISTS, USAGE. */
  start(file: string, replace: boolean): Promise<HttpBackupStatus>;
}

/** How a backup stands. */
interface HttpBackupStatus {
  readonly file: string;
  readonly state: "running" | "done" | "failed";
}

/** Takes agents out of the system and into it, signed. */
interface HttpTransfers {
  /** @throws AosError AGENT_NOT_FOUND, AGENT_TERMINATED, LIFECYCLE_ILLEGAL, EXPORT_TOO_LARGE. */
  export(address: string, options: { readonly isMove?: boolean | undefined; readonly by: string }): Promise<{ readonly text: string }>;
  /** @throws AosError EXPORT_INVALID, EXPORT_UNTRUSTED, AGENT_TERMINATED, EXPORT_STALE, LIFECYCLE_ILLEGAL. */
  release(address: string, line: string, by: string): Promise<string>;
  /** @throws AosError EXPORT_INVALID and the other codes of an import. */
  import(
    file: Uint8Array,
    into: { readonly as?: string | undefined; readonly tenant: string; readonly trust?: string | undefined; readonly by: string },
  ): Promise<Imported & { readonly signer: string }>;
}

/** The running system as the HTTP face sees it. */
export interface HttpSystem {
  readonly api: KernelApi;
  readonly auth: HttpAuthenticator;
  readonly clock: { now(): number };
  /** Everything in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** Whether it takes work, and why not. */
  readonly readiness: () => { readonly ok: boolean; readonly reasons: readonly string[] };
  readonly info: { readonly version: string; readonly node: string };
  readonly backups: HttpBackups;
  readonly transfers: HttpTransfers;
  /** What is wrong with the system and its data folder. */
  readonly diagnose: () => Promise<{ readonly healthy: boolean; readonly findings: readonly Finding[] }>;
  readonly webhooks: ReadonlyMap<string, HttpWebhook>;
  /** Only where time is injected. */
  readonly testClock?: { advance(ms: number): Promise<number> } | undefined;
}
