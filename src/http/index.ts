/**
 * The HTTP face: a server over a running system. In: requests, streams of events, webhooks. Out: acknowledgements once they are durable, the
 * system's views, server-sent events, and problem documents for everything that goes wrong. It never holds state of its own, never decides what a
 * credential may do beyond its scopes and tenant, and never acknowledges what the kernel has not.
 */
export { createServer, type HttpServer, type HttpServerOptions } from "./server.ts";
export { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
export { describeApi } from "./openapi.ts";
export type {
  HttpAuthenticator,
  HttpLog,
  HttpPrincipal,
  HttpScope,
  HttpSystem,
  HttpWebhook,
  HttpWebhookArrival,
  HttpWebhookRequest,
} from "./system.ts";
export { serve, serveOver, type Served, type ServeOptions } from "./serve.ts";
