import type { DedupeRow, MaybePromise, Store } from "./store.ts";

/** A key seen before; `durable` where its mail is still on its way into the store. */
export interface Seen extends DedupeRow {
  readonly durable?: Promise<unknown> | undefined;
}

const FLUSH_AT = 4_096;
const FLUSH_ROWS = 512;

/**
 * The newest dedupe keys, in memory. They are durable in the mail and the journal rows that carry them; here they are
 * found fast, and from here they move into the store's index in sorted batches, since one scattered insert per turn
 * would cost as much as the state itself.
 */
export class DedupeTail {
  readonly #store: Store;
  readonly #tail = new Map<string, Seen>();
  /** Keys whose journal row is written, in its order: these may move. */
  #journaled: { readonly hash: string; readonly journalId: number }[] = [];
  /** How many at the front have moved. */
  #moved = 0;
  #isMoving = false;

  constructor(store: Store) {
    this.#store = store;
  }

  find(hash: string): MaybePromise<Seen | undefined> {
    return this.#tail.get(hash) ?? this.#store.dedupe(hash);
  }

  add(row: DedupeRow, durable?: Promise<unknown>): void {
    if (durable === undefined) this.#tail.set(row.hash, row);
    else {
      this.#tail.set(row.hash, { ...row, durable });
      durable.then(
        () => this.#tail.has(row.hash) && this.#tail.set(row.hash, row),
        () => undefined,
      );
    }
  }

  remove(hash: string): void {
    this.#tail.delete(hash);
  }

  /** Notes that a journal row carries the key. */
  journaled(hash: string, journalId: number): void {
    this.#journaled.push({ hash, journalId });
  }

  /**
   * A batch to move into the store; undefined while there is little, or one is on its way. Call `done` when it is
   * there, or `failed`.
   */
  batch(): { readonly rows: readonly DedupeRow[]; readonly upTo: number; readonly done: () => void; readonly failed: () => void } | undefined {
    const waiting = this.#journaled.length - this.#moved;
    if (this.#isMoving || waiting < FLUSH_AT) return undefined;
    this.#isMoving = true;
    // Keys of one journal row move together, so that the mark between moved and not moved lies between rows.
    let end = Math.min(this.#journaled.length, this.#moved + Math.max(FLUSH_ROWS, waiting - FLUSH_AT));
    while (end < this.#journaled.length && this.#journaled[end]?.journalId === this.#journaled[end - 1]?.journalId) end++;
    const taken = this.#journaled.slice(this.#moved, end);
    const rows = taken
      .flatMap(({ hash }) => this.#tail.get(hash) ?? [])
      .map(({ hash, id, seq, digest, at }) => ({ hash, id, seq, digest, at }))
      .toSorted((left, right) => (left.hash < right.hash ? -1 : 1));
    return {
      rows,
      upTo: taken.at(-1)?.journalId ?? 0,
      done: () => {
        this.#isMoving = false;
        this.#moved = end;
        for (const { hash } of taken) this.#tail.delete(hash);
        if (this.#moved < FLUSH_AT) return;
        this.#journaled = this.#journaled.slice(this.#moved);
        this.#moved = 0;
      },
      failed: () => {
        this.#isMoving = false;
      },
    };
  }
}
