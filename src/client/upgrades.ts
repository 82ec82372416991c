import type { Call, Transport } from "./transport.ts";

/** How an upgrade by stages stands. */
export interface UpgradeRamp {
  readonly type: string;
  readonly to: number;
  readonly revision: string;
  readonly status: "running" | "stopped" | "done";
  readonly stages: readonly number[];
  readonly stage: number;
  readonly migrated: number;
  readonly failed: number;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly why?: string | undefined;
}

/** How the agents of a type stand. */
export interface TypeUpgrade {
  readonly type: string;
  readonly version: number;
  readonly revision: string;
  readonly versions: Readonly<Record<string, number>>;
  readonly marked: number;
  readonly examples: readonly { readonly agent: string; readonly status: string; readonly message: string }[];
  readonly ramp?: UpgradeRamp | undefined;
}

/** Upgrades of agents' states over HTTP. */
export class UpgradesClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async status(type?: string): Promise<readonly TypeUpgrade[]> {
    const { items } = await this.#transport.json<{ readonly items: readonly TypeUpgrade[] }>({ path: "/api/upgrades", query: { type } });
    return items;
  }

  /** Begins an upgrade; it goes on by itself. */
  apply(
    type: string,
    options: {
      readonly ramp?: readonly number[] | undefined;
      readonly stopAt?: number | string | undefined;
      readonly soakMs?: number | undefined;
    },
  ): Promise<UpgradeRamp> {
    return this.#transport.json({ method: "POST", path: `/api/upgrades/${encodeURIComponent(type)}:apply`, body: options });
  }

  rollback(type: string): Promise<{ readonly rolledBack: number; readonly skipped: number; readonly turnsUndone: number }> {
    return this.#transport.json({ method: "POST", path: `/api/upgrades/${encodeURIComponent(type)}:rollback`, timeoutMs: 0 });
  }

  /** A page of stored agents, as the system tells them. */
  snapshots(query: NonNullable<Call["query"]>): Promise<{ readonly items: readonly unknown[]; readonly next?: string | undefined }> {
    return this.#transport.json({ path: "/api/upgrades/snapshots", query, timeoutMs: 0 });
  }

  async contracts(): Promise<readonly { readonly name: string; readonly contract: unknown }[]> {
    return (
      await this.#transport.json<{ readonly items: readonly { readonly name: string; readonly contract: unknown }[] }>({
        path: "/api/upgrades/contracts",
      })
    ).items;
  }

  /** An agent's journal with what it takes to run its turns again; a tenant may stand in the address. */
  replayable(address: string, turns?: number): Promise<{ readonly header: unknown; readonly turns: readonly unknown[] }> {
    const parts = address.split("/");
    const [type = "", id = ""] = parts.slice(-2);
    return this.#transport.json({
      path: `/api/agents/${encodeURIComponent(type)}/${encodeURIComponent(id)}/replayable`,
      tenant: parts.length > 2 ? parts[0] : undefined,
      query: { turns },
    });
  }
}
