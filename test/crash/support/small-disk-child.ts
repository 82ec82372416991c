/** Backs a system up to a file system of its own that is too small: `small-disk-child.ts FOLDER DATA`. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentOperatingSystem, restore } from "../../../src/system/index.ts";

const [folder = "", data = ""] = process.argv.slice(2);

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (thrown: unknown) => (thrown instanceof Error && "code" in thrown ? String(thrown.code) : String(thrown)),
  );
}

await using aos = await AgentOperatingSystem.boot({ dir: data });
const whole = `${data}.aos`;
await aos.backup(whole, { replace: true });
const backup = await codeOf(aos.backup(join(folder, "one.aos")));
const left = readdirSync(folder);
const restored = await codeOf(restore(whole, join(folder, "restored")));
const leftByRestore = readdirSync(folder);
// Not even the first page fits.
writeFileSync(join(folder, "ballast"), Buffer.alloc(64 << 10));
try {
  for (;;) writeFileSync(join(folder, "ballast"), Buffer.alloc(64 << 10), { flag: "a" });
} catch {
  // The disk is full now.
}
const onFull = await codeOf(aos.backup(join(folder, "two.aos")));
rmSync(join(folder, "ballast"));
console.log(
  JSON.stringify({ backup, left, restored, leftByRestore, onFull, leftOnFull: readdirSync(folder), agents: (await aos.agents()).length }),
);
