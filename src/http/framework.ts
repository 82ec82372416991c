import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { AosError, validate } from "../kernel/index.ts";
import { isJsonType, mediaTypeOf, parseJson } from "../protocol/index.ts";
import { readBody } from "./body.ts";
import { admit, type Caller } from "./guard.ts";
import { problemAnswer } from "./problems.ts";
import type { Answer, Call, Route, RouteContext } from "./route.ts";

interface Env {
  readonly Bindings: HttpBindings;
}

/** Nobody: what a route without a credential sees. */
const NOBODY: Caller = {
  principal: { id: "anonymous", tenant: "default", scopes: [], isFleet: false },
  tenant: "default",
};

/** Registers the table's routes with the framework and answers its request listener. */
export function serveRoutes(
  routes: readonly Route[],
  context: RouteContext,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const app = new Hono<Env>();
  const verbs = new Set(routes.map(({ path }) => verbOf(path)?.verb));
  for (const row of routes) {
    const { handle } = row;
    if (handle === undefined) continue;
    const verb = verbOf(row.path);
    app.on(row.method, honoPath(row.path), async (c, next) => {
      // The framework matches whole segments only; `:pause` at the end of one is looked at here.
      const params = readParams(c, row.path, verb, verbs);
      if (params === undefined) return next();
      return write(await handle(await readCall(row, c, params, context)));
    });
  }
  app.notFound((c) => {
    const allow = methodsAt(routes, c.req.path);
    return fail(
      c,
      allow.length === 0 ? new AosError("NOT_FOUND", `there is nothing at ${c.req.path.slice(0, 200)}`) : notAllowed(c.req.method, allow),
      context,
    );
  });
  app.onError((thrown, c) => fail(c, thrown, context));
  return getRequestListener(app.fetch, { overrideGlobalObjects: false });
}

/** @throws AosError METHOD_NOT_ALLOWED where a path is in the table under other methods. */
function notAllowed(method: string, allow: readonly string[]): AosError {
  return new AosError("METHOD_NOT_ALLOWED", `${method} is not possible here; ${allow.join(", ")} is`, {
    details: { allow: allow.join(", ") },
  });
}

async function readCall(
  row: Route,
  c: Context<Env>,
  params: Readonly<Record<string, string>>,
  context: RouteContext,
): Promise<Call<never, never>> {
  const { incoming: request, outgoing: response } = c.env;
  const caller = row.scope === undefined ? NOBODY : await admit(context.system.auth, request, row.scope);
  const query =
    row.query === undefined
      ? undefined
      : await validate(row.query, Object.fromEntries(new URL(c.req.url).searchParams), "the query of the address");
  const body = row.body === undefined ? undefined : await readJson(row, request, response, context);
  return {
    ...context,
    ...caller,
    params,
    query: query as never,
    body: body as never,
    request,
    response,
  };
}

async function readJson(row: Route, request: IncomingMessage, response: ServerResponse, { limits }: RouteContext): Promise<unknown> {
  const mediaType = mediaTypeOf(request.headers["content-type"]);
  const bytes = await readBody(request, response, limits.bodyBytes, limits.bodyMs);
  if (bytes.length === 0 && row.isBodyOptional === true) return validate(row.body ?? never(), {}, "the body");
  if (mediaType !== "" && !isJsonType(mediaType)) {
    throw new AosError("CONTENT_TYPE_UNSUPPORTED", `content type ${mediaType.slice(0, 80)} is not supported; send application/json`);
  }
  return validate(row.body ?? never(), parseJson(bytes, "the body"), "the body");
}

function never(): never {
  throw new AosError("INTERNAL", "a route without a body schema read a body");
}

function write(answer: Answer): Response {
  if (answer === "sent") return RESPONSE_ALREADY_SENT;
  const headers = { "cache-control": "no-store", ...answer.headers };
  if (answer.body === undefined) return new Response(null, { status: answer.status, headers });
  const isRaw = "content-type" in headers;
  return new Response(isRaw ? (answer.body as string) : JSON.stringify(answer.body), {
    status: answer.status,
    headers: { "content-type": "application/json", ...headers },
  });
}

function fail(c: Context<Env>, thrown: unknown, { log }: RouteContext): Response {
  if (c.env.outgoing.headersSent) {
    c.env.outgoing.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  const { status, headers, document } = problemAnswer(thrown, log);
  return new Response(JSON.stringify(document), { status, headers });
}

/** `/api/agents/{type}/{id}:pause` → `/api/agents/:type/:id`. */
function honoPath(path: string): string {
  return path.replace(/\}:[a-z]+$/, "}").replaceAll(/\{(\w+)\}/g, ":$1");
}

/** The verb after the last variable of a path, and that variable. */
function verbOf(path: string): { readonly name: string; readonly verb: string } | undefined {
  const [, name, verb] = /\{(\w+)\}:([a-z]+)$/.exec(path) ?? [];
  return name === undefined || verb === undefined ? undefined : { name, verb };
}

/** The variables of a path; undefined where the path is another route's: `DELETE …/main:pause` does not end an agent called so. */
function readParams(
  c: Context<Env>,
  path: string,
  verb: ReturnType<typeof verbOf>,
  verbs: ReadonlySet<string | undefined>,
): Readonly<Record<string, string>> | undefined {
  const params: Record<string, string> = c.req.param();
  if (verb === undefined) {
    const last = params[/\{(\w+)\}$/.exec(path)?.[1] ?? ""] ?? "";
    return last.includes(":") && verbs.has(last.slice(last.lastIndexOf(":") + 1)) ? undefined : params;
  }
  const last = params[verb.name] ?? "";
  return last.endsWith(`:${verb.verb}`) ? { ...params, [verb.name]: last.slice(0, -verb.verb.length - 1) } : undefined;
}

function methodsAt(routes: readonly Route[], path: string): readonly string[] {
  const found = routes.filter((row) => patternOf(row.path).test(path)).map(({ method }) => method);
  return [...new Set(found)].toSorted();
}

function patternOf(path: string): RegExp {
  const literal = path.split(/\{\w+\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${literal.join("[^/:]+")}$`);
}
