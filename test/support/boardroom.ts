/**
 * The boardroom in a process of its own: `node boardroom.ts <folder> [<kill after this many deliveries>]`. Replays the
 * examples, waits until each is decided on, and prints every decision's desk, event type and evidence as JSON.
 */
import { AgentOperatingSystem } from "aosjs";
import { setTimeout as pause } from "node:timers/promises";
import { onFirstBoot, register, webhooks } from "../../examples/boardroom/agents.ts";

/** One recorded decision on deliveries. */
interface Recorded {
  readonly desk: string;
  readonly deliveries: readonly string[];
}

const POLL_MS = 20;
const PAGE = 1_000;
const DELIVERIES = 329;

async function play(dir: string, killAt: number): Promise<readonly Recorded[]> {
  await using aos = await AgentOperatingSystem.boot({ dir });
  await aos.loadAll(register.map(({ agent }) => agent));
  for (const { agent, id } of register) await aos.register(agent, id);
  let accepted = 0;
  const deliver: Parameters<typeof onFirstBoot>[0]["deliver"] = async (_webhook, headers, body) => {
    const { target, ...arrival } = webhooks.github({ headers, body });
    await aos.kernel.accept({ ...arrival, target: `default/${target}`, kind: "event" });
    if (++accepted === killAt) process.kill(process.pid, "SIGKILL");
  };
  await onFirstBoot({ deliver, signal: AbortSignal.timeout(60_000), log: () => undefined });
  for (;;) {
    const recorded = await decisions(aos);
    if (recorded.flatMap(({ deliveries }) => deliveries).length >= DELIVERIES) return recorded;
    await pause(POLL_MS);
  }
}

async function decisions(aos: AgentOperatingSystem): Promise<readonly Recorded[]> {
  const found: Recorded[] = [];
  for (const { agent, id } of register) {
    const { type } = agent.contract;
    const turns = await aos.kernel.journal(`default/${type}/${id}`, 0, PAGE);
    for (const { choice, evidence } of turns.flatMap((turn) => turn.decisions)) {
      const desk = choice.startsWith("ignored: ") ? "ignored" : type;
      if (evidence !== undefined) found.push({ desk, deliveries: evidence });
    }
  }
  return found;
}

const [dir = "", killAt = "0"] = process.argv.slice(2);
console.log(JSON.stringify(await play(dir, Number(killAt))));
