import { text } from "node:stream/consumers";
import { EXIT, type ExitCode } from "./exit-code.ts";

/** What a command reads and writes: data on stdout, all else on stderr. */
export interface Io {
  readonly isTty: boolean;
  /** Epoch ms. */
  readonly now: number;
  /** Aborts when the user asks to stop. */
  readonly signal: AbortSignal;
  /** Set by a command that ended well but has bad news. */
  exitCode: ExitCode;
  /** Writes a line of data. */
  out(line: string): void;
  /** Writes a line for people. */
  note(line: string): void;
  /** Reads stdin to its end. */
  read(): Promise<string>;
}

/** The process's own streams. A reader that goes away, as `head` does, ends the process in silence. */
export function processIo(): Io {
  const stop = new AbortController();
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(EXIT.done);
      throw error;
    });
  }
  return {
    isTty: process.stdout.isTTY,
    now: Date.now(),
    get signal() {
      if (process.listenerCount("SIGINT") === 0) {
        process.once("SIGINT", () => stop.abort());
        process.once("SIGTERM", () => stop.abort());
      }
      return stop.signal;
    },
    exitCode: EXIT.done,
    out: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
    read: () => text(process.stdin),
  };
}

/** Writes a value as JSON: for people over several lines, for programs on one. */
export function writeJson(io: Io, value: unknown, isCompact = !io.isTty): void {
  io.out(JSON.stringify(value ?? null, undefined, isCompact ? undefined : 2));
}
