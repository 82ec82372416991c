/** What is told of a stream's lines. */
export interface LineReader {
  /** A line without its break. */
  readonly line: (bytes: Buffer) => void;
  /** A line was longer than allowed; the rest of it is passed over. */
  readonly tooLong: () => void;
}

const LINE_FEED = 0x0a;

/** Cuts a stream of bytes into lines, holding at most one line. */
export class LineSplitter {
  readonly #bytesMax: number;
  readonly #reader: LineReader;
  #held: Buffer[] = [];
  #size = 0;
  #isSkipping = false;

  constructor(bytesMax: number, reader: LineReader) {
    this.#bytesMax = bytesMax;
    this.#reader = reader;
  }

  push(chunk: Buffer): void {
    let from = 0;
    let at = chunk.indexOf(LINE_FEED);
    while (at >= 0) {
      this.#take(chunk.subarray(from, at));
      this.#finish();
      from = at + 1;
      at = chunk.indexOf(LINE_FEED, from);
    }
    if (from < chunk.length) this.#take(chunk.subarray(from));
  }

  /** The stream is over: what has no break is a line too. */
  end(): void {
    if (this.#size > 0 && !this.#isSkipping) this.#finish();
  }

  #take(part: Buffer): void {
    if (this.#isSkipping) return;
    this.#size += part.length;
    if (this.#size <= this.#bytesMax) {
      this.#held.push(part);
      return;
    }
    this.#held = [];
    this.#isSkipping = true;
    this.#reader.tooLong();
  }

  #finish(): void {
    const [first] = this.#held;
    if (!this.#isSkipping) this.#reader.line(this.#held.length === 1 && first !== undefined ? first : Buffer.concat(this.#held));
    this.#held = [];
    this.#size = 0;
    this.#isSkipping = false;
  }
}
