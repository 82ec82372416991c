/** One life beside a handler that kills its process: `suicidal-child.ts FOLDER CRASHES_MAX IS_FIRST`; prints what is left, once there is peace. */
import { AgentOperatingSystem } from "aosjs";
import { setTimeout as pause } from "node:timers/promises";
import { Bystander, Die, Killer, Ping, register } from "./suicidal.ts";

const PINGS = 20;
const POLL_MS = 20;
const [dir = "", crashesMax = "", isFirst = ""] = process.argv.slice(2);
await using aos = await AgentOperatingSystem.boot({ dir, "turn.crashesMax": Number(crashesMax) });
await aos.loadAll([Bystander, Killer]);
for (const { agent, id } of register) await aos.register(agent, id);
if (isFirst === "yes") {
  for (let at = 0; at < PINGS; at++) await aos.emit(Ping, { id: `early-${at}` }, { to: [Bystander, "main"] });
  // Later, so that it is durable before it strikes.
  await aos.emit(Die, { how: "kill" }, { to: [Killer, "main"], in: "100ms" });
}
await aos.emit(Ping, { id: "always" }, { to: [Bystander, "main"], key: "always" });
for (;;) {
  const killer = await aos.kernel.agent("killer/main");
  const mail = await aos.kernel.mailbox("bystander/main");
  const waits = await aos.kernel.mailbox("killer/main");
  if ((killer.state === "quarantined" || waits.length === 0) && mail.length === 0 && aos.status().stats.inFlight === 0) {
    const dead = await aos.kernel.deadLetters({});
    const { state } = await aos.kernel.state("bystander/main");
    console.log(
      JSON.stringify({
        killer: killer.state,
        waits: waits.length,
        dead: dead.items.map(({ reason }) => reason),
        seen: state,
      }),
    );
    break;
  }
  await pause(POLL_MS);
}
