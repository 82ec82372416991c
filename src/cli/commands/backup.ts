import { resolve } from "node:path";
import type { Command } from "commander";
import type { BackupManifest } from "../../client/index.ts";
import { type Common, dataFolder, findRunning } from "../connection.ts";
import { isDataFolder } from "../data-folder.ts";
import { notFound } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { size } from "../time.ts";

/** Adds `backup` and `restore`. */
export function addBackup(program: Command, io: Io): void {
  program
    .command("backup <FILE>")
    .description(
      "Copy the whole system to a file, while it runs or of a stopped data folder; it has its name once it is whole and checked.",
    )
    .option("--replace", "replace the file where it exists")
    .addHelpText("after", "\nWith --url the file is on the system's machine.\n\nExample:\n  aos backup backups/monday.aos")
    .action(async (file: string, options: { readonly replace?: boolean }, command: Command) => {
      const common = commonOf(command);
      const manifest = await takeBackup(resolve(file), options.replace === true, common, io);
      if (common.json === true) return writeJson(io, { file: resolve(file), ...manifest }, true);
      io.out(`${resolve(file)}: ${size(manifest.bytes)}, ${manifest.counts["agents"] ?? 0} agents, sha256 ${manifest.sha256}`);
    });

  program
    .command("restore <FILE>")
    .description("Make a data folder of a backup. Its agents are paused until `aos resume --all`.")
    .option("--replace", "replace what the folder holds; the old database stays beside as aos.db.before-restore")
    .addHelpText("after", "\nExample:\n  aos restore backups/monday.aos --dir restored && aos up --dir restored --agents ./my-agents.ts")
    .action(async (file: string, options: { readonly replace?: boolean }, command: Command) => {
      const common = commonOf(command);
      const dir = await dataFolder(common);
      const { restore } = await import("../../system/index.ts");
      const show = progress(io);
      const done = await restore(resolve(file), dir, {
        replace: options.replace === true,
        onProgress: ({ bytesDone, bytesTotal }) => show("restoring", bytesDone, bytesTotal),
      });
      if (common.json === true) return writeJson(io, done, true);
      io.out(`${dir}: ${done.agents} agents of the backup of ${done.backup.at}, as incarnation ${done.incarnation.id}`);
      if (done.paused > 0)
        io.out(`${done.paused} of them are paused: \`aos up --dir ${dir}\` starts the system, \`aos resume --all\` lets them go on`);
    });
}

async function takeBackup(file: string, replace: boolean, common: Common, io: Io): Promise<BackupManifest> {
  const show = progress(io);
  const running = await findRunning(common);
  if (running !== undefined && (common.url !== undefined || (await running.isUp()))) {
    return running.upkeep.backup(file, {
      replace,
      onProgress: (status) => {
        if (status.progress !== undefined) show(status.progress.step, status.progress.pagesDone, status.progress.pagesTotal);
      },
    });
  }
  const dir = await dataFolder(common);
  if (!isDataFolder(dir)) throw notFound(`there is no data folder ${dir} to back up; --dir names another`);
  const { openStopped } = await import("../../system/index.ts");
  const stopped = await openStopped(dir);
  try {
    return await stopped.backup(file, { replace, onProgress: ({ step, pagesDone, pagesTotal }) => show(step, pagesDone, pagesTotal) });
  } finally {
    await stopped.close();
  }
}

/** Says every tenth of the way, to people only. */
function progress(io: Io): (step: string, done: number, total: number) => void {
  let said = "";
  return (step, done, total) => {
    const line = `${step} ${total === 0 ? 0 : Math.floor((done * 10) / total) * 10} %`;
    if (line === said || !io.isTty) return;
    said = line;
    io.note(line);
  };
}
