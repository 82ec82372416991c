/** Where a child may end itself by SIGKILL, and the counting that decides when. */
import { SqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { Commit } from "../../../src/kernel/index.ts";

/** Named points of the kernel's way from mail to acknowledgement. */
export const POINTS = [
  "after-open",
  "before-commit",
  "in-transaction",
  "after-commit",
  "after-settled",
  "handler-start",
  "handler-end",
  "before-effect",
  "during-effect",
  "after-effect",
  "before-close",
] as const;

/** A named point. */
export type Point = (typeof POINTS)[number];

let armed: { readonly point: string; left: number } | undefined;

/** Chooses where this process dies: at the n-th passage of a point. */
export function arm(point: string, n: number): void {
  armed = { point, left: n };
  // oxlint-disable-next-line typescript/unbound-method -- each is called on its store below
  const { commit, open, close } = SqliteStore.prototype;
  SqliteStore.prototype.open = async function (this: SqliteStore) {
    const opened = await open.call(this);
    reached("after-open");
    return opened;
  };
  SqliteStore.prototype.close = async function (this: SqliteStore) {
    reached("before-close");
    await close.call(this);
  };
  SqliteStore.prototype.commit = function (this: SqliteStore, units: readonly Commit[]) {
    reached("before-commit");
    const outcomes = commit.call(this, dying(units));
    reached("after-commit");
    // Whoever waited is told in this turn of the event loop.
    setImmediate(() => reached("after-settled"));
    return outcomes;
  };
}

/** Passes a point: dies where it is the chosen one and its time has come. */
export function reached(point: Point): void {
  if (armed?.point === point && --armed.left <= 0) die();
}

/** Ends this process as `kill -9` does: nothing more runs. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
  // The signal may take a moment; nothing may happen meanwhile.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
}

/** The same units; walking them dies between two of them. */
function dying(units: readonly Commit[]): readonly Commit[] {
  if (armed?.point !== "in-transaction") return units;
  const copy = [...units];
  copy[Symbol.iterator] = function* (): ArrayIterator<Commit> {
    for (const unit of units) {
      yield unit;
      reached("in-transaction");
    }
    return undefined;
  };
  return copy;
}
