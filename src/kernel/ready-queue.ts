import type { AgentEntry } from "./agents/entry.ts";

/** Turns that a tenant may take before the next one's turn. */
const QUANTUM = 8;

interface Line {
  readonly entries: AgentEntry[];
  head: number;
  credit: number;
}

/** Agents that have mail, in fair order: deficit round robin over tenants, then first come, first served over agents. */
export class ReadyQueue {
  readonly #lines = new Map<string, Line>();
  /** Tenants that have somebody waiting, in turn. */
  #tenants: string[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(entry: AgentEntry): void {
    let line = this.#lines.get(entry.tenant);
    if (line === undefined) {
      line = { entries: [], head: 0, credit: QUANTUM };
      this.#lines.set(entry.tenant, line);
      this.#tenants.push(entry.tenant);
    }
    line.entries.push(entry);
    this.#size++;
  }

  shift(): AgentEntry | undefined {
    const tenant = this.#tenants[0];
    const line = tenant === undefined ? undefined : this.#lines.get(tenant);
    if (tenant === undefined || line === undefined) return undefined;
    const entry = line.entries[line.head++];
    this.#size--;
    line.credit--;
    if (line.head > 1_024 && line.head * 2 > line.entries.length) {
      line.entries.splice(0, line.head);
      line.head = 0;
    }
    if (line.head >= line.entries.length) {
      this.#lines.delete(tenant);
      this.#tenants.shift();
    } else if (line.credit <= 0) {
      line.credit = QUANTUM;
      this.#tenants.push(this.#tenants.shift() ?? tenant);
    }
    return entry;
  }
}
