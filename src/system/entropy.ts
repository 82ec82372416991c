import { hash, randomFillSync } from "node:crypto";
import type { Clock, Entropy, Hasher } from "../kernel/index.ts";

const POOL_BYTES = 8_192;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const DIGITS = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

/** Identifiers and randomness from the operating system's generator. */
export class SystemEntropy implements Entropy {
  readonly #clock: Clock;
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;
  #lastMs = 0;
  #counter = 0;
  #prefix = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Time in ms, then a 12-bit counter that rises within it (RFC 9562 §6.2, method 1), then 62 random bits. */
  uuid(): string {
    const now = this.#clock.now();
    if (now > this.#lastMs) this.#begin(now);
    else if (++this.#counter > 0xfff) this.#begin(this.#lastMs + 1);
    const pool = this.#take(8);
    const hex = (at: number): string => HEX[this.#pool[pool + at] ?? 0] ?? "00";
    const variant = HEX[((this.#pool[pool] ?? 0) & 0x3f) | 0x80] ?? "80";
    const low = HEX[this.#counter & 0xff] ?? "00";
    return `${this.#prefix}${DIGITS[this.#counter >> 8] ?? "0"}${low}-${variant}${hex(1)}-${hex(2)}${hex(3)}${hex(4)}${hex(5)}${hex(6)}${hex(7)}`;
  }

  #begin(ms: number): void {
    this.#lastMs = ms;
    this.#counter = 0;
    const time = ms.toString(16).padStart(12, "0");
    this.#prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  }

  random(): number {
    const at = this.#take(8);
    const view = new DataView(this.#pool.buffer, at, 8);
    return (view.getUint32(0) * 0x20_0000 + (view.getUint32(4) >>> 11)) / 0x20_0000_0000_0000;
  }

  #take(bytes: number): number {
    if (this.#used + bytes > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += bytes;
    return at;
  }
}

/** SHA-256 by Node's own crypto. */
export const systemHasher: Hasher = {
  sha256: (data) => hash("sha256", data, "hex"),
};
