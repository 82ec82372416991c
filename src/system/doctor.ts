import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { lockedBy, peekSchema, SCHEMA_VERSION } from "../adapters/sqlite/index.ts";
import { AosError, type Finding, finding, isAosError } from "../kernel/index.ts";
import { AgentOperatingSystem } from "./aos.ts";
import { loadSettings } from "./settings.ts";

/** What was looked at, and what was found wrong; nothing where all is well. */
export interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

const DATA = "aos.db";
/** Four times what the store lets its log grow to. */
const LOG_BYTES = 256 << 20;
/** Files that only their owner may read. */
const PRIVATE = ["operator.token", "run.json"];
const PRIVATE_MODE = 0o600;
/** What a start, a backup or a restore that was cut off leaves. */
const LEFT_OVER = /\.(?:partial|new)(?:-journal)?$|^restoring$/;
/** What a running system has not written to for so long is of one before it. */
const IN_USE_MS = 5 * 60_000;
const LISTED_MAX = 20;
const MIB = 1 << 20;

/** Looks at a data folder from outside: what can be seen without opening the database. */
function examineFolder(dir: string, limits: { readonly freeBytesMin: number }, isRunning = false): readonly Finding[] {
  const found: Finding[] = [];
  if (!existsSync(join(dir, DATA)) && !existsSync(join(dir, "restore.json"))) return [finding("DATA_MISSING", [dir])];
  try {
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return [finding("FOLDER_NOT_WRITABLE", [dir])];
  }
  if (existsSync(join(dir, "restore.json")))
    return [finding("RESTORE_UNFINISHED", [], `aos restore ${markedFile(dir)} --dir ${dir} --replace`, 1)];
  const left = readdirSync(dir)
    .filter((name) => LEFT_OVER.test(name) && !(isRunning && isInUse(join(dir, name))))
    .slice(0, LISTED_MAX);
  if (left.length > 0) found.push(finding("FILES_LEFT_OVER", left, `rm -r ${left.map((name) => join(dir, name)).join(" ")}`));
  const open = PRIVATE.filter((name) => ((statSync(join(dir, name), { throwIfNoEntry: false })?.mode ?? 0) & 0o777 & ~PRIVATE_MODE) !== 0);
  if (open.length > 0) found.push(finding("PERMISSIONS_OPEN", open, `chmod 600 ${open.map((name) => join(dir, name)).join(" ")}`));
  const log = statSync(join(dir, `${DATA}-wal`), { throwIfNoEntry: false })?.size ?? 0;
  if (log > LOG_BYTES) found.push(finding("LOG_TOO_LONG", [`${Math.round(log / MIB)} MiB`]));
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  if (free < limits.freeBytesMin) found.push(finding("DISK_NEARLY_FULL", [`${Math.round(free / MIB)} MiB are free`]));
  return found;
}

/** A running system may be writing to it. */
function isInUse(path: string): boolean {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < IN_USE_MS;
}

/** Examines a running system and its folder. */
export async function diagnose(aos: AgentOperatingSystem): Promise<Diagnosis> {
  const { settings } = aos;
  const outside = settings.get("store") === "sqlite" ? examineFolder(settings.get("dir"), limitsOf(settings), true) : [];
  return diagnosis([...outside, ...(await aos.kernel.examine())], settings.get("dir"), process.pid);
}

/**
 * Examines a data folder that no process serves; a system that owns it and does not answer is a finding too.
 * @throws AosError where the folder cannot be looked at for a reason that is no finding.
 */
export async function diagnoseStopped(
  dir: string,
  shouldMend = false,
): Promise<Diagnosis & { readonly mended?: Readonly<Record<string, number>> }> {
  let settings: Awaited<ReturnType<typeof loadSettings>>;
  try {
    settings = await loadSettings({ runtime: { dir } });
  } catch (thrown) {
    if (!isAosError(thrown, "CONFIG_INVALID")) throw thrown;
    return diagnosis([finding("CONFIG_INVALID", [thrown.message.replaceAll(/\s*\n\s*/g, "; ")])], dir);
  }
  const outside = examineFolder(dir, limitsOf(settings));
  if (outside.some(({ code }) => ["DATA_MISSING", "FOLDER_NOT_WRITABLE", "RESTORE_UNFINISHED"].includes(code)))
    return diagnosis(outside, dir);
  const owner = await lockedBy(dir);
  if (owner !== undefined)
    return diagnosis([...outside, finding("SYSTEM_UNREACHABLE", [`process ${owner.pid ?? "unknown"}`])], dir, owner.pid);
  const inside = await examineInside(dir, shouldMend);
  return { ...diagnosis([...outside, ...inside.findings], dir), ...(inside.mended === undefined ? {} : { mended: inside.mended }) };
}

async function examineInside(
  dir: string,
  shouldMend: boolean,
): Promise<{ readonly findings: readonly Finding[]; readonly mended?: Readonly<Record<string, number>> }> {
  try {
    const version = peekSchema(join(dir, DATA));
    if (version > SCHEMA_VERSION) return { findings: [finding("SCHEMA_NEWER", [`version ${version}, this AOS knows ${SCHEMA_VERSION}`])] };
    if (version > 0 && version < SCHEMA_VERSION)
      return { findings: [finding("SCHEMA_OLDER", [`version ${version} of ${SCHEMA_VERSION}`])] };
    await using aos = await AgentOperatingSystem.boot({ dir, isDormant: true });
    const mended = shouldMend ? await aos.kernel.mend() : undefined;
    return { findings: await aos.kernel.examine(), ...(mended === undefined ? {} : { mended }) };
  } catch (thrown) {
    if (!isAosError(thrown, "STORE_FAILED") || !isCorrupt(thrown)) throw thrown;
    return { findings: [finding("DATABASE_CORRUPT", [thrown.message])] };
  }
}

/** SQLite's "malformed" and "not a database". */
function isCorrupt({ details }: AosError): boolean {
  const { errcode } = details;
  return typeof errcode === "number" && [11, 26].includes(errcode & 0xff);
}

function limitsOf(settings: Awaited<ReturnType<typeof loadSettings>>): { readonly freeBytesMin: number } {
  return { freeBytesMin: settings.get("disk.freeBytesMin") };
}

/** The kernel knows neither its folder nor its process: its commands leave words in capitals for them. */
function diagnosis(findings: readonly Finding[], dir: string, pid?: number): Diagnosis {
  const named = (mend: string): string => mend.replaceAll(/\b(?:DIR|PID)\b/g, (word) => (word === "DIR" ? dir : String(pid ?? word)));
  return { healthy: findings.length === 0, findings: findings.map((found) => ({ ...found, mend: named(found.mend) })) };
}

function markedFile(dir: string): string {
  try {
    const { file }: { readonly file?: unknown } = JSON.parse(readFileSync(join(dir, "restore.json"), "utf8"));
    return typeof file === "string" ? file : "BACKUP";
  } catch {
    return "BACKUP";
  }
}
