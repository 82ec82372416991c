/** Runs the reference workload under strace. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("reference-child.ts", import.meta.url));
const CACHE = join(tmpdir(), `aos-laboratory-cache-${process.getuid?.() ?? 0}`);
const LIFE_MS = 60_000;

/** What a run has said. */
export interface Run {
  readonly acked: readonly number[];
  readonly refused: readonly number[];
  readonly ackedAfterRefusal: boolean;
  readonly errors: string;
}

/** Runs it on a folder to its end, or its death. */
export async function runStraced(dir: string, events: number, options: readonly string[]): Promise<Run> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AOS_")));
  const args = ["-f", "-qqq", ...options, process.execPath, "--conditions=aosjs-source", CHILD, dir, String(events)];
  const child = spawn("strace", args, {
    env: { ...env, NODE_COMPILE_CACHE: CACHE },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIFE_MS,
    killSignal: "SIGTERM",
  });
  const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const lines = said.split("\n");
  const numbers = (word: string): number[] => lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(" ")[1]));
  return { acked: numbers("ack"), refused: numbers("refused"), ackedAfterRefusal: /^refused .*\n(.*\n)*ack /m.test(said), errors };
}
