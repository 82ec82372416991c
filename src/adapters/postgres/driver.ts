import { AosError } from "../../kernel/index.ts";
import { decodeText } from "./text.ts";

/** A statement; one with a name is parsed once per connection. */
export interface Statement {
  readonly name?: string | undefined;
  readonly text: string;
  readonly values?: readonly unknown[] | undefined;
}

/** What a statement answered. */
export interface SqlResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly rowCount: number | null;
  readonly command: string;
}

/** What is used of a client of `pg`. */
export interface SqlClient {
  connect(): Promise<unknown>;
  query(statement: { name?: string | undefined; text: string; values?: unknown[] | undefined }): Promise<SqlResult>;
  end(): Promise<void>;
  on(event: "error" | "end", listener: (error?: Error) => void): unknown;
}

/** How a client connects. */
export interface ClientSettings {
  readonly url: string;
  readonly name: string;
  readonly statementTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** Makes a client that is not connected yet. */
export type MakeClient = (settings: ClientSettings) => SqlClient;

const INT8 = 20;
const TEXT = 25;
const ANSWER_GRACE_MS = 2_000;

/**
 * Loads `pg`, an optional peer.
 * @throws AosError CONFIG_INVALID where it is not installed.
 */
export async function loadDriver(load: () => Promise<typeof import("pg")> = async () => import("pg")): Promise<MakeClient> {
  const { default: pg } = await load().catch((thrown: unknown) => {
    throw new AosError("CONFIG_INVALID", "a PostgreSQL store needs the npm package `pg`, which is not installed: run `npm install pg`", {
      cause: thrown,
      details: { package: "pg" },
    });
  });
  const types = {
    getTypeParser: (oid: number, format?: "text" | "binary"): unknown => {
      if (oid === INT8) return Number;
      return oid === TEXT ? decodeText : pg.types.getTypeParser(oid, format);
    },
  };
  return ({ url, name, statementTimeoutMs, connectTimeoutMs }) => {
    const config = {
      connectionString: url,
      application_name: name,
      statement_timeout: statementTimeoutMs,
      // A server that is gone without a word answers nothing at all.
      query_timeout: statementTimeoutMs === 0 ? 0 : statementTimeoutMs + ANSWER_GRACE_MS,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      types,
      pipeline: true,
    };
    return new pg.Client(config);
  };
}
