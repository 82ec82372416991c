/** Durations, and what can be said of them. */
export class Samples {
  #values: number[] = [];
  #isSorted = true;

  get count(): number {
    return this.#values.length;
  }

  add(value: number): void {
    this.#values.push(value);
    this.#isSorted = false;
  }

  clear(): void {
    this.#values = [];
  }

  /** The value below which a share (0–1) of all lie. */
  quantile(share: number): number {
    if (!this.#isSorted) this.#values.sort((left, right) => left - right);
    this.#isSorted = true;
    return this.#values[Math.min(this.#values.length - 1, Math.floor(this.#values.length * share))] ?? Number.NaN;
  }
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
