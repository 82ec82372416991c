import type { Command } from "commander";
import { notFound } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { table } from "../table.ts";

/** Adds `config explain`. */
export function addConfig(program: Command, io: Io): void {
  program
    .command("config")
    .description("The configuration: defaults, file, environment, options, each over the one before.")
    .command("explain [KEY]")
    .description("Show every key with its value and where that came from; secrets stay hidden.")
    .option("--config <file>", "a configuration file")
    .addHelpText("after", "\nExamples:\n  aos config explain\n  aos config explain http.port")
    .action(async (key: string | undefined, options: { readonly config?: string }, command: Command) => {
      const { loadSettings } = await import("../../system/index.ts");
      const { dir, json } = commonOf(command);
      // AOS_DIR is read with the rest of the environment, so that the answer names it.
      const isGiven = command.parent?.parent?.getOptionValueSource("dir") === "cli";
      const settings = await loadSettings({
        file: options.config,
        runtime: isGiven && dir !== undefined ? { dir } : undefined,
      });
      const all = settings.explain();
      const rows = key === undefined ? all : all.filter((row) => row.key === key);
      if (rows.length === 0) throw notFound(`there is no configuration key ${key}; \`aos config explain\` lists them all`);
      if (json === true) return writeJson(io, rows, true);
      const lines = table(rows, [
        ["KEY", (row) => row.key],
        ["VALUE", ({ text }) => text],
        ["SOURCE", ({ source, from }) => (from === undefined ? source : `${source} ${from}`)],
        ["VARIABLE", ({ env }) => env],
        ["MEANING", ({ description }) => description],
      ]);
      for (const line of lines) io.out(line);
    });
}
