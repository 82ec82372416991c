import { z } from "zod";
import { type AosError, ERROR_CODES } from "../kernel/index.ts";

/** An error as it goes over the wire. @see RFC 9457 */
export const Problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(ERROR_CODES) as [string, ...string[]]),
    retryable: z.boolean(),
    instance: z.string().optional(),
    faults: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .describe("A problem document (RFC 9457) with a stable code");

/** A problem document; the error's details stand beside its own members. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly instance?: string | undefined;
  readonly [detail: string]: unknown;
}

/** Writes an error as a problem document. */
export function problemOf(error: AosError, instance?: string): ProblemDocument {
  const { code, message, status, retryable, details } = error;
  const own = {
    type: `urn:aos:error:${code}`,
    title: ERROR_CODES[code].meaning,
    status,
    detail: message,
    code,
    retryable,
  };
  return { ...details, ...own, ...(instance === undefined ? {} : { instance }) };
}

const RETRY_AFTER_SECONDS = 1;

/** Seconds after which a refused call is worth another try; undefined where it is none. */
export function retryAfterSeconds(error: AosError): number | undefined {
  if (error.status !== 429 && error.status !== 503) return undefined;
  const ms = error.details["retryAfterMs"];
  return typeof ms === "number" && ms > 0 ? Math.ceil(ms / 1_000) : RETRY_AFTER_SECONDS;
}
