import { AosError } from "../../kernel/index.ts";
import {
  ApplyUpgrade,
  ContractsAnswer,
  RampAnswer,
  rampRow,
  ReplayableAnswer,
  RolledBackAnswer,
  SnapshotFilter,
  SnapshotsPage,
  TurnsFilter,
  UpgradeFilter,
  upgradeRow,
  UpgradesAnswer,
} from "../../protocol/index.ts";
import { tenantFilter } from "../guard.ts";
import { ok, type Route, route } from "../route.ts";
import { addressOf } from "./agents.ts";
import { onlyFleet } from "./upkeep.ts";

const UPGRADE = "/api/upgrades/{type}";

/** Routes for upgrades of agents' states, and for what a plan or a replay of new code reads. */
export const upgradeRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/upgrades",
    scope: "admin",
    summary: "Show how the upgrades of agents' states stand",
    query: UpgradeFilter,
    answers: { 200: { description: "one entry for each loaded type", schema: UpgradesAnswer } },
    errors: ["TYPE_UNKNOWN"],
    handle: async (call) => {
      onlyFleet(call);
      return ok({ items: (await call.system.api.upgradeStatus(call.query.type)).map(upgradeRow) });
    },
  }),
  route({
    method: "POST",
    path: `${UPGRADE}:apply`,
    scope: "admin",
    summary: "Take a type's agents to the version of the loaded code, by stages",
    body: ApplyUpgrade,
    isBodyOptional: true,
    answers: { 202: { description: "it goes on by itself, also after a crash", schema: RampAnswer } },
    errors: ["TYPE_UNKNOWN", "USAGE", "LIFECYCLE_ILLEGAL"],
    handle: async (call) => {
      onlyFleet(call);
      const { ramp, stopAt, soakMs } = call.body;
      return { status: 202, body: rampRow(await call.system.api.applyUpgrade(typeNamed(call.params), { stages: ramp, stopAt, soakMs })) };
    },
  }),
  route({
    method: "POST",
    path: `${UPGRADE}:rollback`,
    scope: "admin",
    summary: "Put a type's agents back to the states before their last migration",
    answers: { 200: { description: "how many, and what it undid", schema: RolledBackAnswer } },
    errors: ["TYPE_UNKNOWN"],
    handle: async (call) => {
      onlyFleet(call);
      return ok(await call.system.api.rollbackUpgrade(typeNamed(call.params)));
    },
  }),
  route({
    method: "GET",
    path: "/api/upgrades/snapshots",
    scope: "admin",
    summary: "Copy stored agents out with their queued mail and last turns, for a plan of an upgrade",
    query: SnapshotFilter,
    answers: { 200: { description: "a page of agents", schema: SnapshotsPage } },
    handle: async (call) => ok(await call.system.api.snapshots({ ...call.query, tenant: tenantFilter(call) })),
  }),
  route({
    method: "GET",
    path: "/api/upgrades/contracts",
    scope: "read",
    summary: "Show the contracts that agents were loaded with last",
    answers: { 200: { description: "contracts of all types that have agents", schema: ContractsAnswer } },
    handle: async ({ system }) => ok({ items: await system.api.storedContracts() }),
  }),
  route({
    method: "GET",
    path: "/api/agents/{type}/{id}/replayable",
    scope: "read",
    summary: "Copy an agent's journal out with what it takes to run its turns again",
    query: TurnsFilter,
    answers: { 200: { description: "the state before the first turn, and the turns", schema: ReplayableAnswer } },
    errors: ["AGENT_NOT_FOUND", "NOT_FOUND"],
    handle: async (call) => {
      const address = addressOf(call);
      const found = await call.system.api.replayable(address, call.query.turns);
      if (found === undefined) throw new AosError("NOT_FOUND", `the journal of ${address} holds no turn whose state before it is known`);
      return ok(found);
    },
  }),
];

function typeNamed(params: Readonly<Record<string, string>>): string {
  return params["type"] ?? "";
}
