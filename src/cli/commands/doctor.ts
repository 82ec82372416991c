import type { Command } from "commander";
import { type Diagnosis, ProblemError } from "../../client/index.ts";
import { type Common, dataFolder, findRunning } from "../connection.ts";
import { EXIT } from "../exit-code.ts";
import { problemOf } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";
import { table } from "../table.ts";

interface Examined extends Diagnosis {
  /** Where was looked: an address or a folder. */
  readonly place: string;
  readonly mended?: Readonly<Record<string, number>> | undefined;
}

/** Adds `doctor`. */
export function addDoctor(program: Command, io: Io): void {
  program
    .command("doctor")
    .description(
      "Look for what is wrong with a running system or a stopped data folder: each fault with its code and the command that mends it. Exits with 1 where there is one.",
    )
    .option("--mend", "first drop mail, effects and subscriptions that belong to nobody")
    .addHelpText("after", "\nThe codes are a table in docs/operations.md.\n\nExamples:\n  aos doctor\n  aos doctor --json --dir .aos")
    .action(async ({ mend = false }: { readonly mend?: boolean }, command: Command) => {
      const common = commonOf(command);
      const { place, healthy, findings, mended } = await examine(common, mend);
      if (!healthy) io.exitCode = EXIT.failed;
      if (common.json === true) return writeJson(io, { place, healthy, findings, ...(mended === undefined ? {} : { mended }) }, true);
      if (mended !== undefined)
        io.out(
          `dropped: ${Object.entries(mended)
            .map(([name, count]) => `${count} ${name}`)
            .join(", ")}`,
        );
      if (healthy) return io.out(`${place}: nothing is wrong`);
      const lines = table(findings, [
        ["CODE", ({ code }) => code],
        ["FOUND", ({ detail }) => detail],
        ["MEND", (found) => found.mend],
      ]);
      for (const line of lines) io.out(line);
    });
}

async function examine(common: Common, mend: boolean): Promise<Examined> {
  const running = await findRunning(common);
  if (running !== undefined && (common.url !== undefined || (await running.isUp()))) {
    try {
      const mended = mend ? await running.upkeep.mend() : undefined;
      return { place: running.url, ...(await running.upkeep.diagnose()), mended };
    } catch (thrown) {
      const { code, detail } = problemOf(thrown);
      if (!(thrown instanceof ProblemError) || !["UNAUTHENTICATED", "FORBIDDEN"].includes(code)) throw thrown;
      return { place: running.url, healthy: false, findings: [refused(detail)] };
    }
  }
  const dir = await dataFolder(common).catch(() => ".aos");
  const { diagnoseStopped } = await import("../../system/index.ts");
  return { place: dir, ...(await diagnoseStopped(dir, mend)) };
}

function refused(detail: string): Diagnosis["findings"][number] {
  return { code: "CREDENTIAL_REFUSED", detail, mend: "aos doctor --api-key KEY", count: 1 };
}
