/** A supervised system that blocks its event loop for a while and then says that it lives: `node blocked.ts <folder> <enabled> <deadline in ms>`. */
import { AgentOperatingSystem } from "../../src/index.ts";

const BLOCKED_MS = 1_000;
const [dir = "", enabled = "true", deadlineMs = ""] = process.argv.slice(2);
const aos = await AgentOperatingSystem.boot({
  dir,
  isSupervised: true,
  watchdog: { enabled: enabled === "true", deadlineMs: `${deadlineMs}ms` },
});
// Long enough for the watchdog's thread to have started.
await new Promise((resolve) => setTimeout(resolve, 500));
for (const until = performance.now() + BLOCKED_MS; performance.now() < until;);
await aos.shutdown();
console.log("alive");
process.exit(0);
