const BITS = 1 << 24;
const PROBES = 4;
/** Keys until the filter begins anew: about one new key in a hundred is then looked up for nothing. */
const KEYS_MAX = 1_600_000;

/** A Bloom filter (2 MiB) over hashes in hex: "never seen" is certain, "seen" is likely. */
export class KeyFilter {
  readonly #bits = new Uint32Array(BITS / 32);
  #count = 0;
  /** Raised when it begins anew: what was added before must be added again. */
  generation = 1;

  add(hash: string): void {
    this.#set(Number.parseInt(hash.slice(0, 8), 16), Number.parseInt(hash.slice(8, 16), 16));
  }

  /** Adds the keys of a chunk: each begins with the first 8 bytes of its hash. */
  addAll(keys: Uint8Array, keyBytes: number): void {
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    for (let from = 0; from < keys.length; from += keyBytes) this.#set(view.getUint32(from), view.getUint32(from + 4));
  }

  has(hash: string): boolean {
    const first = Number.parseInt(hash.slice(0, 8), 16);
    const second = Number.parseInt(hash.slice(8, 16), 16);
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (first + Math.imul(probe, second)) & (BITS - 1);
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  #set(first: number, second: number): void {
    if (++this.#count > KEYS_MAX) {
      this.#bits.fill(0);
      this.#count = 1;
      this.generation++;
    }
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (first + Math.imul(probe, second)) & (BITS - 1);
      this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }
}
