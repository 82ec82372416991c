/** A small checkout in a temporary folder: the real scripts, launcher and settings around a product of a few lines. */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["bin", "scripts", "package.json", "package-lock.json", ".npmrc", "tsconfig.json", "tsconfig.build.json"];

/** A temporary folder that is removed when disposed. */
export class Checkout implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "aos-checkout-"));

  /** Copies the tooling; `isInstalled` borrows this repository's packages. */
  constructor({ isInstalled }: { readonly isInstalled: boolean }) {
    for (const name of COPIED) {
      cpSync(join(ROOT, name), join(this.path, name), { recursive: true });
    }
    if (isInstalled) symlinkSync(join(ROOT, "node_modules"), join(this.path, "node_modules"));
  }

  /** Writes a file, with the folders it lies in; returns its path. */
  write(name: string, content: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** How a process ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a process whose output can be read. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
}

/** Waits for a process to end. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const end = new Promise<Pick<Ended, "code" | "signal">>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve({ code, signal });
    });
  });
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
  return { ...(await end), stdout, stderr };
}

async function read(stream: Readable | null): Promise<string> {
  return stream === null ? "" : text(stream);
}

/** Runs a process to its end. */
export function run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  return ended(start(command, args, options));
}
