import type { AgentEntry } from "../agents/entry.ts";
import { AosError } from "../errors.ts";
import type { LoadedType } from "../agents/types.ts";

/**
 * A draft of an agent's state, brought to the version of the loaded code by the contract's chained migrations.
 * @throws AosError MIGRATION_FAILED where a migration throws, STATE_TOO_NEW where the state is newer than the code.
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
      "STATE_TOO_NEW",
      `the state of ${entry.address} is at version ${entry.stateVersion}, the code knows ${state.version}; start the newer code, or roll the upgrade back`,
      { details: { stored: entry.stateVersion, known: state.version } },
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

/** The last committed state for queries: a parse of its own, migrated where the code is newer. @throws AosError MIGRATION_FAILED, STATE_TOO_NEW. */
export function readState(type: LoadedType, entry: AgentEntry): unknown {
  return migrateState(type, { state: entry.durableState, stateVersion: entry.durableVersion, address: entry.address });
}

/** The last committed state for people: migrated where that succeeds, else (or where the agent is marked) as it is stored, with its version. */
export function showState(type: LoadedType | undefined, entry: AgentEntry): { readonly state: unknown; readonly version: number } {
  try {
    const isMarked = entry.meta.upgrade?.from === entry.durableVersion && entry.durableVersion !== type?.contract.state.version;
    if (type !== undefined && !isMarked) return { state: readState(type, entry), version: type.contract.state.version };
  } catch {
    // What cannot be brought up to date is shown as it is.
  }
  return { state: JSON.parse(entry.durableState), version: entry.durableVersion };
}
