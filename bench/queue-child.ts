/** W4: accepts mail for agents whose code is not loaded, so that it all waits, says so, and waits to be killed. */
import { AgentOperatingSystem } from "aosjs";

const [dir = "", count = "0", agents = "1"] = process.argv.slice(2);
const aos = await AgentOperatingSystem.boot({ dir });
const accepted: Promise<unknown>[] = [];
for (let n = 0; n < Number(count); n++) {
  const event = { type: "bench.tick", data: { n }, id: `w4-${n}`, source: "bench", to: `counter/a${n % Number(agents)}` };
  accepted.push(aos.processEvent(event));
}
await Promise.all(accepted);
console.log(JSON.stringify({ queued: accepted.length }));
setInterval(() => undefined, 1_000);
