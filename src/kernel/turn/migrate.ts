import type { AgentEntry } from "../agents/entry.ts";
import { AosError } from "../errors.ts";
import type { LoadedType } from "../agents/types.ts";

/**
 * A draft of an agent's state, brought to the version of the loaded code by the contract's chained migrations.
 * @throws AosError MIGRATION_FAILED where a migration throws or the state is newer than the code.
 */
export function migrateState(
  type: LoadedType,
  entry: { readonly state: string; readonly stateVersion: number; readonly address: string },
): unknown {
  const { state } = type.contract;
  let draft: unknown = JSON.parse(entry.state);
  if (entry.stateVersion === state.version) return draft;
  if (entry.stateVersion > state.version) {
    throw new AosError(
      "MIGRATION_FAILED",
      `the state of ${entry.address} is at version ${entry.stateVersion}, the code knows ${state.version}`,
      { retryable: false },
    );
  }
  for (let from = entry.stateVersion; from < state.version; from++) {
    try {
      draft = state.migrate[from]?.(draft as never);
    } catch (thrown) {
      throw new AosError("MIGRATION_FAILED", `migrating ${entry.address} from version ${from} threw`, {
        cause: thrown,
        retryable: false,
        details: { from },
      });
    }
  }
  return draft;
}

/** The last committed state for readers: a parse of its own, migrated where the code is newer. */
export function readState(type: LoadedType | undefined, entry: AgentEntry): unknown {
  if (type === undefined) return JSON.parse(entry.durableState);
  return migrateState(type, { state: entry.durableState, stateVersion: entry.durableVersion, address: entry.address });
}
