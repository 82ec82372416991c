import { AosError, formatAddress, parseAddress } from "../../kernel/index.ts";
import { AnyJson, ExportAgent, ImportChoice, ImportedAnswer, ReleaseAgent, ReleasedAnswer } from "../../protocol/index.ts";
import { readBody } from "../body.ts";
import { ok, type Route, route } from "../route.ts";
import { addressOf } from "./agents.ts";

const AGENT = "/api/agents/{type}/{id}";
const TYPE = "application/vnd.aos-export";

/** Routes that take agents out of the system and into it. */
export const transferRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: `${AGENT}:export`,
    scope: "admin",
    summary: "Export an agent with all that it owns, signed; by move it is paused, and terminated by `:release` only",
    body: ExportAgent,
    isBodyOptional: true,
    answers: { 200: { description: "the file of the format aos-export/1", type: TYPE, schema: AnyJson } },
    errors: ["AGENT_NOT_FOUND", "AGENT_TERMINATED", "LIFECYCLE_ILLEGAL", "EXPORT_TOO_LARGE"],
    handle: async (call) => {
      const { text } = await call.system.transfers.export(addressOf(call), { isMove: call.body.move, by: call.principal.id });
      return { status: 200, body: text, headers: { "content-type": TYPE } };
    },
  }),
  route({
    method: "POST",
    path: `${AGENT}:release`,
    scope: "admin",
    summary: "Terminate an agent whose export by move is durable; the answer ends the file, which is imported nowhere without it",
    body: ReleaseAgent,
    answers: { 200: { description: "the last line of the file", schema: ReleasedAnswer } },
    errors: ["AGENT_NOT_FOUND", "AGENT_TERMINATED", "EXPORT_INVALID", "EXPORT_UNTRUSTED", "EXPORT_STALE", "LIFECYCLE_ILLEGAL"],
    handle: async (call) => ok({ release: await call.system.transfers.release(addressOf(call), call.body.header, call.principal.id) }),
  }),
  route({
    method: "POST",
    path: "/api/imports",
    scope: "admin",
    summary: "Make a paused agent of an export, all of it or nothing",
    query: ImportChoice,
    bodyTypes: { [TYPE]: AnyJson },
    answers: { 201: { description: "the new agent", schema: ImportedAnswer } },
    errors: [
      "EXPORT_INVALID",
      "EXPORT_TOO_NEW",
      "EXPORT_TOO_LARGE",
      "EXPORT_UNTRUSTED",
      "EXPORT_UNRELEASED",
      "EXPORT_IMPORTED",
      "AGENT_EXISTS",
      "ADDRESS_INVALID",
      "STATE_TOO_LARGE",
    ],
    handle: async (call) => {
      const { tenant, request, response, limits, query } = call;
      const as = query.as === undefined ? undefined : within(query.as, tenant);
      const file = await readBody(request, response, limits.exportBytes, limits.bodyMs);
      const into = { as, tenant, trust: query.trust, by: call.principal.id };
      return { status: 201, body: await call.system.transfers.import(file, into) };
    },
  }),
];

/** An address of the caller's own tenant. */
function within(given: string, tenant: string): string {
  const parts = parseAddress(given, tenant);
  if (parts.tenant !== tenant) throw new AosError("FORBIDDEN", `${given} is not of tenant ${tenant}; a fleet operator passes AOS-Tenant`);
  return formatAddress(parts.type, parts.id, tenant);
}
