/**
 * What went wrong, as it goes over the wire.
 * @see RFC 9457
 */
export interface Problem {
  /** A code of AOS's error table, such as `AGENT_NOT_FOUND`. */
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly type?: string | undefined;
  readonly retryable?: boolean | undefined;
  /** Seconds to wait before the same call is worth another try. */
  readonly retryAfter?: number | undefined;
  readonly [extension: string]: unknown;
}

/** One fault of an invalid payload. */
export interface ProblemFault {
  /** A JSON Pointer into the payload. */
  readonly path: string;
  readonly message: string;
}

/** A failure of a call: the problem document that the system answered with, or one made here where no answer came. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail, options);
    this.name = "ProblemError";
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }
}

/** Makes a failure that did not come from the system: bad usage, or nobody there to answer. */
export function problemError(
  code: string,
  status: number,
  detail: string,
  options: { readonly details?: object; readonly cause?: unknown } = {},
): ProblemError {
  const { details = {}, cause } = options;
  const problem: Problem = {
    ...details,
    type: `urn:aos:error:${code}`,
    title: code,
    status,
    code,
    detail,
  };
  return new ProblemError(problem, cause === undefined ? undefined : { cause });
}

/** Reads a failed response: its problem document, or its status where the body is none. */
export async function readProblem(response: Response): Promise<ProblemError> {
  const text = await response.text().catch(() => "");
  const body = parse(text);
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const known = isObject(body) ? body : {};
  const title = string(known["title"]) ?? (response.statusText || `HTTP ${response.status}`);
  return new ProblemError({
    ...known,
    code: string(known["code"]) ?? codeOf(response.status),
    status: response.status,
    title,
    detail: string(known["detail"]) ?? (text.slice(0, 500) || title),
    ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
  });
}

/** The faults that a problem lists, wherever it lists them. */
export function faultsOf(problem: Problem): readonly ProblemFault[] {
  const listed = problem["faults"];
  if (!Array.isArray(listed)) return [];
  return listed.filter(isObject).flatMap((fault) => {
    const path = string(fault["path"]);
    const message = string(fault["message"]);
    return path === undefined || message === undefined ? [] : [{ path, message }];
  });
}

/** A proxy between here and the system may answer without a problem document. */
function codeOf(status: number): string {
  if (status === 401) return "UNAUTHENTICATED";
  if (status === 403) return "FORBIDDEN";
  if (status === 404) return "NOT_FOUND";
  if (status === 413) return "BODY_TOO_LARGE";
  if (status === 429) return "RATE_LIMITED";
  if (status === 502 || status === 503 || status === 504) return "UNAVAILABLE";
  return status >= 500 ? "INTERNAL" : "USAGE";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function string(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
