import type { AgentEntry } from "../agents/entry.ts";
import { KeyFilter } from "./key-filter.ts";
import { KeyTable, type KeyWords, keyWords } from "./key-table.ts";
import { decodeBody } from "../turn/record.ts";
import type { DedupeChunk, DedupeRow, JournalRow, MaybePromise, Store } from "../store/store.ts";

/** A key seen before; `durable` where its mail is still on its way into the store. */
export interface Seen extends Omit<DedupeRow, "hash"> {
  readonly durable?: Promise<unknown> | undefined;
}

/** A key whose journal row is written, on its way into a chunk: 64 bits of its hash, and the row's id. */
type Journaled = readonly [high: number, low: number, journalId: number];

/** Keys that have a journal row, in memory at once, twice at most. */
const FLUSH_AT = 16_384;
const BATCH_KEYS = 512;
const RECALL_ROWS = 1_000;
/** Keys in a chunk: with 16 bytes each it fits a page. */
const CHUNK_KEYS = 240;
const KEY_BYTES = 16;

/**
 * Which dedupe keys an agent has seen. The truth is in the journal rows and the mail that carry the keys. To find them,
 * each agent has chunks of (half a hash, journal id), appended to when some have gathered, so that a key costs a few
 * bytes and not a scattered insert; a filter in memory says of nearly every new key that it is new.
 */
export class DedupeIndex {
  readonly #store: Store;
  readonly #windowMs: number;
  readonly #chunksMax: number;
  readonly #filter = new KeyFilter();
  /** The keys of now, and those that are being moved into chunks; the latter are dropped as a whole. */
  #young = new KeyTable();
  #sealed: KeyTable | undefined;
  /** An empty table, as large as the last one was. */
  #spare: KeyTable | undefined;
  /** The newest journal row of the young keys, and of the sealed ones. */
  #newest = 0;
  #newestSealed = 0;
  /** Agents of the sealed keys, and how many of them were moved. */
  #agents: readonly number[] = [];
  #moved = 0;
  /** Mail that is not durable yet, by its seq. */
  readonly #arriving = new Map<number, Promise<unknown>>();
  #isMoving = false;
  #answersLater = false;
  #upTo: number;

  constructor(store: Store, options: { readonly windowMs: number; readonly perAgent: number; readonly upTo: number }) {
    this.#store = store;
    this.#windowMs = options.windowMs;
    this.#chunksMax = Math.ceil(options.perAgent / CHUNK_KEYS) + 1;
    this.#upTo = options.upTo;
  }

  /** Reads back the keys that were still in memory when the last process ended. */
  async recall(): Promise<void> {
    this.#answersLater = this.#store.lastDedupeChunk(0) instanceof Promise;
    let after = this.#upTo;
    while (true) {
      const rows: readonly JournalRow[] = await this.#store.journalAfter(after, RECALL_ROWS);
      for (const row of rows) {
        after = row.id;
        if (!row.body.includes('"k":[')) continue;
        for (const [hash, digest, seq, id] of decodeBody(row.body).dedupe ?? []) {
          this.add({ hash, digest, seq, id, at: row.at });
          this.journaled(row.agent, hash, row.id, id);
        }
      }
      if (rows.length < RECALL_ROWS) return;
    }
  }

  /** Whether `find` may have to wait for the store. */
  get answersLater(): boolean {
    return this.#answersLater;
  }

