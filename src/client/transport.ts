import { problemError, readProblem } from "./problem.ts";

/** How to reach a system. */
export interface ClientOptions {
  /** Its address, such as `http://127.0.0.1:7117`. */
  readonly url: string;
  /** An API key or token. */
  readonly key?: string | undefined;
  /** For fleet operators: the tenant to act in. */
  readonly tenant?: string | undefined;
  /** Limit of one request in milliseconds, 60,000 unless given; streams have none. */
  readonly timeoutMs?: number | undefined;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

/** One request. */
export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** Overrides the client's own, where an address names its tenant. */
  readonly tenant?: string | undefined;
  /** Absent values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in place of a body; `type` says what it is. */
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined;
  readonly type?: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; 0 for none. */
  readonly timeoutMs?: number;
}

/** Answers of more bytes are not read. */
const ANSWER_BYTES_MAX = 256 * 1_048_576;

const TIMEOUT_MS = 60_000;

/** Sends requests with the credential, and turns every failure into a `ProblemError`. */
export class Transport {
  readonly url: string;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
    if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
      throw problemError("USAGE", 400, `"${options.url}" is not an http:// or https:// URL`);
    }
    this.url = options.url.replace(/\/+$/, "");
  }

  /**
   * Sends a request and reads its JSON answer.
   * @throws ProblemError with the code of the problem document; UNAVAILABLE where nobody answers; TIMEOUT.
   */
  async json<T>(call: Call): Promise<T> {
    return this.read<T>(await this.send(call));
  }

  /** Reads the JSON of a response; undefined where it has none. */
  async read<T>(response: Response): Promise<T> {
    if (Number(response.headers.get("content-length") ?? 0) > ANSWER_BYTES_MAX) {
      throw problemError("LIMIT_EXCEEDED", 422, `the answer of ${this.url} is too large; ask for less`);
    }
    try {
      const text = await response.text();
      const value: T = JSON.parse(text === "" ? "null" : text);
      return value;
    } catch (cause) {
      throw this.#translate(cause, `${this.url} broke off or did not answer in JSON`);
    }
  }

  /**
   * Sends a request and answers with its response, the body unread.
   * @throws ProblemError as `json` does.
   */
  async send(call: Call): Promise<Response> {
    const { key, tenant, timeoutMs = TIMEOUT_MS } = this.#options;
    const headers = new Headers({ accept: "application/json" });
    if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
    const acting = call.tenant ?? tenant;
    if (acting !== undefined) headers.set("aos-tenant", acting);
    if (call.body !== undefined || call.bytes !== undefined) headers.set("content-type", call.type ?? "application/json");
    for (const [name, value] of Object.entries(call.headers ?? {})) {
      if (value !== undefined) headers.set(name, value);
    }
    const limit = call.timeoutMs ?? timeoutMs;
    const signals = [call.signal, limit > 0 ? AbortSignal.timeout(limit) : undefined];
    let response: Response;
    try {
      response = await (this.#options.fetch ?? fetch)(this.#address(call), {
        method: call.method ?? "GET",
        headers,
        ...(call.bytes !== undefined ? { body: call.bytes } : call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        signal: AbortSignal.any(signals.filter((signal) => signal !== undefined)),
      });
    } catch (cause) {
      throw this.#translate(cause, `no answer from ${this.url}`);
    }
    if (!response.ok) throw await readProblem(response);
    return response;
  }

  #address({ path, query = {} }: Call): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, String(value));
    }
    return `${this.url}${path}${search.size === 0 ? "" : `?${search.toString()}`}`;
  }

  #translate(cause: unknown, what: string): Error {
    const name = cause instanceof Error ? cause.name : "";
    if (name === "AbortError" && cause instanceof Error) return cause;
    if (name === "TimeoutError") return problemError("TIMEOUT", 504, `${what} in time`, { cause });
    const reason = reasonOf(cause);
    return problemError("UNAVAILABLE", 503, `${what}${reason === "" ? "" : ` (${reason})`}`, {
      cause,
    });
  }
}

/** `fetch failed` says nothing; the cause below it does. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "";
  const below = cause.cause;
  if (below instanceof Error && "code" in below && typeof below.code === "string") return below.code;
  return below instanceof Error ? below.message : cause.message;
}
