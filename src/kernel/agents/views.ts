import { shortAddress } from "../address.ts";
import type { AgentInfo, AgentState, MailInfo } from "../api.ts";
import type { AgentMeta } from "./entry.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { AgentListing, MailRow } from "../store/store.ts";
import type { TypeRegistry } from "./types.ts";
import { markOf } from "../upgrade/upgrades.ts";
import { EXTERNAL } from "../mail/envelope.ts";

/** What an agent's row keeps beside its state. */
export function metaOf(row: { readonly meta?: string | undefined }): AgentMeta {
  return row.meta === undefined ? {} : (JSON.parse(row.meta) as AgentMeta);
}

/** An agent as a process list shows it. `isBusy` says whether it has a turn in flight or mail that is being handled. */
export function agentInfo(row: AgentListing, types: TypeRegistry, isBusy: boolean, node: string): AgentInfo {
  const [tenant = "", type = "", id = ""] = row.address.split("/");
  const meta = metaOf(row);
  const loaded = types.get(type);
  return {
    address: shortAddress(row.address),
    tenant,
    type,
    id,
    state: stateOf(row, loaded !== undefined, isBusy),
    mailbox: row.mailbox,
    parked: row.parked,
    lastTurnAt: row.lastAt === 0 ? undefined : row.lastAt,
    nextWakeAt: row.nextDueAt,
    turn: row.turn,
    revision: loaded?.revision ?? "none",
    node,
    stateVersion: row.stateVersion,
    createdAt: row.createdAt,
    tags: [...(loaded?.contract.tags ?? []), ...(meta.tags ?? [])],
    config: meta.config,
    reason: meta.reason,
    upgrade: loaded === undefined ? undefined : markOf(meta, row.stateVersion, loaded.contract.state.version),
  };
}

function stateOf(row: AgentListing, hasCode: boolean, isBusy: boolean): AgentState {
  if (row.status !== "initialized") return row.status;
  if (!hasCode) return "code-missing";
  return isBusy ? "running" : "sleeping";
}

/** Mail as it is listed. */
export function mailInfo(row: MailRow): MailInfo {
  const envelope = JSON.parse(row.head) as Envelope;
  return {
    id: envelope.id,
    seq: row.seq,
    kind: envelope.kind,
    name: envelope.name,
    from: envelope.sender.startsWith(EXTERNAL) ? envelope.source : shortAddress(envelope.sender),
    priority: row.priority,
    attempts: row.attempts,
    at: envelope.at,
    dueAt: row.dueAt,
    parked: row.parked === undefined ? undefined : (JSON.parse(row.parked) as unknown),
    timer: row.timer,
    chain: envelope.chain,
    depth: envelope.depth,
  };
}
