import {
  DiffAnswer,
  DiffTurns,
  ForkAgent,
  ForkedAnswer,
  PastStateAnswer,
  pastStateRow,
  RewindAgent,
  RewoundAnswer,
} from "../../protocol/index.ts";
import { ok, type Route, route } from "../route.ts";
import { addressOf } from "./agents.ts";

const AGENT = "/api/agents/{type}/{id}";

/** Routes to the history of agents: looked at, compared, gone back to, branched from. */
export const timelineRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: `${AGENT}/states/{turn}`,
    scope: "read",
    summary: "Show an agent's state as a turn left it",
    answers: { 200: { description: "the state", schema: PastStateAnswer } },
    errors: ["AGENT_NOT_FOUND", "TURN_NOT_FOUND", "FOLDED"],
    handle: async (call) => ok(pastStateRow(await call.system.api.timeline.stateAt(addressOf(call), Number(call.params["turn"])))),
  }),
  route({
    method: "GET",
    path: `${AGENT}/diff`,
    scope: "read",
    summary: "Compare an agent's states after two turns",
    query: DiffTurns,
    answers: { 200: { description: "a JSON Patch", schema: DiffAnswer } },
    errors: ["AGENT_NOT_FOUND", "TURN_NOT_FOUND", "FOLDED"],
    handle: async (call) => ok(await call.system.api.timeline.diff(addressOf(call), call.query.from, call.query.to)),
  }),
  route({
    method: "POST",
    path: `${AGENT}:rewind`,
    scope: "operate",
    summary: "Give an agent the state of an earlier turn, as a new turn; mail, timers and effects stay",
    body: RewindAgent,
    answers: { 200: { description: "the new turn", schema: RewoundAnswer } },
    errors: ["AGENT_NOT_FOUND", "TURN_NOT_FOUND", "FOLDED", "AGENT_TERMINATED", "LIFECYCLE_ILLEGAL"],
    handle: async (call) => {
      const { turn, reason } = call.body;
      return ok(await call.system.api.timeline.rewind(addressOf(call), turn, { reason, by: call.principal.id }));
    },
  }),
  route({
    method: "POST",
    path: `${AGENT}:fork`,
    scope: "operate",
    summary: "Make a new agent of an agent's state: paused, without mail, timers and schedules, its effects dry until it is resumed",
    body: ForkAgent,
    answers: { 201: { description: "the new agent", schema: ForkedAnswer } },
    errors: ["AGENT_NOT_FOUND", "TURN_NOT_FOUND", "FOLDED", "AGENT_EXISTS", "ADDRESS_INVALID"],
    handle: async (call) => {
      const { id, turn, start } = call.body;
      return { status: 201, body: await call.system.api.timeline.fork(addressOf(call), id, { turn, start, by: call.principal.id }) };
    },
  }),
];
