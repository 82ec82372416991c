import { type Logger, pino } from "pino";
import type { Clock } from "../../kernel/index.ts";
import { AosError } from "../../kernel/index.ts";
import type { Log, LogFields, LogLevel } from "./log.ts";
import { prettyLine } from "./pretty-line.ts";

/** How a log is written. */
export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** Takes whole lines, each with its line break. */
  readonly write: (line: string) => void;
  readonly clock: Pick<Clock, "now">;
}

const HIDDEN = "[redacted]";
/** Members whose values are never written, at the top and one and two levels down. */
const SECRETS = ["authorization", "cookie", "apiKey", "api_key", "key", "token", "secret", "password", "connectionString"];
const paths = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
const KEY_TEXT = /\b(?:aos|aosop)_[A-Za-z0-9]+_[A-Za-z0-9_-]{20,}|\bBearer\s+[\x21-\x7e]+/g;

/** Makes a log: one line a call, in JSON or for people. */
export function createLogger(options: LoggerOptions): Log {
  const { format, level, write, clock } = options;
  const logger = pino(
    {
      level,
      base: null,
      redact: { paths, censor: HIDDEN },
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
      serializers: { error: describeError },
    },
    {
      write: (line) => write(format === "json" ? line.replace(KEY_TEXT, HIDDEN) : prettyLine(line.replace(KEY_TEXT, HIDDEN))),
    },
  );
  return wrap(logger);
}

function wrap(logger: Logger): Log {
  const at =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields: LogFields = {}) =>
      logger[level](fields, message);
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => wrap(logger.child(fields)),
  };
}

/** An error as a line carries it: code, message, details, where it came from, and what lies below it. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    name: error.name,
    message: error.message,
    ...(error instanceof AosError ? { code: error.code, details: error.details } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
