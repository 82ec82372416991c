/** W4: what waits when a process is killed, and how soon the next one has handled it. */
import { readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { AgentOperatingSystem } from "aosjs";
import { Counter } from "./agents.ts";
import { startChild, startServer } from "./children.ts";

const AGENTS = 1_000;
const QUEUED = 10_000;

/** What a recovery gave. */
export interface Recovery {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly lost: number;
  readonly duplicated: number;
}

/** Queues events, kills the process, starts a server on the folder, and counts. */
export async function recover(dir: string): Promise<Recovery> {
  await prepare(dir);
  const queue = await startChild(["--conditions=aosjs-source", "bench/queue-child.ts", dir, String(QUEUED), String(AGENTS)]);
  await queue.stop("SIGKILL");
  const server = await startServer(dir, agentsAsJavaScript(dir));
  await drained(String(server.ready["url"]));
  await server.stop();
  const ids = new Map<string, number>();
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  await using aos = await AgentOperatingSystem.boot({ dir, isDormant: true });
  for (let agent = 0; agent < AGENTS; agent++) {
    for (const record of await aos.kernel.journal(`counter/a${agent}`, 1, 1_000)) {
      if (record.outcome !== "done" || record.cause.eventId === undefined) continue;
      ids.set(record.cause.eventId, (ids.get(record.cause.eventId) ?? 0) + 1);
      first = Math.min(first, record.at);
      last = Math.max(last, record.at);
    }
  }
  const duplicated = [...ids.values()].filter((count) => count > 1).length;
  return { firstMs: first - server.startedAt, lastMs: last - server.startedAt, lost: QUEUED - ids.size, duplicated };
}

/** Agent packages ship JavaScript; stripping types at the start is not what is measured. */
function agentsAsJavaScript(dir: string): string {
  const path = `${dir}-agents.mjs`;
  writeFileSync(path, stripTypeScriptTypes(readFileSync(new URL("./agents.ts", import.meta.url), "utf8")));
  return path;
}

async function prepare(dir: string): Promise<void> {
  await using aos = await AgentOperatingSystem.boot({ dir });
  await aos.load(Counter);
  await aos.kernel.registerMany(
    "counter",
    Array.from({ length: AGENTS }, (_, at) => ({ id: `a${at}` })),
  );
}

async function drained(url: string): Promise<void> {
  while (true) {
    const response = await fetch(`${url}/metrics`, { headers: { authorization: "Bearer bench-key" } });
    const text = await response.text();
    const done = Number(/^aos_turns_total\{outcome="done"\} (\d+)/m.exec(text)?.[1] ?? 0);
    if (done >= QUEUED) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
