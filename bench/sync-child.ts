/** Sends events one after another, each awaited; run under strace to count syncs per acknowledgement. */
import { AgentOperatingSystem } from "aosjs";
import { Counter, Tick } from "./agents.ts";

const [dir = "", count = "0"] = process.argv.slice(2);
await using aos = await AgentOperatingSystem.boot({ dir });
await aos.register(Counter, "main");
for (let n = 0; n < Number(count); n++) await aos.emit(Tick, { n }, { to: [Counter, "main"], key: `s${n}` });
