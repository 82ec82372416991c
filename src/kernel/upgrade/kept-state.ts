import type { AgentEntry } from "../agents/entry.ts";
import type { LedgerEntry, LedgerOp } from "../store/ledger.ts";
import type { Commit } from "../store/store.ts";

/** The ledger class of states as they were before their last migration, by agent. */
export const KEPT_CLASS = "upgrade.kept";

/** A state as it was before its last migration. */
export interface KeptState {
  readonly version: number;
  readonly state: string;
  /** The version that it was migrated to. */
  readonly to: number;
  /** The agent's last turn on the old version. */
  readonly turn: number;
  /** When it was migrated, epoch ms. */
  readonly at: number;
}

/** The ledger key of an agent. */
export function keptKey(no: number): string {
  return String(no).padStart(16, "0");
}

/** Keeps an agent's state beside the one that a migration makes of it, in the same commit. */
export function keepOp(entry: AgentEntry, to: number, now: number): LedgerOp {
  const kept: KeptState = { version: entry.stateVersion, state: entry.state, to, turn: entry.turn, at: now };
  return { op: "put", class: KEPT_CLASS, key: keptKey(entry.no), bytes: new TextEncoder().encode(JSON.stringify(kept)) };
}

/** Lets go of what was kept of an agent. */
export function releaseOp(no: number): LedgerOp {
  return { op: "delete", class: KEPT_CLASS, key: keptKey(no) };
}

/** Reads a kept state. */
export function readKept(entry: LedgerEntry): KeptState {
  return JSON.parse(new TextDecoder().decode(entry.bytes)) as KeptState;
}

/** Adds the old state to the commit of the turn that migrates it. */
export function keepBeforeMigration(entry: AgentEntry, to: number, now: number, commit: { ledger?: Commit["ledger"] }): void {
  if (to !== entry.stateVersion) commit.ledger = [...(commit.ledger ?? []), keepOp(entry, to, now)];
}
