import { describe, test } from "node:test";
import { type Store, StoreLedger } from "../kernel/index.ts";
import { ledgerCases } from "./ledger-conformance.ts";
import { agentCases, journalCases, listingCases, turnCases, unitCases, valueCases } from "./store-agent-cases.ts";
import { mailCases, timerCases, waitingCases } from "./store-mail-cases.ts";
import { atomicityCases, limitCases, raceCases, textCases } from "./store-unit-cases.ts";
import { endCases, factCases, memoryCases, recordCases } from "./store-record-cases.ts";
import { numberCases, restartCases, stepCases } from "./store-restart-cases.ts";

/** An empty store under test. */
export interface StoreUnderTest {
  /** Not opened yet. */
  readonly store: Store;
  /** A new store, not opened yet, over the same data; the one before is closed. Not called where nothing outlives a store. */
  reopen(): Promise<Store>;
  /**
   * A new store, not opened yet, over what a kill of the process at this moment would leave; the one before, which is
   * still open, is let go. Where it is left out the one before is closed without order, which proves less.
   */
  afterDeath?(): Promise<Store>;
  /** Lets go of what was made, after its store was closed. */
  close(): Promise<void>;
}

/** Registers a case: its store is open, and closed after it. */
export type StoreCase = (title: string, run: (store: Store) => Promise<void>) => void;

/** How a case begins its store's next life. */
interface NextLife {
  /** After the store was closed. */
  readonly reopen: () => Promise<Store>;
  /** In the place of closing it. */
  readonly die: (store: Store) => Promise<Store>;
}

/** Registers a case that closes the store and opens it again; only where data outlives a store. */
export type RestartCase = (title: string, run: (store: Store, next: NextLife) => Promise<void>) => void;

/** One promise of the contract; `run` rejects where the store does not keep it, and wants a store of its own. */
export interface ConformanceCase {
  readonly title: string;
  readonly run: (open: () => Promise<StoreUnderTest>) => Promise<void>;
}

/** Whether data outlives the store. */
export type StoreKind = "durable" | "in memory";

const CASES: readonly ((check: StoreCase) => void)[] = [
  agentCases,
  listingCases,
  turnCases,
  unitCases,
  atomicityCases,
  raceCases,
  journalCases,
  valueCases,
  textCases,
  limitCases,
  mailCases,
  waitingCases,
  timerCases,
  recordCases,
  factCases,
  memoryCases,
  endCases,
];
const RESTARTS: readonly ((restart: RestartCase) => void)[] = [restartCases, numberCases, stepCases];

/** What every `Store` must keep, by title; those of its ledger begin with `ledger: `. */
export function storeCases(kind: StoreKind = "durable"): readonly ConformanceCase[] {
  const cases: ConformanceCase[] = [];
  const check: StoreCase = (title, run) => void cases.push({ title, run: (open) => withOpen(open, run) });
  const restart: RestartCase = (title, run) => void cases.push({ title, run: (open) => withLives(open, run) });
  for (const add of CASES) add(check);
  if (kind === "durable") for (const add of RESTARTS) add(restart);
  for (const { title, run } of ledgerCases()) cases.push({ title: `ledger: ${title}`, run: (open) => run(() => ledgerOf(open)) });
  return cases;
}

/**
 * Registers the cases that every `Store` must pass with `node:test`; `open` is called once for each. A store in memory,
 * which nothing outlives, is spared the restarts.
 */
export function storeConformance(open: () => Promise<StoreUnderTest>, name = "store", kind: StoreKind = "durable"): void {
  describe(`${name} keeps the contract of Store`, () => {
    for (const { title, run } of storeCases(kind)) test(title, () => run(open));
  });
}

async function withOpen(open: () => Promise<StoreUnderTest>, run: (store: Store) => Promise<void>): Promise<void> {
  const place = await open();
  const { store } = place;
  try {
    await store.open();
    await run(store);
  } finally {
    await store.close();
    await place.close();
  }
}

async function withLives(open: () => Promise<StoreUnderTest>, run: (store: Store, next: NextLife) => Promise<void>): Promise<void> {
  const place = await open();
  const die = async (store: Store): Promise<Store> => {
    if (place.afterDeath !== undefined) return place.afterDeath();
    await store.close(false);
    return place.reopen();
  };
  try {
    await run(place.store, { reopen: () => place.reopen(), die });
  } finally {
    await place.close();
  }
}

async function ledgerOf(open: () => Promise<StoreUnderTest>): Promise<StoreLedger & AsyncDisposable> {
  const place = await open();
  const { store } = place;
  await store.open();
  const ledger = new StoreLedger(store, async (commit) => {
    const [error] = await store.commit([commit]);
    if (error !== undefined) throw error;
  });
  return Object.assign(ledger, {
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await store.close();
      await place.close();
    },
  });
}
