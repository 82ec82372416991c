import { parseAddress, DEFAULT_TENANT } from "../address.ts";
import type { Contract } from "../contract/contract.ts";
import { AosError } from "../errors.ts";

/**
 * Refuses a contract whose dependencies lead back to its own type. What a contract demands holds for all agents of
 * its type, so that a circle of types is always a circle of agents: none of them could ever run.
 * @throws AosError DEPENDENCY_INVALID naming the path.
 */
export function checkAcyclic(contract: Contract, known: (type: string) => Contract | undefined): void {
  const path = pathTo(contract.type, typesOf(contract), known, new Set());
  if (path === undefined) return;
  const whole = [contract.type, ...path];
  throw new AosError("DEPENDENCY_INVALID", `type ${contract.type} depends on itself: ${whole.join(" → ")}`, { details: { path: whole } });
}

/** The types that a contract depends on. */
export function typesOf(contract: Contract): readonly string[] {
  return [...new Set((contract.supervise?.dependsOn ?? []).map((to) => parseAddress(to, DEFAULT_TENANT).type))];
}

function pathTo(
  wanted: string,
  from: readonly string[],
  known: (type: string) => Contract | undefined,
  seen: Set<string>,
): readonly string[] | undefined {
  for (const type of from) {
    if (type === wanted) return [type];
    if (seen.has(type)) continue;
    seen.add(type);
    const contract = known(type);
    const rest = contract === undefined ? undefined : pathTo(wanted, typesOf(contract), known, seen);
    if (rest !== undefined) return [type, ...rest];
  }
  return undefined;
}
