import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import type { Command } from "commander";
import { type Common, dataFolder, findRunning } from "../connection.ts";
import { isDataFolder, readRunFile, tokenMode } from "../data-folder.ts";
import { EXIT } from "../exit-code.ts";
import { problemOf } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { table } from "../table.ts";
import { size } from "../time.ts";

/** What one look found. */
interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

const SPACE_MIN_BYTES = 100 * 1_048_576;
const PRIVATE_MODE = 0o600;

/** Adds `doctor`. */
export function addDoctor(program: Command, io: Io): void {
  program
    .command("doctor")
    .description(
      "Check the data folder, its lock and schema, disk space, the credential, and whether the system runs. Exits with 1 where something is wrong.",
    )
    .action(async (_options: unknown, command: Command) => {
      const common = commonOf(command);
      const findings = await examine(common);
      if (findings.some(({ ok }) => !ok)) io.exitCode = EXIT.failed;
      if (common.json === true) return writeJson(io, findings, true);
      const lines = table(findings, [
        ["CHECK", ({ check }) => check],
        ["", ({ ok }) => (ok ? "ok" : "WRONG")],
        ["FOUND", ({ detail }) => detail],
      ]);
      for (const line of lines) io.out(line);
    });
}

async function examine(common: Common): Promise<readonly Finding[]> {
  const findings = [await configuration()];
  const isLocal = common.url === undefined || common.dir !== undefined;
  const dir = isLocal ? await dataFolder(common).catch(() => undefined) : undefined;
  if (dir !== undefined) findings.push(folder(dir));
  const running = await findRunning(common);
  const isUp = running !== undefined && (await running.isUp());
  if (dir !== undefined && existsSync(dir)) {
    findings.push(space(dir), token(dir, isUp));
    if (isDataFolder(dir)) findings.push(...(isUp ? [owned(dir)] : await stoppedFolder(dir)));
  }
  if (isUp) findings.push(...(await credential(running)));
  const where = running?.url ?? dir ?? "";
  // A stopped folder is in order; an address that was named and does not answer is not.
  findings.push({
    check: "running",
    ok: isUp || common.url === undefined,
    detail: isUp ? `answers at ${where}` : `nothing answers${common.url === undefined ? "; `aos up` starts it" : ` at ${where}`}`,
  });
  return findings;
}

async function configuration(): Promise<Finding> {
  return look("configuration", async () => {
    const { loadSettings } = await import("../../system/index.ts");
    await loadSettings();
    return "valid";
  });
}

function folder(dir: string): Finding {
  if (!existsSync(dir))
    return {
      check: "folder",
      ok: false,
      detail: `there is no ${dir}; \`aos up --dir ${dir}\` makes it`,
    };
  try {
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return { check: "folder", ok: false, detail: `${dir} cannot be written by this user` };
  }
  return {
    check: "folder",
    ok: true,
    detail: isDataFolder(dir) ? dir : `${dir} holds no data yet`,
  };
}

function space(dir: string): Finding {
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  return { check: "disk space", ok: free >= SPACE_MIN_BYTES, detail: `${size(free)} free` };
}

function token(dir: string, isUp: boolean): Finding {
  const mode = tokenMode(dir);
  if (mode === undefined)
    return {
      check: "token",
      ok: !isUp,
      detail: isUp ? "the running system left no operator.token here" : "none; a start makes one",
    };
  const isPrivate = (mode & ~PRIVATE_MODE) === 0;
  return {
    check: "token",
    ok: isPrivate,
    detail: isPrivate ? "operator.token, for this user only" : `operator.token can be read by others: chmod 600 ${dir}/operator.token`,
  };
}

function owned(dir: string): Finding {
  const pid = readRunFile(dir)?.pid;
  return {
    check: "lock",
    ok: true,
    detail: pid === undefined ? "held by the running system" : `held by process ${pid}`,
  };
}

async function stoppedFolder(dir: string): Promise<readonly Finding[]> {
  try {
    const { openStopped } = await import("../../system/index.ts");
    const stopped = await openStopped(dir);
    await stopped.close();
    return [
      { check: "lock", ok: true, detail: "free" },
      { check: "schema", ok: true, detail: "this version reads it" },
    ];
  } catch (thrown) {
    const { code, detail } = problemOf(thrown);
    return [{ check: code === "DATA_LOCKED" ? "lock" : "schema", ok: false, detail }];
  }
}

async function credential(running: NonNullable<Awaited<ReturnType<typeof findRunning>>>): Promise<readonly Finding[]> {
  return [
    await look("credential", async () => {
      await running.agents({ limit: 1 });
      return "accepted";
    }),
  ];
}

async function look(check: string, see: () => Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, detail: await see() };
  } catch (thrown) {
    return { check, ok: false, detail: problemOf(thrown).detail.replaceAll(/\s*\n\s*/g, "; ") };
  }
}
