/** Upgrades a fleet by stages, in a process that is killed. Prints `ready`, then `done` once every agent was reached. */
import { AgentOperatingSystem } from "../../../src/index.ts";
import { Aged } from "../../support/aged.ts";

const [dir = ""] = process.argv.slice(2);
const aos = await AgentOperatingSystem.boot({ dir, upgrade: { mode: "held" } });
await aos.load(Aged);
const [before] = await aos.kernel.upgradeStatus("aged");
if (before?.ramp === undefined) await aos.kernel.applyUpgrade("aged", { stages: [30, 60, 100] });
console.log("ready");
while (true) {
  const [status] = await aos.kernel.upgradeStatus("aged");
  if (status?.ramp?.status === "done") break;
  await new Promise((next) => setTimeout(next, 5));
}
console.log("done");
await aos.shutdown();
