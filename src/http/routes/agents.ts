import { AosError, formatAddress, type Move, shortAddress } from "../../kernel/index.ts";
import {
  AckAnswer,
  AgentAnswer,
  AgentFilter,
  agentRow,
  AgentsPage,
  JournalPage,
  MailAnswer,
  mailRow,
  MovedAnswer,
  Reason,
  RecordsAnswer,
  recordRow,
  RegisterAgent,
  RegisteredAnswer,
  Selection,
  StateAnswer,
  TypesAnswer,
} from "../../protocol/index.ts";
import { EVERY_TENANT, tenantFilter } from "../guard.ts";
import { type Call, ok, type Route, route } from "../route.ts";

const AGENT = "/api/agents/{type}/{id}";
const MOVES = ["pause", "resume", "kill", "quarantine"] as const satisfies readonly Move[];

const WHAT: Readonly<Record<(typeof MOVES)[number], string>> = {
  pause: "Stop taking mail; what runs may finish",
  resume: "Take mail again",
  kill: "Abort the turn in flight and leave the agent paused; its mail stays",
  quarantine: "Set aside for a human to look at",
};

/** The full address that a path names. */
export function addressOf({ params, tenant }: Pick<Call<unknown, unknown>, "params" | "tenant">): string {
  return formatAddress(params["type"] ?? "", params["id"] ?? "", tenant);
}

/** Routes about agents: what they are, and what operators do with them. */
export const agentRoutes: readonly Route[] = [
  route({
    method: "PUT",
    path: AGENT,
    scope: "operate",
    summary: "Register an agent, once and for ever; where it exists nothing changes",
    body: RegisterAgent,
    isBodyOptional: true,
    answers: {
      200: { description: "it existed", schema: RegisteredAnswer },
      201: { description: "it is new", schema: RegisteredAnswer },
    },
    errors: ["TYPE_UNKNOWN", "ADDRESS_INVALID", "PAYLOAD_INVALID", "AGENT_TERMINATED"],
    handle: async ({ system, params, tenant, body }) => {
      const made = await system.api.register(params["type"] ?? "", {
        id: params["id"] ?? "",
        tenant,
        config: body.config,
        tags: body.tags,
      });
      return {
        status: made.created ? 201 : 200,
        body: { ...made, address: shortAddress(made.address) },
      };
    },
  }),
  route({
    method: "DELETE",
    path: AGENT,
    scope: "operate",
    summary: "End an agent for good; its address stays taken",
    body: Reason,
    isBodyOptional: true,
    answers: { 200: { description: "it is terminated", schema: AgentAnswer } },
    errors: ["AGENT_NOT_FOUND"],
    handle: async (call) => ok(agentRow(await call.system.api.move(addressOf(call), "terminate", by(call, call.body.reason)))),
  }),
  route({
    method: "GET",
    path: "/api/agents",
    scope: "read",
    summary: "List agents",
    query: AgentFilter,
    answers: { 200: { description: "a page of agents", schema: AgentsPage } },
    errors: ["LIMIT_EXCEEDED"],
    handle: async (call) => {
      const { type, state, cursor, limit } = call.query;
      const page = await call.system.api.agents({ tenant: tenantFilter(call), type, state }, { cursor, limit });
      return ok({ items: page.items.map(agentRow), next: page.next });
    },
  }),
  route({
    method: "GET",
    path: AGENT,
    scope: "read",
    summary: "Show an agent",
    answers: { 200: { description: "the agent", schema: AgentAnswer } },
    errors: ["AGENT_NOT_FOUND", "ADDRESS_INVALID"],
    handle: async (call) => ok(agentRow(await call.system.api.agent(addressOf(call)))),
  }),
  route({
    method: "GET",
    path: `${AGENT}/state`,
    scope: "read",
    summary: "Show an agent's last committed state",
    answers: { 200: { description: "the state", schema: StateAnswer } },
    errors: ["AGENT_NOT_FOUND"],
    handle: async (call) => ok(await call.system.api.state(addressOf(call))),
  }),
  route({
    method: "GET",
    path: `${AGENT}/journal`,
    scope: "read",
    summary: "Show an agent's records after a turn, oldest first",
    query: JournalPage,
    answers: { 200: { description: "records", schema: RecordsAnswer } },
    errors: ["AGENT_NOT_FOUND"],
    handle: async (call) =>
      ok({
        items: (await call.system.api.journal(addressOf(call), call.query.after, call.query.limit)).map(recordRow),
      }),
  }),
  route({
    method: "GET",
    path: `${AGENT}/mailbox`,
    scope: "read",
    summary: "List the mail that waits for an agent",
    answers: { 200: { description: "mail", schema: MailAnswer } },
    errors: ["AGENT_NOT_FOUND"],
    handle: async (call) => ok({ items: (await call.system.api.mailbox(addressOf(call))).map(mailRow) }),
  }),
  ...MOVES.flatMap((move) => [moveOne(move), moveMany(move)]),
  route({
    method: "POST",
    path: `${AGENT}:wake`,
    scope: "operate",
    summary: "Wake an agent",
    body: Reason,
    isBodyOptional: true,
    answers: { 202: { description: "the wake is durable", schema: AckAnswer } },
    errors: ["AGENT_NOT_FOUND"],
    handle: async (call) => ({ status: 202, body: await call.system.api.wake(addressOf(call)) }),
  }),
  route({
    method: "GET",
    path: "/api/types",
    scope: "read",
    summary: "List the agent types whose code is loaded",
    answers: { 200: { description: "types", schema: TypesAnswer } },
    handle: ({ system }) => ok({ items: system.api.types() }),
  }),
];

