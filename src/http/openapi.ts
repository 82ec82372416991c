import { type AosErrorCode, ERROR_CODES } from "../kernel/index.ts";
import { jsonSchema, Problem, type WireSchema } from "../protocol/index.ts";
import { PROBLEM_TYPE } from "./problems.ts";
import type { AnswerDoc, Route } from "./route.ts";

type Doc = Readonly<Record<string, unknown>>;

const ALWAYS: readonly AosErrorCode[] = ["UNAUTHENTICATED", "FORBIDDEN", "INTERNAL"];

/** Describes routes in OpenAPI 3.1. @see https://spec.openapis.org/oas/v3.1.1 */
export function describeApi(routes: readonly Route[], version: string): Doc {
  const paths: Record<string, Record<string, Doc>> = {};
  for (const row of routes) (paths[row.path] ??= {})[row.method.toLowerCase()] = operation(row);
  return {
    openapi: "3.1.0",
    info: {
      title: "AOS, the Agent Operating System",
      version,
      description: "Register agents once, send them events; what is acknowledged is durable.",
    },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "an API key or token" },
      },
      schemas: { Problem: jsonSchema(Problem, "output") },
    },
  };
}

function operation(row: Route): Doc {
  return {
    operationId: operationId(row),
    summary: row.summary,
    ...(row.scope === undefined ? { security: [] } : { description: `Needs the scope \`${row.scope}\`.` }),
    parameters: [...pathParameters(row), ...queryParameters(row.query), ...headerParameters(row)],
    ...requestBody(row),
    responses: {
      ...Object.fromEntries(Object.entries(row.answers).map(([status, answer]) => [status, response(answer)])),
      ...problems(row),
    },
  };
}

/** `POST /api/agents/{type}/{id}:pause` → `postApiAgentsTypeIdPause`. */
function operationId({ method, path }: Route): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function pathParameters({ path }: Route): readonly Doc[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: WireSchema | undefined): readonly Doc[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(query, "output") as {
    readonly properties?: Readonly<Record<string, Doc>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function headerParameters({ headers = {}, scope }: Route): readonly Doc[] {
  const tenant = scope === undefined ? {} : { "AOS-Tenant": "for fleet operators: the tenant to act in" };
  return Object.entries({ ...headers, ...tenant }).map(([name, description]) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  }));
}

function requestBody({ body, bodyTypes, isBodyOptional }: Route): Doc {
  const types = bodyTypes ?? (body === undefined ? undefined : { "application/json": body });
  if (types === undefined) return {};
  const content = Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema: jsonSchema(schema, "input") }]));
  return { requestBody: { required: isBodyOptional !== true, content } };
}

function response({ description, schema, type = "application/json" }: AnswerDoc): Doc {
  if (schema === undefined && type === "application/json") return { description };
  return {
    description,
    content: { [type]: schema === undefined ? {} : { schema: jsonSchema(schema, "output") } },
  };
}

function problems({ errors = [], scope }: Route): Doc {
  const codes = [...errors, ...(scope === undefined ? [] : ALWAYS)];
  const byStatus = Map.groupBy(codes, (code) => String(ERROR_CODES[code].status));
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      status,
      {
        description: found.map((code) => `\`${code}\`: ${ERROR_CODES[code].meaning}`).join("; "),
        content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}
