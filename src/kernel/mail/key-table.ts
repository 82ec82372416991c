/** A hash of 128 bits as four words. */
export type KeyWords = readonly [number, number, number, number];

/** What is remembered of a key, beside its hash. */
export interface KeyFacts {
  readonly id: string;
  readonly seq: number;
  readonly digest: number;
  readonly at: number;
}

const SLOTS_MIN = 256;
/** Words per slot: hash, id, digest, seq, time, journal id. */
const WORDS = 16;
const ID = 4;
/** The same slot in units of 64 bits. */
const DOUBLES = 8;
const DIGEST = 4;
const SEQ = 5;
const AT = 6;
const JOURNAL = 7;
const EMPTY = 0;
const USED = 1;
/** The id is no UUID and stands elsewhere. */
const NAMED = 2;
const REMOVED = 3;
/** Came again after its time: another slot has its facts, this one only its journal row. */
const LINKED = 4;

/**
 * Keys by their hash, in typed arrays: tens of thousands come and go, and as objects they would be what the garbage
 * collector spends its time on. A slot takes 64 bytes. Keys that have a journal row are linked by agent.
 */
export class KeyTable {
  #slots: number;
  #words: Uint32Array;
  #doubles: Float64Array;
  #kinds: Uint8Array;
  /** The slot of the agent's key before this one, plus 1; 0 for none. */
  #before: Uint32Array;
  #names = new Map<number, string>();
  /** An id that is being compared. */
  readonly #id = new Uint32Array(4);
  /** The slot of each agent's newest key that has a journal row. */
  #newest = new Map<number, number>();
  /** Slots that are not empty. */
  #taken = 0;
  #journaled = 0;
  #waiting = 0;

  constructor() {
    this.#slots = SLOTS_MIN;
    this.#words = new Uint32Array(SLOTS_MIN * WORDS);
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#kinds = new Uint8Array(SLOTS_MIN);
    this.#before = new Uint32Array(SLOTS_MIN);
  }

  /** Forgets all, and keeps the room. */
  clear(): void {
    this.#kinds.fill(EMPTY);
    this.#before.fill(0);
    this.#names.clear();
    this.#newest.clear();
    this.#taken = 0;
    this.#journaled = 0;
    this.#waiting = 0;
  }

  /** Keys that have a journal row. */
  get journaled(): number {
    return this.#journaled;
  }

