import { describe, test } from "node:test";
import { type Store, StoreLedger } from "../kernel/index.ts";
import { ledgerConformance } from "./ledger-conformance.ts";
import { agentCases, journalCases, listingCases, turnCases, unitCases, valueCases } from "./store-agent-cases.ts";
import { mailCases, timerCases, waitingCases } from "./store-mail-cases.ts";
import { endCases, factCases, memoryCases, recordCases } from "./store-record-cases.ts";
import { numberCases, restartCases } from "./store-restart-cases.ts";

/** An empty store under test. */
export interface StoreUnderTest {
  /** Not opened yet. */
  readonly store: Store;
  /** A new store, not opened yet, over the same data; the one before is closed. Not called where nothing outlives a store. */
  reopen(): Promise<Store>;
  /** Lets go of what was made, after its store was closed. */
  close(): Promise<void>;
}

/** Registers a case: its store is open, and closed after it. */
export type StoreCase = (title: string, run: (store: Store) => Promise<void>) => void;

/** Registers a case that closes the store and opens it again; only where data outlives a store. */
export type RestartCase = (title: string, run: (store: Store, reopen: () => Promise<Store>) => Promise<void>) => void;

const CASES: readonly ((check: StoreCase) => void)[] = [
  agentCases,
  listingCases,
  turnCases,
  unitCases,
  journalCases,
  valueCases,
  mailCases,
  waitingCases,
  timerCases,
  recordCases,
  factCases,
  memoryCases,
  endCases,
];

/**
 * Registers the cases that every `Store` must pass with `node:test`; `open` is called once for each. A store in memory,
 * which nothing outlives, is spared the restarts.
 */
export function storeConformance(open: () => Promise<StoreUnderTest>, name = "store", kind: "durable" | "in memory" = "durable"): void {
  const check: StoreCase = (title, run) => {
    test(title, async () => {
      const place = await open();
      const { store } = place;
      try {
        await store.open();
        await run(store);
      } finally {
        await store.close();
        await place.close();
      }
    });
  };
  const restart: RestartCase = (title, run) => {
    test(title, async () => {
      const place = await open();
      try {
        await run(place.store, () => place.reopen());
      } finally {
        await place.close();
      }
    });
  };
  describe(`${name} keeps the contract of Store`, () => {
    for (const cases of CASES) cases(check);
    if (kind === "durable") {
      restartCases(restart);
      numberCases(restart);
    }
  });
  ledgerConformance(async () => {
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
  }, `${name}, as a ledger,`);
}
