import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

/** Cells that the main thread and the watchdog share: its beat, and the number of the agent whose code runs. */
const CELLS = { beat: 0, agent: 1 } as const;

/** Where a watchdog leaves its verdict on the process that it ended. */
export function verdictPath(dir: string): string {
  return join(dir, "blocked.json");
}

/** Takes the verdict on the last process: the number of the agent that blocked it, if it was one. */
export function takeVerdict(dir: string): number | undefined {
  const path = verdictPath(dir);
  if (!existsSync(path)) return undefined;
  const verdict = JSON.parse(readFileSync(path, "utf8")) as { readonly agent?: unknown };
  rmSync(path);
  return typeof verdict.agent === "number" && verdict.agent > 0 ? verdict.agent : undefined;
}

/**
 * Watches the event loop from a thread of its own. A loop that shows no beat for a deadline is beyond help: the watchdog
 * writes down whose code ran and ends the process, which its launcher starts again.
 */
export class Watchdog {
  readonly #cells = new Int32Array(new SharedArrayBuffer(8));
  readonly #beat: NodeJS.Timeout;
  readonly #worker: Worker;

  constructor(dir: string, deadlineMs: number) {
    this.#worker = new Worker(WATCH, {
      eval: true,
      workerData: { cells: this.#cells, path: verdictPath(dir), deadlineMs, pid: process.pid },
      execArgv: [],
    });
    this.#worker.unref();
    this.#beat = setInterval(() => Atomics.add(this.#cells, CELLS.beat, 1), deadlineMs / 4);
    this.#beat.unref();
  }

  /** Notes whose code runs; 0 for none. */
  readonly watch = (agent: number): void => {
    this.#cells[CELLS.agent] = agent;
  };

  async stop(): Promise<void> {
    clearInterval(this.#beat);
    await this.#worker.terminate();
  }
}

/** The watchdog's own code: it must not need anything that the blocked thread would have to load. */
const WATCH = `
const { workerData } = require("node:worker_threads");
const { writeFileSync } = require("node:fs");
const { cells, path, deadlineMs, pid } = workerData;
const nap = new Int32Array(new SharedArrayBuffer(4));
let beat = Atomics.load(cells, 0);
let silentMs = 0;
for (;;) {
  Atomics.wait(nap, 0, 0, deadlineMs / 4);
  const now = Atomics.load(cells, 0);
  silentMs = now === beat ? silentMs + deadlineMs / 4 : 0;
  beat = now;
  if (silentMs < deadlineMs * 1.25) continue;
  writeFileSync(path, JSON.stringify({ agent: Atomics.load(cells, 1), silentMs, at: new Date().toISOString() }));
  process.kill(pid, "SIGKILL");
}
`;