  /** The mail that came under a key within the window. */
  find(entry: AgentEntry, hash: string, now: number): MaybePromise<Seen | undefined> {
    const key = keyWords(hash);
    const recent = this.#recent(key, now);
    if (recent !== undefined) return recent;
    if (entry.filterGeneration !== this.#filter.generation) {
      const chunks = this.#store.dedupeChunks(entry.no);
      if (chunks instanceof Promise) return chunks.then((read) => this.#admit(entry, read, key, hash, now));
      return this.#admit(entry, chunks, key, hash, now);
    }
    if (!this.#filter.has(key[0], key[1])) return undefined;
    const chunks = this.#store.dedupeChunks(entry.no);
    return chunks instanceof Promise ? chunks.then((read) => this.#search(read, key, hash, now)) : this.#search(chunks, key, hash, now);
  }

  /** The mail that came under a key so lately that memory knows it. */
  recent(hash: string, now: number): Seen | undefined {
    return this.#recent(keyWords(hash), now);
  }

  #recent(key: KeyWords, now: number): Seen | undefined {
    const seen = this.#young.get(key) ?? this.#sealed?.get(key);
    if (seen === undefined) return undefined;
    const durable = this.#arriving.get(seen.seq);
    return durable === undefined && seen.at < now - this.#windowMs ? undefined : { ...seen, durable };
  }

  /** Notes a key; with `durable`, its mail is on its way until `settled`. */
  add(row: DedupeRow, durable?: Promise<unknown>): void {
    this.#young.add(keyWords(row.hash), row);
    if (durable !== undefined) this.#arriving.set(row.seq, durable);
  }

  /** Notes that mail is durable, or never will be. */
  settled(seq: number): void {
    this.#arriving.delete(seq);
  }

  remove(hash: string): void {
    const key = keyWords(hash);
    this.#young.remove(key);
    this.#sealed?.remove(key);
  }

  /** Notes that a journal row carries the key: from here on it is found through it. */
  journaled(agent: number, hash: string, journalId: number, id: string): void {
    const key = keyWords(hash);
    // A sealed key that gets its row only now is among the young ones from here on.
    if (!this.#young.journal(key, agent, journalId, id)) {
      const facts = this.#young.get(key) === undefined ? this.#sealed?.get(key) : undefined;
      if (facts?.id !== id) return;
      this.#young.add(key, facts);
      this.#young.journal(key, agent, journalId, id);
    }
    this.#newest = journalId;
  }

  /** Chunks to write; undefined while there is little, or some are on their way. Call `done` or `failed` afterwards. */
  batch(now: number):
    | {
        readonly chunks: MaybePromise<readonly DedupeChunk[]>;
        readonly upTo: number;
        readonly done: () => void;
        readonly failed: () => void;
      }
    | undefined {
    if (this.#isMoving) return undefined;
    if (this.#sealed === undefined) {
      if (this.#young.journaled < FLUSH_AT) return undefined;
      this.#sealed = this.#young;
      this.#newestSealed = this.#newest;
      this.#young = this.#spare ?? new KeyTable();
      this.#spare = undefined;
      this.#agents = this.#sealed.agents();
      this.#moved = 0;
    }
    const taken: [number, readonly Journaled[]][] = [];
    let moved = this.#moved;
    for (let count = 0; count < BATCH_KEYS && moved < this.#agents.length; moved++) {
      const agent = this.#agents[moved] ?? 0;
      const list = this.#sealed.of(agent);
      taken.push([agent, list]);
      count += list.length;
    }
    const isLast = moved === this.#agents.length;
    this.#isMoving = true;
    const chunks = this.#chunks(taken, now);
    const upTo = isLast ? Math.max(this.#upTo, this.#newestSealed) : this.#upTo;
    return {
      chunks,
      upTo,
      done: () => {
        this.#isMoving = false;
        this.#moved = moved;
        this.#upTo = upTo;
        for (const [, list] of taken) for (const [high, low] of list) this.#filter.add(high, low);
        if (isLast) this.#drop();
      },
      // The same again: what is in its chunk already is there twice, which does no harm.
      failed: () => {
        this.#isMoving = false;
      },
    };
  }

  /** Drops the sealed keys; those of mail that still waits have no journal row yet and live on. */
  #drop(): void {
    const sealed = this.#sealed;
    this.#sealed = undefined;
    if (sealed === undefined) return;
    if (sealed.waiting > 0) sealed.leave(this.#young);
    sealed.clear();
    this.#spare = sealed;
  }

  #chunks(taken: readonly (readonly [number, readonly Journaled[]])[], now: number): MaybePromise<readonly DedupeChunk[]> {
    const lasts = taken.map(([agent]) => this.#store.lastDedupeChunk(agent));
    const fill = (known: readonly (DedupeChunk | undefined)[]): readonly DedupeChunk[] =>
      taken.flatMap(([agent, list], at) => this.#chunk(agent, list, known[at], now));
    return lasts.some((last) => last instanceof Promise)
      ? Promise.all(lasts.map(async (last) => last)).then(fill)
      : fill(lasts as (DedupeChunk | undefined)[]);
  }

  /** An agent's keys as the end of its chunks: the last one is filled up, further ones follow, the oldest go. */
  #chunk(agent: number, list: readonly Journaled[], known: DedupeChunk | undefined, now: number): DedupeChunk[] {
    let chunk = known?.chunk ?? 0;
    let keys = known === undefined || known.keys.length >= CHUNK_KEYS * KEY_BYTES ? new Uint8Array() : known.keys;
    if (known !== undefined && keys.length === 0) chunk++;
    const written: DedupeChunk[] = [];
    for (let from = 0; from < list.length;) {
      const room = CHUNK_KEYS - keys.length / KEY_BYTES;
      const taken = list.slice(from, from + room);
      from += taken.length;
      written.push({ agent, chunk, at: now, keys: append(keys, taken), dropTo: chunk - this.#chunksMax });
      keys = new Uint8Array();
      chunk++;
    }
    return written;
  }

  #admit(entry: AgentEntry, chunks: readonly DedupeChunk[], key: KeyWords, hash: string, now: number): MaybePromise<Seen | undefined> {
    for (const { keys } of chunks) this.#filter.addAll(keys, KEY_BYTES);
    entry.filterGeneration = this.#filter.generation;
    return this.#filter.has(key[0], key[1]) ? this.#search(chunks, key, hash, now) : undefined;
  }

  #search(chunks: readonly DedupeChunk[], [high, low]: KeyWords, hash: string, now: number): MaybePromise<Seen | undefined> {
    const ids: number[] = [];
    for (const { keys, at } of chunks) {
      if (at < now - this.#windowMs) continue;
      const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
      for (let from = 0; from < keys.length; from += KEY_BYTES) {
        if (view.getUint32(from) === high && view.getUint32(from + 4) === low) ids.push(view.getFloat64(from + 8));
      }
    }
    return this.#verify(ids, hash, now);
  }

  #verify(ids: readonly number[], hash: string, now: number): MaybePromise<Seen | undefined> {
    for (const [at, id] of ids.entries()) {
      const row = this.#store.journalById(id);
      if (row instanceof Promise) {
        return row.then((read) => seenIn(read, hash, now - this.#windowMs) ?? this.#verify(ids.slice(at + 1), hash, now));
      }
      const seen = seenIn(row, hash, now - this.#windowMs);
      if (seen !== undefined) return seen;
    }
    return undefined;
  }
}

function append(keys: Uint8Array, taken: readonly Journaled[]): Uint8Array {
  const bytes = new Uint8Array(keys.length + taken.length * KEY_BYTES);
  bytes.set(keys);
  const view = new DataView(bytes.buffer);
  for (const [at, [high, low, journalId]] of taken.entries()) {
    const from = keys.length + at * KEY_BYTES;
    view.setUint32(from, high);
    view.setUint32(from + 4, low);
    view.setFloat64(from + 8, journalId);
  }
  return bytes;
}

function seenIn(row: JournalRow | undefined, hash: string, since: number): Seen | undefined {
  if (row === undefined || row.at < since) return undefined;
  const found = decodeBody(row.body).dedupe?.find(([each]) => each === hash);
  return found === undefined ? undefined : { digest: found[1], seq: found[2], id: found[3], at: row.at };
}
