/** The processes that the benchmarks start. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A child that said that it is ready. */
export interface Child {
  readonly process: ChildProcess;
  /** The JSON of its first line. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** When it was started, epoch ms. */
  readonly startedAt: number;
  /** Ends it and waits until it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a Node process and waits for its first line of JSON. */
export async function startChild(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Child> {
  const startedAt = Date.now();
  const child = spawn(process.execPath, [...args], { cwd: root, stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("close", (code) => reject(new Error(`${args.join(" ")} ended with ${code} before it was ready`)));
  });
  return {
    process: child,
    ready: JSON.parse(line) as Readonly<Record<string, unknown>>,
    startedAt,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await ended;
    },
  };
}

/** A served system with the bench's agents, from the built `dist`. */
export function startServer(dir: string, agents = "bench/agents.ts"): Promise<Child> {
  return startChild(["bin/aos.js", "up", "--dir", dir, "--port", "0", "--agents", agents, "--json"], {
    AOS_API_KEY: "bench-key",
    AOS_LOG_LEVEL: "warn",
  });
}
