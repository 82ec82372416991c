import type { DatabaseSync, StatementSync } from "node:sqlite";
import { first } from "./query.ts";

/** Named facts of the whole system. */
export class FactsTable {
  readonly #put: StatementSync;
  readonly #get: StatementSync;

  constructor(db: DatabaseSync) {
    this.#put = db.prepare("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    this.#get = db.prepare("SELECT value FROM facts WHERE name = ?");
  }

  put(name: string, value: string): void {
    this.#put.run(name, value);
  }

  get(name: string): string | undefined {
    return first<{ readonly value: string }>(this.#get, name)?.value;
  }

  /** A fact that is a number; 0 where it is absent. */
  number(name: string): number {
    const value = Number(this.get(name) ?? 0);
    return Number.isFinite(value) ? value : 0;
  }
}
