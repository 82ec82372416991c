import type { IncomingMessage } from "node:http";
import { AosError, formatAddress, parseAddress } from "../kernel/index.ts";
import type { HttpAuthenticator, HttpPrincipal, HttpScope } from "./system.ts";

/** Stands for every tenant in `AOS-Tenant`, where a list is asked for. */
export const EVERY_TENANT = "*";

/** Who calls, and in which tenant. */
export interface Caller {
  readonly principal: HttpPrincipal;
  /** A tenant's name, or `*` for a fleet operator who asks for all. */
  readonly tenant: string;
}

/**
 * Tells who calls and checks that they may.
 * @throws AosError UNAUTHENTICATED, FORBIDDEN.
 */
export function admit(auth: HttpAuthenticator, request: IncomingMessage, scope: HttpScope): Caller | Promise<Caller> {
  const principal = auth.authenticate(request.headers.authorization);
  return principal instanceof Promise ? principal.then((late) => allow(late, request, scope)) : allow(principal, request, scope);
}

function allow(principal: HttpPrincipal, request: IncomingMessage, scope: HttpScope): Caller {
  if (!principal.scopes.includes(scope) && !principal.scopes.includes("admin")) {
    throw new AosError("FORBIDDEN", `this needs the scope ${scope}, which the credential does not have`, { details: { scope } });
  }
  const named = request.headers["aos-tenant"];
  if (named === undefined || named === principal.tenant) return { principal, tenant: principal.tenant };
  if (!principal.isFleet || typeof named !== "string") {
    throw new AosError("FORBIDDEN", "only a fleet operator may name another tenant");
  }
  // Refuses what is no tenant's name: a list would be empty, and look as if there were nobody.
  if (named !== EVERY_TENANT) formatAddress("any", "any", named);
  return { principal, tenant: named };
}

/**
 * The full address of what a caller names: `type/id`, or `tenant/type/id` where the tenant is their own or they are a fleet operator.
 * @throws AosError ADDRESS_INVALID, FORBIDDEN.
 */
export function addressFor(caller: Caller, named: string): string {
  const parts = parseAddress(named, caller.tenant);
  if (parts.tenant !== caller.tenant && !caller.principal.isFleet) {
    throw new AosError("FORBIDDEN", "only a fleet operator may name another tenant");
  }
  return formatAddress(parts.type, parts.id, parts.tenant);
}

/** The tenant that a list is limited to; undefined for all. */
export function tenantFilter(caller: Caller): string | undefined {
  return caller.tenant === EVERY_TENANT ? undefined : caller.tenant;
}

/** Whether a caller may see what belongs to an address as lists show it. */
export function maySee(caller: Caller, address: string): boolean {
  return caller.principal.isFleet || parseAddress(address).tenant === caller.tenant;
}

const HOST_NAME = /^(?:localhost|[a-z0-9-]+\.localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i;
const KNOWN_MAX = 64;

/** Whether an address is of this machine alone. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:localhost$|::1$|127\.|::ffff:127\.)/.test(address);
}

/**
 * Refuses requests that reach a loopback server under another name: a page elsewhere may have bent a name of its own to this machine.
 * @see DNS rebinding
 */
export class HostGuard {
  readonly #isOn: boolean;
  readonly #known = new Set<string>();

  constructor(host: string) {
    this.#isOn = isLoopback(host);
  }

  /** @throws AosError FORBIDDEN. */
  check(request: IncomingMessage): void {
    const host = request.headers.host ?? "";
    if (!this.#isOn || this.#known.has(host)) return;
    if (!HOST_NAME.test(host))
      throw new AosError("FORBIDDEN", "this server answers to the names of this machine only; the Host header names another");
    if (this.#known.size < KNOWN_MAX) this.#known.add(host);
  }
}
