import { AosError } from "./errors.ts";

/** What a type's name looks like. */
export const TYPE_PATTERN = /^[a-z][a-z0-9-]{0,62}$/;
const ID_PATTERN = /^[A-Za-z0-9._~-]{1,128}$/;
const TENANT_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The tenant of whoever has none of their own. */
export const DEFAULT_TENANT = "default";

/** The parts of an address. */
export interface AddressParts {
  readonly tenant: string;
  readonly type: string;
  readonly id: string;
}

/**
 * Joins and checks the parts of an address: `tenant/type/id`.
 * @throws AosError ADDRESS_INVALID.
 */
export function formatAddress(type: string, id: string, tenant: string = DEFAULT_TENANT): string {
  if (!TYPE_PATTERN.test(type)) invalid(`type "${clip(type)}" is not [a-z][a-z0-9-]{0,62}`);
  if (!ID_PATTERN.test(id)) invalid(`id "${clip(id)}" is not 1–128 of A-Z a-z 0-9 . _ ~ -`);
  if (!TENANT_PATTERN.test(tenant)) invalid(`tenant "${clip(tenant)}" is not [a-z0-9][a-z0-9-]{0,62}`);
  return `${tenant}/${type}/${id}`;
}

/**
 * Reads `type/id` or `tenant/type/id`.
 * @throws AosError ADDRESS_INVALID.
 */
export function parseAddress(text: string, tenant: string = DEFAULT_TENANT): AddressParts {
  const parts = text.split("/");
  if (parts.length < 2 || parts.length > 3) invalid(`"${clip(text)}" is not type/id or tenant/type/id`);
  const [first = "", second = "", third = ""] = parts.length === 3 ? parts : [tenant, ...parts];
  formatAddress(second, third, first);
  return { tenant: first, type: second, id: third };
}

/** The type in a well-formed address. */
export function typeOf(address: string): string {
  const from = address.indexOf("/") + 1;
  return address.slice(from, address.indexOf("/", from));
}

/** The tenant in a well-formed address. */
export function tenantOf(address: string): string {
  return address.slice(0, address.indexOf("/"));
}

/** An address without the default tenant: `type/id`. */
export function shortAddress(address: string): string {
  return address.startsWith(`${DEFAULT_TENANT}/`) ? address.slice(DEFAULT_TENANT.length + 1) : address;
}

const clip = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

function invalid(message: string): never {
  throw new AosError("ADDRESS_INVALID", message);
}

/** Completes an address with a tenant where it names none. @throws AosError ADDRESS_INVALID. */
export function fullAddress(address: string, tenant: string = DEFAULT_TENANT): string {
  const parts = parseAddress(address, tenant);
  return formatAddress(parts.type, parts.id, parts.tenant);
}
