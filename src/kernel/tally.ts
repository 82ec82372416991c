import type { Outcome, RecordBody, RecordKind } from "./turn/record.ts";

/** Counts of what happened since the start of the process. */
export class Tally {
  readonly turns: Record<Outcome, number> = { done: 0, retry: 0, parked: 0, dead: 0, skipped: 0, refused: 0 };
  readonly kinds: Partial<Record<RecordKind, number>> = {};
  accepted = 0;
  duplicates = 0;
  commits = 0;
  units = 0;
  effects = 0;

  committed(units: number): void {
    this.commits++;
    this.units += units;
  }

  count(body: RecordBody): void {
    this.turns[body.outcome]++;
    this.kinds[body.kind] = (this.kinds[body.kind] ?? 0) + 1;
    this.effects += body.effects.length;
  }
}
