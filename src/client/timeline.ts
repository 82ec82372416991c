import type { Transport } from "./transport.ts";

/** A state as a turn left it. */
export interface PastState {
  readonly state: unknown;
  readonly version: number;
  readonly turn: number;
  readonly at: string;
}

/** What made one state the other: a JSON Patch (RFC 6902) with the old values beside it. */
export interface StateChange {
  readonly agent: string;
  readonly from: number;
  readonly to: number;
  readonly patch: readonly {
    readonly op: "add" | "remove" | "replace";
    readonly path: string;
    readonly value?: unknown;
    readonly was?: unknown;
  }[];
}

/** The history of agents over HTTP; a tenant may stand in an address. Every method throws `ProblemError`. */
export class TimelineClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  stateAt(address: string, turn: number): Promise<PastState> {
    return this.#transport.json(place(address, `/states/${turn}`));
  }

  diff(address: string, from: number, to: number): Promise<StateChange> {
    return this.#transport.json({ ...place(address, "/diff"), query: { from, to } });
  }

  /** Gives an agent the state of an earlier turn, as a new turn. */
  rewind(
    address: string,
    turn: number,
    reason?: string,
  ): Promise<{ readonly agent: string; readonly to: number; readonly from: number; readonly turn: number }> {
    return this.#transport.json({ method: "POST", ...place(address, ":rewind"), body: { turn, reason } });
  }

  /** Makes a new agent of another one's state. */
  fork(
    address: string,
    id: string,
    options: { readonly turn?: number | undefined; readonly start?: boolean | undefined } = {},
  ): Promise<{ readonly agent: string; readonly from: string; readonly turn: number }> {
    return this.#transport.json({ method: "POST", ...place(address, ":fork"), body: { id, ...options } });
  }
}

function place(address: string, rest: string): { readonly path: string; readonly tenant: string | undefined } {
  const parts = address.split("/");
  const [type = "", id = ""] = parts.slice(-2);
  return {
    path: `/api/agents/${encodeURIComponent(type)}/${encodeURIComponent(id)}${rest}`,
    tenant: parts.length > 2 ? parts[0] : undefined,
  };
}
