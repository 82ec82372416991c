import type { Store } from "../store/store.ts";
import type { Slices } from "./slices.ts";

const PAGE = 500;

/**
 * Reads all records once, in their order, and gives the agents whose records do not follow one another, or do not lead to the one that
 * the agent stands at: number to address. Old records that retention dropped are no gap.
 */
export async function journalGaps(store: Store, slices: Slices): Promise<ReadonlyMap<number, string>> {
  const newest = new Map<number, { readonly id: number; readonly turn: number }>();
  const broken = new Map<number, string>();
  let after = 0;
  while (true) {
    const page = await store.journalAfter(after, PAGE);
    for (const { id, prev, agent, turn, address } of page) {
      const before = newest.get(agent);
      // What stands before a gap is gone where retention dropped it meanwhile.
      if (before !== undefined && (prev !== before.id || turn !== before.turn + 1) && (await store.journalById(before.id)) !== undefined)
        broken.set(agent, address);
      newest.set(agent, { id, turn });
    }
    after = page.at(-1)?.id ?? after;
    await slices.pause();
    if (page.length < PAGE) break;
  }
  let cursor: string | undefined;
  while (true) {
    const page = await store.agents({ after: cursor, limit: PAGE });
    for (const { no, head, address } of page) {
      if (head > 0 && (await store.journalById(head)) === undefined && (await store.agentByNo(no))?.head === head) broken.set(no, address);
    }
    cursor = page.at(-1)?.address;
    await slices.pause();
    if (page.length < PAGE) return broken;
  }
}
