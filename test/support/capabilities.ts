/** What the system may lack, in one table: each is probed once, and a test that needs it is skipped aloud or, where required, run. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A row of the table as probed here. */
export interface Capability {
  readonly name: CapabilityName;
  readonly purpose: string;
  /** Why it cannot be used here; `null` where it can. */
  readonly missing: string | null;
}

interface Probe {
  readonly purpose: string;
  /** Why it cannot be used, or undefined where it can. */
  readonly probe: () => string | undefined;
}

/** The environment variable that hands one process's probes to the processes it starts. */
export const CAPABILITIES_ENV = "AOS_TEST_CAPABILITIES";

const PROBE_TIMEOUT_MS = 10_000;

const TABLE = {
  strace: {
    purpose: "counting fsyncs per acknowledgement",
    // Present is not permitted: containers often forbid ptrace.
    probe: () => runs("strace", ["-qq", "-e", "trace=none", process.execPath, "-e", ""]),
  },
  bwrap: {
    purpose: "sandboxed tools",
    probe: () => runs("bwrap", ["--ro-bind", "/", "/", "--unshare-net", "true"]),
  },
  tmux: { purpose: "a terminal that outlives its client", probe: () => runs("tmux", ["-V"]) },
  openssl: { purpose: "certificates made on the spot", probe: () => runs("openssl", ["version"]) },
  tmpfs: {
    purpose: "a disk that is really full",
    probe: probeTmpfs,
  },
  chromium: { purpose: "the page in a real browser", probe: probeChromium },
} as const satisfies Record<string, Probe>;

/** The name of something that the system may lack. */
export type CapabilityName = keyof typeof TABLE;

const probed = new Map<string, string | null>(handedDown());

/** The reason to skip a test that needs a capability, or false: for `test(name, { skip: need("strace") }, …)`. */
export function need(name: CapabilityName): string | false {
  // Required and missing: the test runs and fails, which is what the requirement asks for.
  return required().includes(name) ? false : skipReason(name, missing(name));
}

/** The words with which a test is skipped for want of a capability; false where it is there. */
export function skipReason(name: CapabilityName, why: string | null): string | false {
  return why === null ? false : `needs ${name}: ${why}`;
}

/** The names in `AOS_REQUIRE`: capabilities whose absence is a failure. */
export function required(): readonly string[] {
  return (process.env["AOS_REQUIRE"] ?? "").split(",").filter((name) => name !== "");
}

/** Probes the whole table. */
export function probeAll(): readonly Capability[] {
  return Object.keys(TABLE)
    .filter((name) => isName(name))
    .map((name) => ({ name, purpose: TABLE[name].purpose, missing: missing(name) }));
}

/** The arguments before a command that run it with a tmpfs of `megabytes` mounted at `folder`, seen by it alone. */
export function withTmpfs(folder: string, megabytes: number): readonly string[] {
  const mount = `mount -t tmpfs -o size=${megabytes}m tmpfs "$0" && exec "$@"`;
  const asRoot = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  return ["unshare", ...asRoot, "--mount", "sh", "-c", mount, folder];
}

function isName(name: string): name is CapabilityName {
  return Object.hasOwn(TABLE, name);
}

function missing(name: CapabilityName): string | null {
  let why = probed.get(name);
  if (why === undefined) {
    why = TABLE[name].probe() ?? null;
    probed.set(name, why);
  }
  return why;
}

function handedDown(): [string, string | null][] {
  const table: readonly Capability[] = JSON.parse(process.env[CAPABILITIES_ENV] ?? "[]");
  return table.map((row) => [row.name, row.missing]);
}

function runs(command: string, args: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: PROBE_TIMEOUT_MS,
  });
  if (error !== undefined) {
    return "code" in error && error.code === "ENOENT" ? "not installed" : error.message;
  }
  return status === 0 ? undefined : (stderr.trim().split("\n")[0] ?? `exit status ${status}`);
}

function probeTmpfs(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "aos-tmpfs-"));
  try {
    const [command = "", ...args] = withTmpfs(folder, 1);
    return runs(command, [...args, "true"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A browser that came by npm, or one of the system. */
function probeChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  if (folders.some((folder) => names.some((name) => existsSync(join(folder, name))))) return undefined;
  try {
    createRequire(import.meta.url).resolve("@sparticuz/chromium");
    return undefined;
  } catch {
    return "not installed";
  }
}
