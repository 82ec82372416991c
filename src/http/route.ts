import type { IncomingMessage, ServerResponse } from "node:http";
import type { AosErrorCode, Output } from "../kernel/index.ts";
import type { WireSchema } from "../protocol/index.ts";
import type { Caller } from "./guard.ts";
import type { HttpLimits } from "./limits.ts";
import type { LongConnections } from "./long-connections.ts";
import type { HttpLog, HttpScope, HttpSystem } from "./system.ts";

/** What a route's handler may use. */
export interface RouteContext {
  readonly system: HttpSystem;
  readonly limits: HttpLimits;
  readonly log: HttpLog;
  readonly connections: LongConnections;
}

/** One request as a route sees it. */
export interface Call<Q, B> extends Caller, RouteContext {
  /** The variable parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What a route answers; `sent` where it wrote the answer itself. */
export type Answer =
  | "sent"
  | {
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** How one answer of a route is described. */
export interface AnswerDoc {
  readonly description: string;
  readonly schema?: WireSchema | undefined;
  /** `application/json` unless given. */
  readonly type?: string | undefined;
}

/** One row of the table from which routes are registered and described. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** As in OpenAPI: `/api/agents/{type}/{id}:pause`. */
  readonly path: string;
  readonly summary: string;
  /** What a credential needs; left out: no credential is asked for. */
  readonly scope?: HttpScope | undefined;
  readonly query?: WireSchema | undefined;
  readonly body?: WireSchema | undefined;
  /** Whether an empty body stands for `{}`. */
  readonly isBodyOptional?: boolean | undefined;
  /** Media types of the body; JSON unless given. */
  readonly bodyTypes?: Readonly<Record<string, WireSchema>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  readonly errors?: readonly AosErrorCode[] | undefined;
  /** Left out: served past the framework. */
  readonly handle?: ((call: Call<never, never>) => Answer | Promise<Answer>) | undefined;
}

type Parsed<S> = S extends WireSchema ? Output<S> : undefined;

/** Makes a row whose handler sees its query and body as their schemas give them. */
export function route<Q extends WireSchema | undefined = undefined, B extends WireSchema | undefined = undefined>(
  row: Omit<Route, "query" | "body" | "handle"> & {
    readonly query?: Q;
    readonly body?: B;
    readonly handle: (call: Call<Parsed<Q>, Parsed<B>>) => Answer | Promise<Answer>;
  },
): Route {
  return row;
}

/** A plain 200. */
export function ok(body: unknown): Answer {
  return { status: 200, body };
}
