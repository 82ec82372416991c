import type { AgentEntry } from "../agents/entry.ts";
import { KeyFilter } from "./key-filter.ts";
import { decodeBody } from "../turn/record.ts";
import type { DedupeChunk, DedupeRow, JournalRow, MaybePromise, Store } from "../store/store.ts";

/** A key seen before; `durable` where its mail is still on its way into the store. */
export interface Seen extends DedupeRow {
  durable: Promise<unknown> | undefined;
}

/** A key whose journal row is written, on its way into a chunk. */
interface Journaled {
  readonly hash: string;
  readonly journalId: number;
}

/** Keys that have a journal row, in memory at once, twice at most. */
const FLUSH_AT = 16_384;
const BATCH_KEYS = 512;
const RECALL_ROWS = 1_000;
/** Keys in a chunk: with 16 bytes each it fits a page. */
const CHUNK_KEYS = 240;
const KEY_BYTES = 16;

interface Generation {
  readonly keys: Map<string, Seen>;
  /** Keys that have a journal row, by agent. */
  readonly journaled: Map<number, Journaled[]>;
  count: number;
  /** The newest of these journal rows. */
  newest: number;
}

const newGeneration = (): Generation => ({ keys: new Map(), journaled: new Map(), count: 0, newest: 0 });

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
  #young: Generation = newGeneration();
  #sealed: Generation | undefined;
  /** Agents of the sealed generation that are still to be moved. */
  #moving: Iterator<[number, readonly Journaled[]]> | undefined;
  #isMoving = false;
  #upTo: number;

  constructor(store: Store, options: { readonly windowMs: number; readonly perAgent: number; readonly upTo: number }) {
    this.#store = store;
    this.#windowMs = options.windowMs;
    this.#chunksMax = Math.ceil(options.perAgent / CHUNK_KEYS) + 1;
    this.#upTo = options.upTo;
  }

  /** Reads back the keys that were still in memory when the last process ended. */
  async recall(): Promise<void> {
    let after = this.#upTo;
    while (true) {
      const rows: readonly JournalRow[] = await this.#store.journalAfter(after, RECALL_ROWS);
      for (const row of rows) {
        after = row.id;
        if (!row.body.includes('"k":[')) continue;
        for (const [hash, digest, seq, id] of decodeBody(row.body).dedupe ?? []) {
          this.add({ hash, digest, seq, id, at: row.at });
          this.journaled(row.agent, hash, row.id);
        }
      }
      if (rows.length < RECALL_ROWS) return;
    }
  }

  /** The mail that came under a key within the window. */
  find(entry: AgentEntry, hash: string, now: number): MaybePromise<Seen | undefined> {
    const recent = this.#recent(hash, now);
    if (recent !== undefined) return recent;
    if (entry.filterGeneration !== this.#filter.generation) {
      const chunks = this.#store.dedupeChunks(entry.no);
      if (chunks instanceof Promise) return chunks.then((read) => this.#admit(entry, read, hash, now));
      return this.#admit(entry, chunks, hash, now);
    }
    if (!this.#filter.has(hash)) return undefined;
    const chunks = this.#store.dedupeChunks(entry.no);
    return chunks instanceof Promise ? chunks.then((read) => this.#search(read, hash, now)) : this.#search(chunks, hash, now);
  }

  #recent(hash: string, now: number): Seen | undefined {
    return this.#current(this.#young.keys.get(hash) ?? this.#sealed?.keys.get(hash), now);
  }

  #current(seen: Seen | undefined, now: number): Seen | undefined {
    return seen === undefined || (seen.durable === undefined && seen.at < now - this.#windowMs) ? undefined : seen;
  }

  /** Notes a key; whoever gave `durable` clears it in what this gives once the mail under the key is durable. */
  add({ hash, id, seq, digest, at }: DedupeRow, durable?: Promise<unknown>): Seen {
    const seen = { hash, id, seq, digest, at, durable };
    this.#young.keys.set(hash, seen);
    return seen;
  }

  remove(hash: string): void {
    this.#young.keys.delete(hash);
    this.#sealed?.keys.delete(hash);
  }

  /** Notes that a journal row carries the key: from here on it is found through it. */
  journaled(agent: number, hash: string, journalId: number): void {
    const list = this.#young.journaled.get(agent);
    if (list === undefined) this.#young.journaled.set(agent, [{ hash, journalId }]);
    else list.push({ hash, journalId });
    this.#young.count++;
    this.#young.newest = journalId;
  }

  /** Chunks to write; undefined while there is little, or some are on their way. Call `done` or `failed` afterwards. */
  batch(
    now: number,
  ):
    | { readonly chunks: readonly DedupeChunk[]; readonly upTo: number; readonly done: () => void; readonly failed: () => void }
    | undefined {
    if (this.#isMoving) return undefined;
    if (this.#moving === undefined) {
      if (this.#young.count < FLUSH_AT) return undefined;
      this.#sealed = this.#young;
      this.#young = newGeneration();
      this.#moving = this.#sealed.journaled.entries();
    }
    const taken: [number, readonly Journaled[]][] = [];
    let count = 0;
    let isLast = false;
    while (count < BATCH_KEYS) {
      const { value, done } = this.#moving.next();
      if (done === true) {
        isLast = true;
        break;
      }
      taken.push(value);
      count += value[1].length;
    }
    this.#isMoving = true;
    const chunks = taken.flatMap(([agent, list]) => this.#chunk(agent, list, now));
    const upTo = isLast ? Math.max(this.#upTo, this.#sealed?.newest ?? 0) : this.#upTo;
    return {
      chunks,
      upTo,
      done: () => {
        this.#isMoving = false;
        this.#upTo = upTo;
        for (const [, list] of taken) for (const { hash } of list) this.#filter.add(hash);
        if (isLast) this.#drop();
      },
      failed: () => {
        // All of it again: what is in its chunk already is there twice, which does no harm.
        this.#isMoving = false;
        this.#moving = this.#sealed?.journaled.entries();
      },
    };
  }

  /** Drops the sealed generation; keys of mail that still waits have no journal row yet and live on. */
  #drop(): void {
    const sealed = this.#sealed;
    this.#sealed = undefined;
    this.#moving = undefined;
    if (sealed === undefined || sealed.keys.size <= sealed.count) return;
    const moved = new Set([...sealed.journaled.values()].flatMap((list) => list.map(({ hash }) => hash)));
    for (const [hash, seen] of sealed.keys) if (!moved.has(hash)) this.#young.keys.set(hash, seen);
  }

  /** An agent's keys as the end of its chunks: the last one is filled up, further ones follow, the oldest go. */
  #chunk(agent: number, list: readonly Journaled[], now: number): DedupeChunk[] {
    const last = this.#store.lastDedupeChunk(agent);
    const known = last instanceof Promise ? undefined : last;
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

  #admit(entry: AgentEntry, chunks: readonly DedupeChunk[], hash: string, now: number): MaybePromise<Seen | undefined> {
    for (const { keys } of chunks) this.#filter.addAll(keys, KEY_BYTES);
    entry.filterGeneration = this.#filter.generation;
    return this.#filter.has(hash) ? this.#search(chunks, hash, now) : undefined;
  }

  #search(chunks: readonly DedupeChunk[], hash: string, now: number): MaybePromise<Seen | undefined> {
    const high = Number.parseInt(hash.slice(0, 8), 16);
    const low = Number.parseInt(hash.slice(8, 16), 16);
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
  for (const [at, { hash, journalId }] of taken.entries()) {
    const from = keys.length + at * KEY_BYTES;
    view.setUint32(from, Number.parseInt(hash.slice(0, 8), 16));
    view.setUint32(from + 4, Number.parseInt(hash.slice(8, 16), 16));
    view.setFloat64(from + 8, journalId);
  }
  return bytes;
}

function seenIn(row: JournalRow | undefined, hash: string, since: number): Seen | undefined {
  if (row === undefined || row.at < since) return undefined;
  const found = decodeBody(row.body).dedupe?.find(([each]) => each === hash);
  return found === undefined ? undefined : { hash, digest: found[1], seq: found[2], id: found[3], at: row.at, durable: undefined };
}