  /** Keys that have none yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Agents that have keys with a journal row. */
  agents(): readonly number[] {
    return [...this.#newest.keys()];
  }

  get(key: KeyWords): KeyFacts | undefined {
    const slot = this.#find(key);
    return slot < 0 ? undefined : this.#facts(slot);
  }

  /** Remembers a key; one that is there takes the new facts. */
  add(key: KeyWords, { id, seq, digest, at }: KeyFacts): void {
    let slot = this.#find(key);
    if (slot >= 0 && this.#hasRow(slot)) {
      this.#kinds[slot] = LINKED;
      slot = -1;
    }
    if (slot < 0) {
      if ((this.#taken + 1) * 2 > this.#slots) this.#rehash();
      slot = this.#free(key);
      this.#words.set(key, slot * WORDS);
      this.#doubles[slot * DOUBLES + JOURNAL] = 0;
      this.#waiting++;
    }
    const isUuid = writeUuid(this.#words, slot * WORDS + ID, id);
    this.#kinds[slot] = isUuid ? USED : NAMED;
    if (!isUuid) this.#names.set(slot, id);
    const double = slot * DOUBLES;
    this.#doubles[double + DIGEST] = digest;
    this.#doubles[double + SEQ] = seq;
    this.#doubles[double + AT] = at;
  }

  remove(key: KeyWords): void {
    const slot = this.#find(key);
    // One that has a journal row stays linked until the table is dropped.
    if (slot < 0 || this.#hasRow(slot)) return;
    this.#kinds[slot] = REMOVED;
    this.#names.delete(slot);
    this.#waiting--;
  }

  /** Notes the journal row that carries a key's envelope; false where that is not here, or has one already. */
  journal(key: KeyWords, agent: number, journalId: number, id: string): boolean {
    const slot = this.#find(key);
    if (slot < 0 || this.#hasRow(slot) || !this.#hasId(slot, id)) return false;
    this.#doubles[slot * DOUBLES + JOURNAL] = journalId;
    this.#before[slot] = (this.#newest.get(agent) ?? -1) + 1;
    this.#newest.set(agent, slot);
    this.#journaled++;
    this.#waiting--;
    return true;
  }

  /** An agent's keys that have a journal row, oldest first: the first 64 bits of the hash as two words, and the row's id. */
  of(agent: number): readonly (readonly [high: number, low: number, journalId: number])[] {
    const found: [number, number, number][] = [];
    for (let slot = this.#newest.get(agent) ?? -1; slot >= 0; slot = (this.#before[slot] ?? 0) - 1) {
      const word = slot * WORDS;
      found.push([this.#words[word] ?? 0, this.#words[word + 1] ?? 0, this.#doubles[slot * DOUBLES + JOURNAL] ?? 0]);
    }
    return found.toReversed();
  }

  /** Adds the keys that have no journal row to another table. */
  leave(to: KeyTable): void {
    for (let slot = 0; slot < this.#slots; slot++) {
      const kind = this.#kinds[slot];
      if ((kind !== USED && kind !== NAMED) || this.#hasRow(slot)) continue;
      const [a = 0, b = 0, c = 0, d = 0] = this.#words.subarray(slot * WORDS, slot * WORDS + 4);
      to.add([a, b, c, d], this.#facts(slot));
    }
  }

  #hasId(slot: number, id: string): boolean {
    if (this.#kinds[slot] === NAMED) return this.#names.get(slot) === id;
    const from = slot * WORDS + ID;
    return writeUuid(this.#id, 0, id) && this.#id.every((word, at) => word === this.#words[from + at]);
  }

  #hasRow(slot: number): boolean {
    return (this.#doubles[slot * DOUBLES + JOURNAL] ?? 0) > 0;
  }

  #find([a, b, c, d]: KeyWords): number {
    const words = this.#words;
    for (let slot = a & (this.#slots - 1); this.#kinds[slot] !== EMPTY; slot = (slot + 1) & (this.#slots - 1)) {
      const word = slot * WORDS;
      if (
        words[word] === a &&
        words[word + 1] === b &&
        words[word + 2] === c &&
        words[word + 3] === d &&
        (this.#kinds[slot] ?? 0) <= NAMED
      ) {
        return slot;
      }
    }
    return -1;
  }

  #free([a]: KeyWords): number {
    let slot = a & (this.#slots - 1);
    while (this.#kinds[slot] !== EMPTY) slot = (slot + 1) & (this.#slots - 1);
    this.#taken++;
    return slot;
  }

  #facts(slot: number): KeyFacts {
    const double = slot * DOUBLES;
    return {
      id: this.#kinds[slot] === NAMED ? (this.#names.get(slot) ?? "") : readUuid(this.#words, slot * WORDS + ID),
      seq: this.#doubles[double + SEQ] ?? 0,
      digest: this.#doubles[double + DIGEST] ?? 0,
      at: this.#doubles[double + AT] ?? 0,
    };
  }

  /** Makes room: twice as much, or only without what was removed. */
  #rehash(): void {
    const old = { slots: this.#slots, words: this.#words, kinds: this.#kinds, before: this.#before, names: this.#names };
    this.#slots = Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2((this.#journaled + this.#waiting + 1) * 3)));
    this.#words = new Uint32Array(this.#slots * WORDS);
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#kinds = new Uint8Array(this.#slots);
    this.#before = new Uint32Array(this.#slots);
    this.#names = new Map();
    this.#taken = 0;
    const moved = new Int32Array(old.slots).fill(-1);
    for (let slot = 0; slot < old.slots; slot++) {
      const kind = old.kinds[slot] ?? EMPTY;
      if (kind === EMPTY || kind === REMOVED) continue;
      const [a = 0, b = 0, c = 0, d = 0] = old.words.subarray(slot * WORDS, slot * WORDS + 4);
      const to = this.#free([a, b, c, d]);
      moved[slot] = to;
      this.#words.set(old.words.subarray(slot * WORDS, (slot + 1) * WORDS), to * WORDS);
      this.#kinds[to] = kind;
      const name = old.names.get(slot);
      if (name !== undefined) this.#names.set(to, name);
    }
    for (let slot = 0; slot < old.slots; slot++) {
      const before = old.before[slot] ?? 0;
      const to = moved[slot] ?? -1;
      if (to >= 0 && before > 0) this.#before[to] = (moved[before - 1] ?? -1) + 1;
    }
    for (const [agent, slot] of this.#newest) this.#newest.set(agent, moved[slot] ?? -1);
  }
}

/** The words of a hash of 32 hexadecimal digits. */
export function keyWords(hash: string): KeyWords {
  return [hexWord(hash, 0), hexWord(hash, 8), hexWord(hash, 16), hexWord(hash, 24)];
}

function hexWord(text: string, from: number): number {
  let word = 0;
  for (let at = from; at < from + 8; at++) word = (word << 4) | hexDigit(text.charCodeAt(at));
  return word >>> 0;
}

function hexDigit(unit: number): number {
  return unit < 58 ? unit - 48 : unit - 87;
}

const UUID_LENGTH = 36;
const DASH = 45;

/** Writes a UUID in canonical lower-case text as four words; false where the text is none. */
function writeUuid(words: Uint32Array, from: number, id: string): boolean {
  if (id.length !== UUID_LENGTH) return false;
  let word = 0;
  let digits = 0;
  for (let at = 0; at < UUID_LENGTH; at++) {
    const unit = id.charCodeAt(at);
    if (at === 8 || at === 13 || at === 18 || at === 23) {
      if (unit !== DASH) return false;
      continue;
    }
    if (!((unit >= 48 && unit <= 57) || (unit >= 97 && unit <= 102))) return false;
    word = (word << 4) | hexDigit(unit);
    if (++digits % 8 === 0) words[from + digits / 8 - 1] = word;
  }
  return true;
}

function readUuid(words: Uint32Array, from: number): string {
  let hex = "";
  for (let word = from; word < from + 4; word++) hex += (words[word] ?? 0).toString(16).padStart(8, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
