import type { AosClient } from "../client/index.ts";

/** What can be read of a system, whether it runs or not. */
export type Reader = Pick<AosClient, "agents" | "agent" | "state" | "journal" | "deadLetters" | "deadLetter"> & {
  readonly upgrades: Pick<AosClient["upgrades"], "replayable">;
  readonly timeline: Pick<AosClient["timeline"], "stateAt" | "diff">;
  readonly upkeep: Pick<AosClient["upkeep"], "storage">;
};
