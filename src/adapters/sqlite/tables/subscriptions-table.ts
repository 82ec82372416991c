import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SubscriptionRow } from "../../../kernel/index.ts";
import { all } from "./query.ts";

type Stored = Omit<SubscriptionRow, "filter"> & { readonly filter: string | null };

/** Subscriptions. The patterns of a tenant are asked for at each publication, and so kept in memory. */
export class SubscriptionsTable {
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #dropAll: StatementSync;
  readonly #patterns: StatementSync;
  readonly #subscribers: StatementSync;
  readonly #known = new Map<string, readonly string[]>();

  constructor(db: DatabaseSync) {
    this.#put = db.prepare(
      `INSERT INTO subs (tenant, pattern, agent, event, filter) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (tenant, pattern, agent, event) DO UPDATE SET filter = excluded.filter`,
    );
    this.#drop = db.prepare("DELETE FROM subs WHERE agent = ? AND pattern = ?");
    this.#dropAll = db.prepare("DELETE FROM subs WHERE agent = ?");
    this.#patterns = db.prepare("SELECT DISTINCT pattern FROM subs WHERE tenant = ? ORDER BY pattern");
    this.#subscribers = db.prepare(
      "SELECT tenant, pattern, agent, event, filter FROM subs WHERE tenant = ? AND pattern = ? ORDER BY agent, event",
    );
  }

  put(row: SubscriptionRow): void {
    this.#known.clear();
    this.#put.run(row.tenant, row.pattern, row.agent, row.event, row.filter ?? null);
  }

  drop(agent: number, pattern: string | undefined): void {
    this.#known.clear();
    if (pattern === undefined) this.#dropAll.run(agent);
    else this.#drop.run(agent, pattern);
  }

  patterns(tenant: string): readonly string[] {
    const known = this.#known.get(tenant);
    if (known !== undefined) return known;
    const found = all<{ readonly pattern: string }>(this.#patterns, tenant).map(({ pattern }) => pattern);
    this.#known.set(tenant, found);
    return found;
  }

  subscribers(tenant: string, pattern: string): readonly SubscriptionRow[] {
    return all<Stored>(this.#subscribers, tenant, pattern).map((row) => ({
      tenant: row.tenant,
      pattern: row.pattern,
      agent: row.agent,
      event: row.event,
      filter: row.filter ?? undefined,
    }));
  }
}
