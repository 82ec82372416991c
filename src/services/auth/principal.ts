/** What a credential may do: look, send, steer agents, and everything else. `admin` includes the others. */
export const SCOPES = ["read", "send", "operate", "admin"] as const;

/** One of the scopes. */
export type Scope = (typeof SCOPES)[number];

/** Whoever stands behind a credential. */
export interface Principal {
  /** The credential's public id; part of every lane that it sends on. */
  readonly id: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** Whether it may name another tenant, and act on all. */
  readonly isFleet: boolean;
}
