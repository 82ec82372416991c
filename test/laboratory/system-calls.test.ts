/**
 * The process is killed, or its disk fails, at each sync and at each write of the reference workload, by real system calls.
 * `npm test` takes a spread sample of the points, `npm run test:long` all of them; `LAB_POINT=mixed:fsync:signal=KILL:7` one.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { need } from "../support/capabilities.ts";
import { acknowledged, type Blow, type Call, countCalls, falseAcknowledgements, strike, type Which } from "./support/lives.ts";
import { assertSurvived } from "./support/survivors.ts";
import { LATE, MIXED } from "./support/workload.ts";

const IS_FULL = process.env["AOS_TEST_SCALE"] === "full";
const TOGETHER = 2;
const ALL = Number.MAX_SAFE_INTEGER;
/** Points of each call and blow. Those of the long workload are too many even for a long run. */
const SAMPLE: Readonly<Record<Which, number>> = IS_FULL ? { mixed: ALL, late: 60 } : { mixed: 5, late: 1 };

/** How many points are taken: every sync that fails always, since each is another place in the code that must bear it. */
function wanted(which: Which, call: Call, blow: Blow): number {
  return which === "mixed" && call === "fsync" && blow === "error=EIO" ? ALL : SAMPLE[which];
}

interface Point {
  readonly which: Which;
  readonly call: Call;
  readonly blow: Blow;
  readonly n: number;
}

/** At most so many of 1…max, spread evenly, other ones in each run. */
function spread(max: number, most: number): number[] {
  const count = Math.min(max, most);
  const width = max / count;
  return Array.from({ length: count }, (_, at) => 1 + Math.floor(at * width + (count === max ? 0 : Math.random() * width)));
}

async function withPlace<T>(use: (place: string) => Promise<T>): Promise<T> {
  const place = mkdtempSync(join(tmpdir(), "aos-laboratory-"));
  try {
    return await use(place);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function points(): Promise<readonly Point[]> {
  const only = process.env["LAB_POINT"];
  if (only !== undefined) {
    const [which, call, blow, n] = only.split(":");
    return [{ which: which as Which, call: call as Call, blow: blow as Blow, n: Number(n) }];
  }
  const all: Point[] = [];
  for (const which of ["mixed", "late"] as const) {
    const counts = await withPlace((place) => countCalls(place, which));
    for (const call of ["fsync", "pwrite64"] as const)
      for (const blow of ["signal=KILL", "error=EIO"] as const)
        for (const n of spread(counts[call], wanted(which, call, blow))) all.push({ which, call, blow, n });
  }
  return all;
}

/** Strikes a point and asserts that nothing acknowledged is lost; whether it was reached. */
async function endure({ which, call, blow, n }: Point): Promise<boolean> {
  return withPlace(async (place) => {
    const { ended, said, trace } = await strike(place, which, call, blow, n);
    const story = `${said.join("; ")}\n${ended.stderr}`;
    const isKill = blow === "signal=KILL";
    const isReached = isKill ? ended.signal === "SIGKILL" || ended.code === 137 : trace.includes("(INJECTED)");
    assert.ok(isReached && isKill ? true : said.at(-1) === "closed" || said.at(-1)?.startsWith("refused shutdown "), story);
    assert.deepEqual(
      said.filter((line) => line.startsWith("untyped ")),
      [],
      story,
    );
    assert.deepEqual(falseAcknowledgements(trace), [], "acknowledged although the write had failed");
    await assertSurvived(place, which === "late" ? LATE : MIXED, acknowledged(said));
    return isReached;
  });
}

test(
  "killed, or failed by its disk, at any sync or write, the system loses nothing acknowledged, acknowledges nothing it did not store, and starts again",
  { skip: need("strace") },
  async (t) => {
    const all = await points();
    const queue = all.values();
    const reached: Point[] = [];
    const broken: string[] = [];
    await Promise.all(
      Array.from({ length: TOGETHER }, async () => {
        for (const point of queue) {
          const name = `${point.which}:${point.call}:${point.blow}:${point.n}`;
          try {
            if (await endure(point)) reached.push(point);
          } catch (thrown) {
            broken.push(name);
            t.diagnostic(`replay: LAB_POINT=${name} npm test -- --only laboratory\n${String(thrown)}`);
          }
        }
      }),
    );
    const tally = Object.entries(Object.groupBy(reached, ({ which, call, blow }) => `${which} ${call} ${blow}`));
    t.diagnostic(`${all.length} points, struck ${reached.length}: ${tally.map(([name, of]) => `${name} ${of?.length ?? 0}`).join(", ")}`);
    assert.deepEqual(broken, []);
    // Group commits fall a little differently in each life, so the last points may not be reached.
    assert.ok(reached.length >= all.length * 0.8, `${reached.length} of ${all.length} points were reached`);
  },
);
