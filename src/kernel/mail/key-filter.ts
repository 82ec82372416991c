/** Bits at first, and at most: 128 KiB and 16 MiB. */
const BITS_MIN = 1 << 20;
const BITS_MAX = 1 << 27;
const PROBES = 4;
/** Bits per key before the filter begins anew, larger: about one new key in a hundred is then looked up for nothing. */
const BITS_PER_KEY = 10;

/** A Bloom filter over hashes: "never seen" is certain, "seen" is likely. */
export class KeyFilter {
  #bits = new Uint32Array(BITS_MIN / 32);
  #mask = BITS_MIN - 1;
  #count = 0;
  /** Raised when it begins anew: what was added before must be added again. */
  generation = 1;

  /** Adds a hash by its first two words. */
  add(first: number, second: number): void {
    if (++this.#count * BITS_PER_KEY > this.#mask) this.#begin();
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (first + Math.imul(probe, second)) & this.#mask;
      this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  /** Adds the keys of a chunk: each begins with the first 8 bytes of its hash. */
  addAll(keys: Uint8Array, keyBytes: number): void {
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    for (let from = 0; from < keys.length; from += keyBytes) this.add(view.getUint32(from), view.getUint32(from + 4));
  }

  has(first: number, second: number): boolean {
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (first + Math.imul(probe, second)) & this.#mask;
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  #begin(): void {
    const bits = Math.min(BITS_MAX, (this.#mask + 1) * 4);
    this.#bits = new Uint32Array(bits / 32);
    this.#mask = bits - 1;
    this.#count = 1;
    this.generation++;
  }
}
