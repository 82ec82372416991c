import { CommanderError } from "commander";
import { faultsOf, type Problem, ProblemError, problemError } from "../client/index.ts";

/** A call that is malformed: it exits with 2. */
export function usageError(message: string): ProblemError {
  return problemError("USAGE", 400, message);
}

/** A thing that is not there: it exits with 3. */
export function notFound(message: string): ProblemError {
  return problemError("NOT_FOUND", 404, message);
}

/** Reads anything thrown as a problem. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return thrown.problem;
  if (thrown instanceof CommanderError) return usageError(plain(thrown.message)).problem;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  // The errors of a system that runs in this process have the same code and status as a problem document.
  if (isOperating(thrown)) {
    const { code, status, retryable, details } = thrown;
    return {
      ...details,
      type: `urn:aos:error:${code}`,
      title: code,
      status,
      code,
      detail: message,
      retryable,
    };
  }
  return problemError("INTERNAL", 500, message || "the command failed", { cause: thrown }).problem;
}

/** One line for people: what happened, and what to do where the code tells. */
export function sentence(problem: Problem): string {
  const faults = faultsOf(problem)
    .filter(({ message }) => !problem.detail.includes(message))
    .map(({ path, message }) => `${path === "" ? "/" : path} ${message}`);
  const what = [problem.detail, ...faults].join("; ").replaceAll(/\s*\n\s*/g, "; ");
  const advice = adviceOn(problem);
  const isSaid = advice === undefined || what.includes(advice);
  return `aos: ${what}${isSaid ? "" : `; ${advice}`}`;
}

function adviceOn({ code, retryAfter, detail }: Problem): string | undefined {
  switch (code) {
    case "UNAUTHENTICATED":
      return "pass --api-key, set AOS_KEY, or name the data folder with --dir";
    case "UNAVAILABLE":
      return detail.includes("aos up") ? undefined : "is it running? `aos doctor` looks, `aos up` starts it";
    case "MAILBOX_FULL":
    case "RATE_LIMITED":
    case "QUEUE_FULL":
      return retryAfter === undefined ? "try again later" : `try again in ${retryAfter} s`;
    case "AGENT_NOT_FOUND":
      return "`aos ps` lists the agents, `aos register` makes one";
    case "TYPE_UNKNOWN":
    case "EVENT_NOT_ACCEPTED":
      return "`aos types` lists what is loaded";
    case "IDEMPOTENCY_CONFLICT":
      return "use another --key for another payload";
    case "USAGE":
      return detail.includes("--help") ? undefined : "`aos --help` shows the commands, `aos COMMAND --help` one of them";
    default:
      return undefined;
  }
}

interface Operating {
  readonly code: string;
  readonly status: number;
  readonly retryable?: boolean;
  readonly details?: object;
}

function isOperating(thrown: unknown): thrown is Operating {
  return (
    thrown instanceof Error &&
    "code" in thrown &&
    typeof thrown.code === "string" &&
    "status" in thrown &&
    typeof thrown.status === "number"
  );
}

/** Commander's messages without their prefix, on one line. */
function plain(message: string): string {
  return message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
}
