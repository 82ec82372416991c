/** Reads states back from the journal alone. */
import type { AgentOperatingSystem } from "../../src/index.ts";
import { applyDelta, isFull, stateBefore } from "../../src/kernel/turn/delta.ts";

const ROWS_MAX = 1_000;

/** Every state that an agent's journal tells of, as JSON text, from its first full copy on. */
export async function readDeltas(aos: AgentOperatingSystem, address: string): Promise<readonly string[]> {
  const listed = await aos.store.agents({ limit: ROWS_MAX });
  const agent = listed.find((row) => row.address === `default/${address}`);
  const states: string[] = [];
  for (const { delta } of await aos.store.journal(agent?.no ?? 0, 0, ROWS_MAX)) {
    const before = delta === undefined || states.length > 0 ? undefined : stateBefore(delta);
    if (before !== undefined) states.push(before);
    if (delta !== undefined && (isFull(delta) || states.length > 0)) {
      states.push(applyDelta(states.at(-1) ?? "", delta));
    }
  }
  return states;
}
