/** The processes of a crash test: the oracle, and children that run AOS and die. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { OracleCall } from "./agents.ts";
import type { FromChild, ToChild } from "./child.ts";

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Compiled sources are kept between the hundreds of starts. */
const CACHE = join(tmpdir(), `aos-crash-cache-${process.getuid?.() ?? 0}`);

/** How a child ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The outside world that records effects. */
export class Oracle implements AsyncDisposable {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(file: string): Promise<Oracle> {
    const child = node([script("oracle.ts"), file]);
    const [message] = await once(child, "message");
    return new Oracle(child, message.url);
  }

  /** Every call in order of arrival. */
  async calls(): Promise<readonly OracleCall[]> {
    const call = request(new URL("/log", this.url), { method: "POST" }).end("{}");
    const [answer] = await once(call, "response");
    return (await json(answer)) as readonly OracleCall[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await once(this.#process, "close");
  }
}

/** One life of AOS on a folder. */
export class Child {
  readonly #process: ChildProcess;
  readonly ended: Promise<End>;
  #pid: number | undefined;
  #hasEnded = false;
  errors = "";

  /** `before` is a command that the child is run by, such as strace with its arguments. */
  constructor(args: readonly string[], hear: (message: FromChild) => void, env: NodeJS.ProcessEnv = {}, before: readonly string[] = []) {
    this.#process = node([script("child.ts"), ...args], env, before);
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => (this.errors += text));
    this.#process.on("message", (message: FromChild) => {
      if (message.op === "born") this.#pid = message.pid;
      hear(message);
    });
    // A child that dies while it is spoken to breaks the channel; its end is told anyway.
    this.#process.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.#process.once("exit", () => (this.#hasEnded = true));
      this.#process.once("close", (code, signal) => resolve({ code, signal }));
    });
  }

  say(message: ToChild): void {
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  /** Whether it was killed from here, and not by itself. */
  wasKilled = false;

  kill(): void {
    if (this.#hasEnded) return;
    this.wasKilled = true;
    // What is run by strace would outlive it.
    if (this.#pid === undefined) this.#process.kill("SIGKILL");
    else process.kill(this.#pid, "SIGKILL");
  }
}

/** Runs Node on the sources with a channel to this process. */
function node(args: readonly string[], env: NodeJS.ProcessEnv = {}, before: readonly string[] = []): ChildProcess {
  const [command = process.execPath, ...rest] = [...before, process.execPath, "--conditions=aosjs-source", ...args];
  return spawn(command, rest, {
    env: { ...foreign(), NODE_COMPILE_CACHE: CACHE, ...env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** The environment without what would configure AOS. */
export function foreign(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AOS_")));
}

/** A folder that is gone afterwards. */
export async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "aos-crash-"));
  try {
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
