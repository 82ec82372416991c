import { median } from "./samples.ts";

/** What is measured, beside what is aimed at. */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, where it is a ratio. */
  readonly baseline: number | null;
  readonly ratio: number | null;
  readonly target: string;
  readonly ok: boolean;
}

/** A target: the bound, and whether more or less is better. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Gathers the rounds of every figure and makes medians of them; a ratio is made within its round. */
export class Rounds {
  readonly #rounds = new Map<
    string,
    { readonly unit: string; readonly target: Target; readonly values: number[]; readonly baselines: number[]; readonly ratios: number[] }
  >();

  /** A figure whose target is a ratio to a baseline of the same round. */
  ratio(figure: string, unit: string, value: number, baseline: number, target: Target): void {
    const round = this.#round(figure, unit, target);
    round.values.push(value);
    round.baselines.push(baseline);
    round.ratios.push(value / baseline);
  }

  /** A figure whose target is a value. */
  value(figure: string, unit: string, value: number, target: Target): void {
    this.#round(figure, unit, target).values.push(value);
  }

  figures(): readonly Figure[] {
    return [...this.#rounds].map(([figure, { unit, target, values, baselines, ratios }]) => {
      const value = median(values);
      const ratio = ratios.length === 0 ? null : median(ratios);
      const judged = ratio ?? value;
      return {
        figure,
        value,
        unit,
        baseline: baselines.length === 0 ? null : median(baselines),
        ratio,
        target: target.atLeast === undefined ? `<= ${target.atMost}` : `>= ${target.atLeast}`,
        ok: judged >= (target.atLeast ?? Number.NEGATIVE_INFINITY) && judged <= (target.atMost ?? Number.POSITIVE_INFINITY),
      };
    });
  }

  #round(
    figure: string,
    unit: string,
    target: Target,
  ): { readonly values: number[]; readonly baselines: number[]; readonly ratios: number[] } {
    const known = this.#rounds.get(figure);
    if (known !== undefined) return known;
    const made = { unit, target, values: [], baselines: [], ratios: [] };
    this.#rounds.set(figure, made);
    return made;
  }
}

/** The figures as a table for people. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ figure, value, unit, baseline, ratio, target, ok }) => [
    figure,
    `${short(value)} ${unit}`,
    baseline === null ? "" : short(baseline),
    ratio === null ? "" : ratio.toFixed(2),
    target,
    ok ? "ok" : "MISSED",
  ]);
  const all = [["figure", "median", "baseline", "ratio", "target", ""], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function short(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en-US");
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(3);
}