function moveOne(move: (typeof MOVES)[number]): Route {
  return route({
    method: "POST",
    path: `${AGENT}:${move}`,
    scope: "operate",
    summary: WHAT[move],
    body: Reason,
    isBodyOptional: true,
    answers: { 200: { description: "the agent after the move", schema: AgentAnswer } },
    errors: ["AGENT_NOT_FOUND", "LIFECYCLE_ILLEGAL"],
    handle: async (call) => ok(agentRow(await call.system.api.move(addressOf(call), move, by(call, call.body.reason)))),
  });
}

function moveMany(move: (typeof MOVES)[number]): Route {
  return route({
    method: "POST",
    path: `/api/agents:${move}`,
    scope: "operate",
    summary: `${WHAT[move]}: all agents of a selection`,
    body: Selection,
    answers: { 200: { description: "how many made the move", schema: MovedAnswer } },
    errors: ["PAYLOAD_INVALID", "FORBIDDEN"],
    handle: async (call) => {
      const { type, state, restored, reason } = call.body;
      return ok(await call.system.api.moveAll({ tenant: selectedTenant(call), type, state, restored }, move, by(call, reason)));
    },
  });
}

/** A fleet operator who says `all` and names no tenant moves the whole fleet. */
function selectedTenant(
  call: Call<unknown, { readonly tenant?: string | undefined; readonly all?: boolean | undefined }>,
): string | undefined {
  const { tenant, all } = call.body;
  if (tenant !== undefined && tenant !== call.tenant && !call.principal.isFleet)
    throw new AosError("FORBIDDEN", "only a fleet operator may name another tenant");
  if (tenant !== undefined) return tenant;
  const isNamed = call.request.headers["aos-tenant"] !== undefined;
  return call.tenant === EVERY_TENANT || (all === true && call.principal.isFleet && !isNamed) ? undefined : call.tenant;
}

function by(
  call: Pick<Call<unknown, unknown>, "principal">,
  reason: string | undefined,
): { readonly by: string; readonly reason?: string } {
  return { by: call.principal.id, ...(reason === undefined ? {} : { reason }) };
}
