import type { LedgerEntry, LedgerRow } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";

interface Stored {
  readonly key: Uint8Array;
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** An entry of a class. */
export async function ledgerGet(db: Connection, cls: string, key: string): Promise<LedgerEntry | undefined> {
  const rows = await db.all<Stored>("SELECT key, version, bytes FROM ledger_entries WHERE class = $1 AND key = $2", blob(cls), blob(key));
  return rows.map(toEntry)[0];
}

/** Entries of a class after a key. */
export async function ledgerList(db: Connection, cls: string, after: string | undefined, limit: number): Promise<readonly LedgerEntry[]> {
  const rows = await db.all<Stored>(
    "SELECT key, version, bytes FROM ledger_entries WHERE class = $1 AND key > $2 ORDER BY key LIMIT $3",
    blob(cls),
    blob(after ?? ""),
    limit,
  );
  return rows.map(toEntry);
}

/** A sum; 0 where there is none. */
export async function ledgerSum(db: Connection, cls: string, key: string): Promise<number> {
  const rows = await db.all<{ readonly value: number }>(
    "SELECT value FROM ledger_sums WHERE class = $1 AND key = $2",
    blob(cls),
    blob(key),
  );
  return rows[0]?.value ?? 0;
}

/** Appended rows of a class after an index. */
export async function ledgerRows(db: Connection, cls: string, after: number, limit: number): Promise<readonly LedgerRow[]> {
  const rows = await db.all<{ readonly idx: number; readonly bytes: Uint8Array }>(
    "SELECT idx, bytes FROM ledger_rows WHERE class = $1 AND idx > $2 ORDER BY idx LIMIT $3",
    blob(cls),
    after,
    limit,
  );
  return rows.map(({ idx, bytes }) => ({ index: idx, bytes: Uint8Array.from(bytes) }));
}

function toEntry({ key, version, bytes }: Stored): LedgerEntry {
  return { key: Buffer.from(key).toString("utf8"), bytes: Uint8Array.from(bytes), version };
}

function blob(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}
