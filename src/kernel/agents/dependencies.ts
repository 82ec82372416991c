import { formatAddress, parseAddress } from "../address.ts";
import type { Directory } from "./directory.ts";
import type { AgentEntry } from "./entry.ts";
import type { LoadedType, TypeRegistry } from "./types.ts";

/** Whether everything that an agent depends on can run; where not, its mail waits. */
export function canRun(entry: AgentEntry, type: LoadedType, directory: Directory, types: TypeRegistry): boolean {
  const { dependsOn = [] } = type.contract.supervise ?? {};
  return dependsOn.every((to) => {
    const { tenant, type: of, id } = parseAddress(to, entry.tenant);
    const found = directory.get(formatAddress(of, id, tenant));
    return found !== undefined && !(found instanceof Promise) && found.status === "initialized" && types.get(found.type) !== undefined;
  });
}
