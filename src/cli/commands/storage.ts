import type { Command } from "commander";
import type { StorageReport } from "../../client/index.ts";
import { read } from "../connection.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { table } from "../table.ts";
import { relative, size } from "../time.ts";

/** Adds `df`. */
export function addStorage(program: Command, io: Io): void {
  program
    .command("df")
    .description("Show what the data folder holds by class, what bounds it, how it grows and when the disk is full; of a stopped one too.")
    .addHelpText("after", "\nExamples:\n  aos df\n  aos df --json --dir .aos")
    .action(async (_options: unknown, command: Command) => {
      const common = commonOf(command);
      const report = await read(common, (reader) => reader.upkeep.storage());
      if (common.json === true) return writeJson(io, report, true);
      const rows = [
        ...report.classes.toSorted((left, right) => right.bytes - left.bytes),
        { name: "total", bytes: report.bytes, limit: "" },
      ];
      for (const line of table(rows, [
        ["CLASS", ({ name }) => name],
        ["SIZE", ({ bytes }) => size(bytes)],
        ["BYTES", ({ bytes }) => bytes],
        ["LIMIT", ({ limit }) => limit],
      ]))
        io.out(line);
      io.out("");
      for (const line of outlook(report, io.now)) io.out(line);
    });
}

/** How it grows and where that leads, in a line each. */
export function outlook({ diskFreeBytes, growth, forecast }: StorageReport, now: number): readonly string[] {
  const disk = diskFreeBytes === undefined ? [] : [`disk      ${size(diskFreeBytes)} free`];
  if (growth === undefined) return [...disk, "growth    not enough history yet: it takes an hour from the first start"];
  const { bytesPerDay, samples, since } = growth;
  const sign = bytesPerDay < 0 ? "-" : "";
  const lines = [...disk, `growth    ${sign}${size(Math.abs(bytesPerDay))} a day, from ${samples} samples since ${relative(since, now)}`];
  if (forecast.journalCapAt !== undefined)
    lines.push(`forecast  the journal reaches its cap ${relative(forecast.journalCapAt, now)}, and grows no more`);
  lines.push(
    `forecast  ${forecast.diskFullAt === undefined ? "the disk does not fill up at this rate" : `the disk is full ${relative(forecast.diskFullAt, now)}`}`,
  );
  return lines;
}
