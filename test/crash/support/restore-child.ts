/** Takes backups of a data folder, or restores one, until it is killed: `backup DIR FOLDER` or `restore FILE DIR [replace]`. */
import { AgentOperatingSystem, restore } from "../../../src/system/index.ts";

const [verb, from = "", to = "", replace] = process.argv.slice(2);

process.stdout.write("begun\n");
if (verb === "backup") {
  await using aos = await AgentOperatingSystem.boot({ dir: from });
  for (let at = 0; ; at++) await aos.backup(`${to}/${at}.aos`);
} else {
  await restore(from, to, { replace: replace !== undefined });
}
