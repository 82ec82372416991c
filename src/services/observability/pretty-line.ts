const LEVELS: Readonly<Record<string, string>> = {
  trace: "trace",
  debug: "debug",
  info: "info ",
  warn: "WARN ",
  error: "ERROR",
  fatal: "FATAL",
};

/** Writes a JSON log line for people: time, level, message, then the fields that remain. */
export function prettyLine(line: string): string {
  const { time, level, message, error, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = typeof time === "string" ? time.slice(11, 23) : "";
  const more = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const stack = typeof error === "object" && error !== null ? `\n${indent(describe(error as Record<string, unknown>))}` : "";
  return `${clock} ${LEVELS[String(level)] ?? String(level)} ${typeof message === "string" ? message : ""}${more.join("")}${stack}\n`;
}

function describe(error: Readonly<Record<string, unknown>>): string {
  const { stack, cause, message } = error;
  const below = typeof cause === "object" && cause !== null ? `\ncaused by ${describe(cause as Record<string, unknown>)}` : "";
  return `${[stack, message].find((each) => typeof each === "string") ?? "an error"}${below}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}
