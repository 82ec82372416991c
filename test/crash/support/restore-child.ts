/** Takes backups of a data folder, works in it, or restores one, until it is killed: `backup DIR FOLDER`, `load DIR` or `restore FILE DIR [replace]`. */
import { Grow, Probe } from "../../support/probe.ts";
import { AgentOperatingSystem, restore } from "../../../src/system/index.ts";

const [verb, from = "", to = "", replace] = process.argv.slice(2);

process.stdout.write("begun\n");
if (verb === "backup") {
  await using aos = await AgentOperatingSystem.boot({ dir: from });
  for (let at = 0; ; at++) await aos.backup(`${to}/${at}.aos`);
} else if (verb === "load") {
  const aos = await AgentOperatingSystem.boot({ dir: from });
  await aos.load(Probe);
  for (let at = 0; ; at++)
    await Promise.all(Array.from({ length: 32 }, (_, n) => aos.emit(Grow, { length: at % 50 }, { to: `probe/p${n}` })));
} else {
  await restore(from, to, { replace: replace !== undefined });
}
