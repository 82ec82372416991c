import type { Core } from "../core.ts";
import type { Store } from "../store/store.ts";

/** One class of what a store holds. */
export interface StorageClass {
  readonly name: string;
  readonly bytes: number;
  /** What bounds it, for people. */
  readonly limit: string;
  /** What it may take at most, where that can be told in bytes. */
  readonly capBytes?: number | undefined;
}

/** What a store holds, how it grows, and where that leads. */
export interface StorageReport {
  /** Epoch ms. */
  readonly at: number;
  readonly classes: readonly StorageClass[];
  /** Everything, room to be used again and the log included. */
  readonly bytes: number;
  /** What the disk has left; absent where nobody can tell. */
  readonly diskFreeBytes?: number | undefined;
  /** Absent while there is not enough history: less than an hour. */
  readonly growth?: Growth | undefined;
  readonly forecast: {
    /** When the disk is full if it goes on so, epoch ms; absent where nothing grows, or there is no history. */
    readonly diskFullAt?: number | undefined;
    /** When the journal reaches its cap and grows no more, epoch ms. */
    readonly journalCapAt?: number | undefined;
  };
}

/** How what is in use grew: a line through the samples of the last week. */
export interface Growth {
  readonly bytesPerDay: number;
  readonly journalBytesPerDay: number;
  /** The oldest sample that it rests on, epoch ms. */
  readonly since: number;
  readonly samples: number;
}

/** When, bytes in use, and bytes of journal. */
export type StorageSample = readonly [at: number, used: number, journal: number];

const FACT = "storage.samples";
/** At most so many samples are kept: when there are more, every second one of the older half goes. */
const SAMPLES_MAX = 64;
const SAMPLE_MS = 3_600_000;
const DAY_MS = 24 * 3_600_000;
const WEEK_MS = 7 * DAY_MS;
/** A forecast beyond this says nothing. */
const FORECAST_MS = 100 * 365 * DAY_MS;
const HOUR_MS = 3_600_000;

/** Reports on what is stored. */
export async function reportStorage({ store, clock, limits }: Core): Promise<StorageReport> {
  const at = clock.now();
  const usage = await store.usage();
  const size = await store.size();
  const agents = (await store.census()).filter(({ status }) => status !== "terminated").reduce((sum, { count }) => sum + count, 0);
  const { journalBytes, journalMs, mailboxDepth, payloadBytes, replyMs, dedupeMs, dedupePerAgent, stateBytes } = limits;
  const rows: Readonly<Record<string, readonly [limit: string, capBytes?: number]>> = {
    state: [`${mebibytes(stateBytes)} an agent`],
    journal: [
      `${mebibytes(journalBytes)} and ${days(journalMs)} an agent, or its newest ${dedupePerAgent} turns of ${hours(dedupeMs)}`,
      agents * journalBytes,
    ],
    mail: [`${mailboxDepth} letters of ${mebibytes(payloadBytes)} an agent`],
    effects: ["as long as their mail; in doubt until resolved"],
    deadLetters: ["until redriven or dropped"],
    replies: [hours(replyMs)],
    subscriptions: ["as long as their agent"],
    dedupe: [`${hours(dedupeMs)}, ${dedupePerAgent} keys an agent`],
    ledger: ["as long as its owner keeps it; counts of budgets 40 days"],
    indexes: ["with what they index"],
    other: ["types that were loaded, numbers, samples"],
    free: ["used again; given back beyond 32 MiB and half of the rest"],
    log: ["64 MiB, then it is copied back"],
  };
  const classes = Object.entries(usage).map(([name, bytes]) => {
    const [limit = "none", capBytes] = rows[name] ?? [];
    return { name, bytes, limit, ...(capBytes === undefined ? {} : { capBytes }) };
  });
  const used = size.bytes - size.freeBytes;
  const journal = usage["journal"] ?? 0;
  const growth = growthOf([...(await samplesOf(store)), [at, used, journal]], at);
  return {
    at,
    classes,
    bytes: size.bytes + size.logBytes,
    diskFreeBytes: size.leftBytes,
    growth,
    forecast: {
      diskFullAt: growth === undefined ? undefined : reachedAt(at, size.leftBytes, growth.bytesPerDay),
      journalCapAt: growth === undefined ? undefined : reachedAt(at, agents * journalBytes - journal, growth.journalBytesPerDay),
    },
  };
}

/** Notes how much is in use, at most once an hour; the list of samples is bounded. */
export async function sampleStorage({ store, clock, committer }: Core): Promise<void> {
  const now = clock.now();
  const samples = await samplesOf(store);
  const last = samples.at(-1);
  if (last !== undefined && now - last[0] < SAMPLE_MS) return;
  const { bytes, freeBytes } = await store.size();
  const { journal = 0 } = await store.usage();
  const next = thinned([...samples, [now, bytes - freeBytes, journal]]);
  await committer.write({ facts: { [FACT]: JSON.stringify(next) } });
}

/** A list of samples that is short enough: the older half has every second one only. */
export function thinned(samples: readonly StorageSample[]): readonly StorageSample[] {
  if (samples.length <= SAMPLES_MAX) return samples;
  const half = Math.floor(samples.length / 2);
  return samples.filter((_, at) => at >= half || at % 2 === 0);
}

/** The line through the samples of the last week, by least squares; undefined where they span less than an hour. */
export function growthOf(samples: readonly StorageSample[], now: number): Growth | undefined {
  const recent = samples.filter(([at]) => at >= now - WEEK_MS && at <= now);
  // After a long rest the newest sample before it is better than none.
  const before = samples.findLast(([at]) => at < now - WEEK_MS);
  const chosen = recent.length < 2 && before !== undefined ? [before, ...recent] : recent;
  const since = chosen[0]?.[0] ?? now;
  if (chosen.length < 2 || now - since < HOUR_MS) return undefined;
  const slope = (value: (sample: StorageSample) => number): number => {
    const meanAt = mean(chosen.map(([at]) => at));
    const meanValue = mean(chosen.map(value));
    let above = 0;
    let below = 0;
    for (const sample of chosen) {
      above += (sample[0] - meanAt) * (value(sample) - meanValue);
      below += (sample[0] - meanAt) ** 2;
    }
    return Math.round((above / below) * DAY_MS);
  };
  return { bytesPerDay: slope(([, used]) => used), journalBytesPerDay: slope(([, , journal]) => journal), since, samples: chosen.length };
}

async function samplesOf(store: Store): Promise<readonly StorageSample[]> {
  const stored = await store.fact(FACT);
  return stored === undefined ? [] : (JSON.parse(stored) as readonly StorageSample[]);
}

/** When what is left is used up at a rate; undefined where it is not within a hundred years. */
export function reachedAt(at: number, left: number | undefined, perDay: number): number | undefined {
  if (left === undefined || left <= 0 || perDay <= 0) return undefined;
  const ms = (left / perDay) * DAY_MS;
  return ms > FORECAST_MS ? undefined : Math.round(at + ms);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function mebibytes(bytes: number): string {
  return bytes >= 1 << 20 ? `${round(bytes / (1 << 20))} MiB` : `${round(bytes / 1_024)} KiB`;
}

function days(ms: number): string {
  return `${round(ms / DAY_MS)} days`;
}

function hours(ms: number): string {
  return `${round(ms / HOUR_MS)} hours`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
