import { type Fault, validate } from "../contract/schema.ts";
import { AosError, toAosError } from "../errors.ts";
import { toJson, utf8Length } from "../json.ts";
import type { LoadedType } from "../agents/types.ts";
import type { MaybePromise } from "../store/store.ts";
import { migrateState } from "../turn/migrate.ts";

/** A stored state, as far as bringing it up to date goes. */
export interface StoredState {
  readonly address: string;
  readonly state: string;
  readonly stateVersion: number;
}

/**
 * The text that a stored state becomes under a type's code: migrated, valid, within the limit. Nothing is changed.
 * @throws AosError STATE_TOO_NEW, MIGRATION_FAILED (with the version it failed from, or the faults of what it made), STATE_TOO_LARGE.
 */
export function upgradedState(type: LoadedType, stored: StoredState, bytesMax: number): MaybePromise<string> {
  const finish = (value: unknown): string => {
    const text = toJson(value, `migrated state of ${stored.address}`);
    if (text.length > bytesMax / 3 && utf8Length(text) > bytesMax)
      throw new AosError("STATE_TOO_LARGE", `the migrated state of ${stored.address} is larger than ${bytesMax} bytes`, {
        retryable: false,
      });
    return text;
  };
  const checked = validate(
    type.contract.state.schema,
    migrateState(type, stored),
    `migrated state of ${stored.address}`,
    "MIGRATION_FAILED",
  );
  return checked instanceof Promise ? checked.then(finish) : finish(checked);
}

/** What is said of a failure, and where in the state it is; without the agent's address, so that like failures read alike. */
export function explainFailure(thrown: unknown): { readonly code: string; readonly message: string; readonly path?: string | undefined } {
  const error = toAosError(thrown, "MIGRATION_FAILED");
  const [fault] = (error.details["faults"] ?? []) as readonly Fault[];
  if (fault !== undefined)
    return { code: error.code, message: fault.message.slice(0, MESSAGE_MAX), path: fault.path === "" ? "/" : fault.path };
  const { cause, details } = error;
  const { from } = details;
  if (typeof from === "number") {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { code: error.code, message: `the migration from version ${from} threw: ${why}`.slice(0, MESSAGE_MAX) };
  }
  if (error.code === "STATE_TOO_NEW")
    return {
      code: error.code,
      message: `stored at version ${String(details["stored"])}, the code knows ${String(details["known"])}`,
    };
  return { code: error.code, message: error.message.slice(0, MESSAGE_MAX) };
}

const MESSAGE_MAX = 500;
